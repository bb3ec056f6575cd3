// The frustration score over time: a curve with marks for a call, a sparkline for a row of the wall.

import { fill, put, svg } from "./dom.js";
import { clock, mark, mood, moodOf, MOODS, signalName } from "./words.js";

/** @typedef {import("./api.js").Point} Point */
/** @typedef {{kind: string, letter?: string, start_s: number, why: string}} Mark */

const HEIGHT = 112, TOP = 24, BOTTOM = 20, LEFT = 4, RIGHT = 76;
/** Where moods change; the same borders as in the packet. */
const BORDERS = [{ score: 0.3, mood: "rising" }, { score: 0.6, mood: "frustrated" }];
/** Width of a mark, in px. */
const MARK = 18;
/** Points of a sparkline. */
const SPARKS = 60;

/** The steps of a time axis that fit. @param {number} total in s @param {number} most */
export function steps(total, most) {
  const step = [5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600].find((s) => total / s <= most) ?? 7200;
  return Array.from({ length: Math.floor(total / step) + 1 }, (_, n) => n * step);
}

/** A path through the points, level between them. @param {readonly Point[]} points @param {number} end in s @param {(secs: number) => number} x @param {(score: number) => number} y */
export function path(points, end, x, y) {
  let d = `M${x(0).toFixed(1)} ${y(0).toFixed(1)}`, last = 0;
  for (const { at_s, score } of points) {
    // A rise is a step by a signal; a fall is decay and slopes.
    d += score > last ? `H${x(at_s).toFixed(1)}V${y(score).toFixed(1)}` : `L${x(at_s).toFixed(1)} ${y(score).toFixed(1)}`;
    last = score;
  }
  return `${d}H${x(Math.max(end, points.at(-1)?.at_s ?? 0)).toFixed(1)}`;
}

export class Curve extends HTMLElement {
  /** @type {{points: readonly Point[], marks: readonly Mark[], end: number, flags: {at_s: number, word: string}[]}} */
  #told = { points: [], marks: [], end: 0, flags: [] };
  #head = /** @type {number|null} */ (null);

