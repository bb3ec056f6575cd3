// The top of the desk: what the agent does, since when, whether they take calls, and their own numbers.

import { api } from "../lib/api.js";
import { asking, button, done } from "../lib/asked.js";
import { el, fill, put, say } from "../lib/dom.js";
import { agentState, clock, count, moment, since, words } from "../lib/words.js";
import { makeSounds } from "./check.js";
import { sentence } from "./model.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("./ear.js").Ear} Ear */

/** What a line is, in words. @type {Record<string, {shape: string, word: string}>} */
const LINES = {
  none: { shape: "○", word: "Line closed" }, connecting: { shape: "◔", word: "Line opens…" }, up: { shape: "●", word: "Line up" },
  lost: { shape: "⇅", word: "Line lost, finding its way" }, failed: { shape: "✕", word: "Line failed" },
  taken: { shape: "⧉", word: "Line is in another window" },
};

/** @param {Ear} ear @param {() => Promise<void>} goOn */
export function makeDuty(ear, goOn) {
  const title = el("h1", { id: "sentence" });
  const shape = el("span", { class: "shape", "aria-hidden": "true" }), word = el("strong", {}), timer = el("span", { class: "quiet" });
  const state = el("div", { class: "doing" }, shape, word, timer);
  const line = el("li", {}), calls = el("li", {}), handle = el("li", {});
  const on = button({ word: "Go on duty", class: "go" }, () => asking(on, goOn, "Opening your line"));
  const back = button({ word: "Back on duty", class: "go" }, () => asking(back, goOn));
  const off = button({ word: "Go off duty" }, () => asking(off, () => api.presence({ presence: "offline" })));
  const connect = button({ word: "Connect the line", class: "go" }, () => asking(connect, async () => { await ear.connect(); done(connect); }, "Connecting"));
  const reasons = el("div", { class: "menu-body" });
  const breakWord = el("span", { class: "word" }, "Break");
  const breaks = el("details", { class: "menu" }, el("summary", {}, breakWord), reasons);
  const sounds = el("details", { class: "menu right" }, el("summary", {}, el("span", { "aria-hidden": "true" }, "♪ "), "Sounds"), el("div", { class: "menu-body" }, makeSounds()));
  const buttons = el("div", { class: "row" }, on, back, connect, breaks, off, sounds);
  const node = el("div", { class: "duty" }, el("div", { class: "stack tight grow" }, title, el("div", { class: "row wide" }, state, el("ul", { class: "facts" }, line, calls, handle))), buttons);
  /** @type {string|null} */
  let known = null;

  /** @param {View} view */
  function drawReasons(view) {
    const later = view.state === "on_call" || view.state === "ringing" || view.state === "wrap_up";
    const key = `${later}|${view.break_reasons.join("|")}`;
    say(breakWord, view.break_after_call ? "Break is coming" : later ? "Break after this call" : "Break");
    if (key === known) return;
    known = key;
    fill(reasons, ...view.break_reasons.map((reason) => {
      const one = button({ word: words(reason) }, async () => {
        breaks.open = false;
        await asking(one, () => api.presence({ presence: "break", reason, ...(later ? { after_call: true } : {}) }));
      });
      return one;
    }));
  }

  /** @param {View} view @param {number} now in ms */
  function draw(view, now) {
    const is = agentState(view.state === "offline" && view.on_duty ? "unreachable" : view.state), up = LINES[ear.line.state];
    say(title, sentence(view, ear.ready));
    put(state, "class", `doing ${view.state}`);
    say(shape, is.shape);
    say(word, is.word);
    say(timer, view.since ? clock(since(view.since, now)) : "");
    put(timer, "title", moment(view.since) || null);
    const isOn = view.on_duty;
    fill(line, el("span", { "aria-hidden": "true" }, `${up.shape} `), el("strong", {}, up.word));
    line.hidden = !isOn && ear.line.state === "none";
    put(line, "class", ["lost", "failed", "taken"].includes(ear.line.state) || (isOn && ear.line.state === "none") ? "fault" : null);
    fill(calls, el("strong", {}, count(view.numbers.calls_today, "call")), " today");
    fill(handle, "each about ", el("strong", {}, clock(view.numbers.mean_handle_s)));
    handle.hidden = view.numbers.mean_handle_s === null;
    on.hidden = isOn;
    back.hidden = view.state !== "break";
    connect.hidden = !isOn || view.state === "break" || ear.line.state === "up" || ear.line.state === "connecting" || ear.line.state === "lost";
    if (!connect.getAttribute("aria-busy")) say(/** @type {Element} */ (connect.querySelector(".word")), ear.line.state === "taken" ? "Take the line here" : "Connect the line");
    off.hidden = !isOn || view.state === "on_call" || view.state === "ringing";
    breaks.hidden = !isOn || view.state === "break" || view.break_reasons.length === 0;
    drawReasons(view);
  }

  /** The server has said what the agent does. */
  const settle = () => [on, back, off, ...reasons.querySelectorAll("button")].forEach((one) => done(/** @type {HTMLButtonElement} */ (one)));
  const close = () => { breaks.open = false; sounds.open = false; };
  document.addEventListener("click", (event) => [breaks, sounds].forEach((menu) => { if (!menu.contains(/** @type {Node} */ (event.target))) menu.open = false; }));
  return { node, draw, settle, close };
}
