// The calls of the wall, one a row, those that need somebody first. Nothing moves while the pointer or the focus is on them.

import { drawSpark, spark } from "../lib/curve.js";
import { el, fill, keep, put, say } from "../lib/dom.js";
import { MOODS, clock, moment, moodOf, since, stage } from "../lib/words.js";
import { ordered, wait } from "./model.js";

/** @typedef {import("./model.js").Row} Row */
/** What a row has, what of it is drawn, and what is to be drawn as soon as it is in sight.
 * @typedef {{button: HTMLElement, parts: Record<string, HTMLElement>, drawing: Element, row: Row|null, feels: string, second: number, opened: boolean|null, isHidden: boolean, late: (() => void)|null}} Drawn */

/** Who waits longer than this is marked, in s. */
const LONG = 60;
/** Rows change places at most this often, in ms: an order that never rests can't be read. */
const RESTS = 1_000;

/** @param {(id: string) => void} open */
export function makeRows(open) {
  const list = el("ul", { class: "rows", "aria-label": "Calls, those that need somebody first" });
  const still = el("p", { class: "hint still", hidden: true }, "The order stays while you are on the list.");
  const empty = el("p", { class: "empty" }, "No calls at the moment. They appear here as they come in.");
  const node = el("section", { class: "stack tight" }, el("div", { class: "head" }, el("h2", {}, "Calls"), still), empty, list);
  let over = false, movedAt = 0;
  /** @type {string[]} */
  let before = [];
  /** @type {WeakMap<HTMLElement, Drawn>} */
  const drawn = new WeakMap();
  list.addEventListener("pointerenter", () => { over = true; });
  list.addEventListener("pointerleave", () => { over = false; });

  /** @param {Row[]} rows @param {number} now in ms @param {string|null} opened */
  function draw(rows, now, opened) {
    const isStill = over || list.contains(document.activeElement);
    const rests = isStill || now - movedAt < RESTS;
    if (!rests) movedAt = now;
    const sorted = ordered(rows, now, before, rests);
    before = sorted.map((row) => row.id);
    still.hidden = !isStill || rows.length < 2;
    empty.hidden = rows.length > 0;
    list.hidden = rows.length === 0;
    keep(list, sorted, (row) => row.id, (row) => make(row, open, drawn), (item, row) => update(item, /** @type {Drawn} */ (drawn.get(item)), row, now, opened));
  }
  return { node, draw };
}

/** @param {Row} row @param {(id: string) => void} open @param {WeakMap<HTMLElement, Drawn>} drawn */
function make(row, open, drawn) {
  /** @type {Record<string, HTMLElement>} */
  const parts = {};
  const part = (/** @type {string} */ name, /** @type {Record<string, any>} */ more = {}) => (parts[name] = el("span", { class: name, ...more }));
  const drawing = spark(row.scores);
  const button = el("button", { type: "button", class: "row-button", on: { click: () => open(row.id) } },
    el("span", { class: "how" }, part("feeling"), el("span", { class: "at" }, part("shape", { "aria-hidden": "true" }), part("stage"))), el("span", { class: "what" }, part("headline"), part("who-where")), drawing, el("span", { class: "times" }, part("waited"), part("length", { title: `Began ${moment(row.began)}` })));
  const item = el("li", {}, button);
  /** @type {Drawn} */
  const it = { button, parts, drawing, row: null, feels: "", second: 0, opened: null, isHidden: false, late: null };
  drawn.set(item, it);
  // A browser that does not tell has them all drawn.
  item.addEventListener("contentvisibilityautostatechange", (event) => {
    it.isHidden = /** @type {Event & {skipped: boolean}} */ (event).skipped;
    if (!it.isHidden) it.late?.();
  });
  return item;
}

/** What has changed of a row, if it is in sight; with many calls most are as they were, or far down. @param {HTMLElement} item @param {Drawn} drawn @param {Row} row @param {number} now in ms @param {string|null} opened */
function update(item, drawn, row, now, opened) {
  const draw = (/** @type {number} */ at) => {
    const isOpened = opened === row.id, second = Math.floor(at / 1000), isNews = drawn.row !== row;
    if (drawn.opened !== isOpened) put(drawn.button, "aria-pressed", String(isOpened));
    if (isNews) look(item, drawn, row);
    if (isNews || drawn.second !== second) count(drawn, row, at);
    Object.assign(drawn, { row, second, opened: isOpened, late: null });
  };
  if (drawn.isHidden && drawn.row) drawn.late = () => draw(Date.now());
  else draw(now);
}

/** How it is. @param {HTMLElement} item @param {Drawn} drawn @param {Row} row */
function look(item, drawn, row) {
  const { parts } = drawn, feels = row.mood ?? moodOf(row.frustration), is = stage(row.stage);
  put(item, "class", `${row.stage} ${feels}`);
  put(parts.feeling, "title", `Frustration ${row.frustration.toFixed(2)} of 1`);
  if (drawn.feels !== feels) fill(parts.feeling, el("span", { class: `mood ${feels}` }, el("span", { "aria-hidden": "true" }, MOODS[feels].shape), MOODS[feels].word));
  drawn.feels = feels;
  say(parts.shape, `${is.shape} `);
  say(parts.stage, is.word);
  say(parts.headline, row.headline ?? "Nothing was said yet");
  put(parts.headline, "title", row.headline);
  say(parts["who-where"], [row.caller ?? "Number withheld", row.agent ? `with ${row.agent}` : row.queue ? `for ${row.queue}` : row.entry].join(" · "));
  if (drawn.row) drawSpark(drawn.drawing, row.scores);
}

/** For how long. @param {Drawn} drawn @param {Row} row @param {number} now in ms */
function count({ parts }, row, now) {
  const waited = wait(row, now), seeks = row.stage === "waiting" || row.stage === "ringing", isLong = waited !== null && waited > LONG;
  put(parts.waited, "class", isLong ? "waited long" : "waited");
  say(parts.waited, waited !== null && seeks ? `${isLong ? "! " : ""}waits ${clock(waited)}` : "");
  say(parts.length, `${clock(since(row.began, now))} in all`);
}