  connectedCallback() {
    if (this.drawing) return;
    this.drawing = svg("svg", { role: "img", height: HEIGHT });
    this.append(this.drawing);
    new ResizeObserver(() => this.#draw()).observe(this);
  }

  /** @param {readonly Point[]} points @param {readonly Mark[]} marks @param {number} end in s @param {{at_s: number, word: string}[]} [flags] */
  show(points, marks, end, flags = []) {
    this.#told = { points, marks, end, flags };
    this.#draw();
  }

  /** Where it is played. @param {number|null} secs */
  head(secs) {
    this.#head = secs;
    const line = this.drawing?.querySelector(".head");
    const x = this.#x();
    if (line && secs !== null) { line.setAttribute("x1", String(x(secs))); line.setAttribute("x2", String(x(secs))); }
    else this.#draw();
  }

  #x() {
    const width = Math.max(200, this.clientWidth), total = Math.max(10, this.#told.end);
    return (/** @type {number} */ secs) => LEFT + (secs / total) * (width - LEFT - RIGHT);
  }

  #draw() {
    const { drawing } = this;
    if (!drawing || !this.clientWidth) return;
    const { points, marks, end, flags } = this.#told;
    const width = Math.max(200, this.clientWidth), x = this.#x(), y = (/** @type {number} */ score) => HEIGHT - BOTTOM - score * (HEIGHT - TOP - BOTTOM);
    drawing.setAttribute("width", String(width));
    const peak = points.reduce((most, point) => Math.max(most, point.score), 0);
    drawing.setAttribute("aria-label", `Frustration: now ${MOODS[moodOf(points.at(-1)?.score ?? 0)].word.toLowerCase()}, peak ${peak.toFixed(2)} of 1, ${marks.length} signals`);
    const d = path(points, end, x, y), right = width - RIGHT;
    const parts = BORDERS.flatMap(({ score, mood: word }) => [
      svg("line", { class: "border", x1: LEFT, x2: right, y1: y(score), y2: y(score) }),
      svg("text", { class: word, x: right + 8, y: y(score) - 4 }, MOODS[mood(word)].word),
    ]);
    parts.push(svg("line", { class: "axis", x1: LEFT, x2: right, y1: y(0), y2: y(0) }));
    for (const at of steps(Math.max(10, end), Math.max(2, (right - LEFT) / 72))) parts.push(svg("text", { class: "tick", x: x(at), y: HEIGHT - 4 }, clock(at)));
    parts.push(svg("path", { class: "under", d: `${d}V${y(0)}H${x(0)}Z` }), svg("path", { class: `line ${moodOf(points.at(-1)?.score ?? 0)}`, d }));
    for (const { at_s, word } of flags) parts.push(svg("line", { class: "flag", x1: x(at_s), x2: x(at_s), y1: TOP - 4, y2: y(0) }), svg("text", { class: "flagged", x: x(at_s) + 4, y: y(0.02) - 2 }, word));
    let free = -Infinity;
    // Marks that would lie on each other stand side by side.
    for (const one of marks) parts.push(svg("text", { class: "mark", x: (free = Math.max(x(one.start_s), free + MARK)), y: TOP - 8 }, mark(one), svg("title", {}, `${signalName(one.kind)}: ${one.why}`)));
    if (this.#head !== null) parts.push(svg("line", { class: "head", x1: x(this.#head), x2: x(this.#head), y1: 0, y2: y(0) }));
    fill(drawing, ...parts);
  }
}
customElements.define("segue-curve", Curve);

/** The last scores of a call, as a small curve without words. @param {readonly number[]} scores */
export function spark(scores) {
  const width = 120, height = 32;
  const drawing = svg("svg", { class: "spark", viewBox: `0 0 ${width} ${height}`, width, height, "aria-hidden": "true" });
  drawSpark(drawing, scores);
  return drawing;
}

/** @param {Element} drawing @param {readonly number[]} scores */
export function drawSpark(drawing, scores) {
  const width = 120, height = 32, some = scores.slice(-SPARKS);
  const points = some.map((score, n) => `${((n + SPARKS - some.length) * (width - 4)) / (SPARKS - 1) + 2},${(height - 3 - score * (height - 6)).toFixed(1)}`);
  const last = some.at(-1) ?? 0;
  if (!drawing.childElementCount) drawing.append(svg("line", { class: "axis", x1: 0, x2: width, y1: height - 3, y2: height - 3 }), svg("polyline"), svg("circle", { cx: width - 2, r: 2.5 }));
  const [, line, dot] = drawing.children;
  put(line, "class", `line ${moodOf(last)}`);
  put(line, "points", points.join(" "));
  put(dot, "class", `dot ${moodOf(last)}`);
  put(dot, "cy", (height - 3 - last * (height - 6)).toFixed(1));
}

/** A ring that empties; the seconds stand in it. */
export class Ring extends HTMLElement {
  connectedCallback() {
    if (this.arc) return;
    this.arc = svg("circle", { class: "arc", cx: 40, cy: 40, r: 34, pathLength: 1 });
    this.label = svg("text", { x: 40, y: 41 });
    this.append(svg("svg", { viewBox: "0 0 80 80", width: 80, height: 80, "aria-hidden": "true" }, svg("circle", { class: "track", cx: 40, cy: 40, r: 34 }), this.arc, this.label));
  }

  /** @param {number} left in s @param {number} of in s */
  show(left, of) {
    const share = Math.min(1, Math.max(0, left / Math.max(of, 1)));
    this.arc?.setAttribute("stroke-dasharray", `${share} 1`);
    const text = String(Math.max(0, Math.ceil(left)));
    if (this.label && this.label.textContent !== text) this.label.textContent = text;
    this.classList.toggle("late", left <= 5);
  }
}
customElements.define("segue-ring", Ring);
