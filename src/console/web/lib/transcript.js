// What was said, as it is said: the caller left, whoever serves them right, signals in the margin where they happened.
// It follows the latest words until one scrolls up; then it stays, and a button leads back down.

import { el, keep, put, say } from "./dom.js";
import { PEOPLE, clock, mark, measure, signalName } from "./words.js";

/** @typedef {import("./api.js").Turn} Turn */
/** @typedef {import("./api.js").Signal} Signal */
/** @typedef {{who: string, text: string|null, final?: boolean, start_s: number, end_s: number}} Said */

/** So close to the end still follows, in px. */
const NEAR = 48;

/** The turn that a signal stands beside: the latest of its speaker that had begun by its end. @param {readonly Said[]} turns @param {{start_s: number, end_s: number}} signal */
export function beside(turns, signal) {
  const own = turns.findLastIndex((turn) => turn.who === "caller" && turn.start_s <= signal.end_s + 0.05);
  return own >= 0 ? own : turns.findLastIndex((turn) => turn.start_s <= signal.end_s);
}

/** @param {HTMLElement} list */
const sizeOf = (list) => `${list.clientWidth}x${list.clientHeight}`;

export class Transcript extends HTMLElement {
  #follows = true;
  #size = "";
  /** Whether it begins at its end; what is over begins at its beginning. */
  live = true;
  /** @type {((secs: number) => void)|null} */
  seek = null;
  /** Names for parties, such as the agent's own. @type {Record<string, string>} */
  names = {};
  empty = "Nothing was said yet.";

  connectedCallback() {
    if (this.list) return;
    this.list = el("ol", { class: "turns", tabindex: "0", "aria-label": "Transcript" });
    this.none = el("p", { class: "empty" }, this.empty);
    this.down = el("button", { type: "button", class: "down", hidden: true, on: { click: () => this.#toEnd() } }, "↓ Latest words");
    this.list.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    this.append(this.none, this.list, this.down);
    new ResizeObserver(() => { if (this.#follows && this.live) this.#toEnd(); }).observe(this.list);
  }

  /** @param {readonly Said[]} turns @param {readonly Signal[]} signals */
  show(turns, signals) {
    if (!this.list || !this.none) return;
    this.none.hidden = turns.length + signals.length > 0;
    this.list.hidden = !this.none.hidden;
    const places = signals.map((signal) => beside(turns, signal));
    const rows = turns.map((turn, n) => ({ turn, marks: signals.filter((_, k) => places[k] === n) }));
    const first = signals.filter((_, k) => places[k] < 0);
    if (first.length) rows.unshift({ turn: { who: "none", text: "", final: true, start_s: 0, end_s: 0 }, marks: first });
    keep(this.list, rows, ({ turn }) => `${turn.who}@${turn.start_s}`, () => this.#row(), (node, row) => this.#update(node, row));
    if (this.#follows && this.live) this.#toEnd();
  }

  /** Which turn is being heard, when it is played. @param {number} secs */
  current(secs) {
    if (!this.list) return;
    let found = null;
    for (const node of /** @type {Iterable<HTMLElement>} */ (this.list.children)) {
      const is = Number(node.dataset.start) <= secs && secs < Number(node.dataset.end) + 0.3;
      node.classList.toggle("current", is);
      if (is) found = node;
    }
    if (found) found.scrollIntoView({ block: "nearest" });
  }

  #row() {
    const at = this.seek
      ? el("button", { type: "button", class: "at", on: { click: (/** @type {Event} */ event) => this.seek?.(Number(/** @type {HTMLElement} */ (event.currentTarget).dataset.secs)) } })
      : el("span", { class: "at" });
    return el("li", {}, el("div", { class: "margin" }), el("div", { class: "bubble" }, el("div", { class: "by" }, el("span", { class: "who" }), at), el("p", { class: "text" })));
  }

  /** @param {HTMLElement} node @param {{turn: Said, marks: readonly Signal[]}} row */
  #update(node, { turn, marks }) {
    put(node, "class", `${turn.who === "caller" || turn.who === "bot" || turn.who === "none" ? turn.who : "person"}${turn.final === false ? " partial" : ""}${node.classList.contains("current") ? " current" : ""}`);
    node.dataset.start = String(turn.start_s);
    node.dataset.end = String(turn.end_s);
    const [margin, bubble] = node.children;
    const at = /** @type {HTMLElement} */ (bubble.querySelector(".at"));
    at.dataset.secs = String(turn.start_s);
    say(/** @type {Element} */ (bubble.querySelector(".who")), this.names[turn.who] ?? PEOPLE[turn.who] ?? turn.who);
    say(at, clock(turn.start_s));
    const text = /** @type {Element} */ (bubble.querySelector(".text"));
    say(text, turn.text ?? "(not understood)");
    text.classList.toggle("nothing", turn.text === null);
    keep(margin, marks, (signal) => `${signal.kind}@${signal.start_s}`, signalMark);
  }

  #scrolled() {
    const { list, down } = this;
    if (!list || !down) return;
    // What moves because the page got another size was not scrolled by anybody.
    const size = sizeOf(list), isSame = size === this.#size;
    this.#size = size;
    if (!isSame && this.#follows && this.live) return this.#toEnd();
    this.#follows = list.scrollHeight - list.scrollTop - list.clientHeight < NEAR;
    down.hidden = this.#follows || !this.live;
  }

  #toEnd() {
    const { list, down } = this;
    if (!list || !down) return;
    this.#follows = down.hidden = true;
    list.scrollTop = list.scrollHeight;
    // Who scrolls from here on does so in this size, also if no scrolling was seen in it before.
    this.#size = sizeOf(list);
  }
}
customElements.define("segue-transcript", Transcript);

/** A signal's mark; hover or focus tells value, unit and why. @param {Signal} signal */
export function signalMark(signal) {
  const name = signalName(signal.kind);
  const tip = el("span", { class: "tip", role: "tooltip" }, el("strong", {}, name), `${measure(signal)} · ${clock(signal.start_s)}`, el("br"), signal.why);
  return el("button", { type: "button", class: "sign", "aria-label": `${name}: ${signal.why}` }, el("span", { "aria-hidden": "true" }, mark(signal)), tip);
}
