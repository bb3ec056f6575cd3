// The calls of the wall, one a row, those that need somebody first. Nothing moves while the pointer or the focus is on them.

import { drawSpark, spark } from "../lib/curve.js";
import { el, fill, keep, put, say } from "../lib/dom.js";
import { MOODS, clock, moment, moodOf, since, stage } from "../lib/words.js";
import { ordered, wait } from "./model.js";

/** @typedef {import("./model.js").Row} Row */

/** Who waits longer than this is marked, in s. */
const LONG = 60;

/** @param {(id: string) => void} open */
export function makeRows(open) {
  const list = el("ul", { class: "rows", "aria-label": "Calls, those that need somebody first" });
  const still = el("p", { class: "hint still", hidden: true }, "The order stays while you are on the list.");
  const empty = el("p", { class: "empty" }, "No calls at the moment. They appear here as they come in.");
  const node = el("section", { class: "stack tight" }, el("div", { class: "head" }, el("h2", {}, "Calls"), still), empty, list);
  let over = false;
  /** @type {string[]} */
  let before = [];
  list.addEventListener("pointerenter", () => { over = true; });
  list.addEventListener("pointerleave", () => { over = false; });

  /** @param {Row[]} rows @param {number} now in ms @param {string|null} opened */
  function draw(rows, now, opened) {
    const isStill = over || list.contains(document.activeElement);
    const sorted = ordered(rows, now, before, isStill);
    before = sorted.map((row) => row.id);
    still.hidden = !isStill || rows.length < 2;
    empty.hidden = rows.length > 0;
    list.hidden = rows.length === 0;
    keep(list, sorted, (row) => row.id, (row) => make(row, open), (item, row) => update(item, row, now, opened));
  }
  return { node, draw };
}

/** @param {Row} row @param {(id: string) => void} open */
function make(row, open) {
  const part = (/** @type {string} */ name) => el("span", { class: name });
  return el("li", {}, el("button", { type: "button", class: "row-button", on: { click: () => open(row.id) } },
    el("span", { class: "how" }, part("feeling"), el("span", { class: "at" }, el("span", { class: "shape", "aria-hidden": "true" }), part("stage"))), el("span", { class: "what" }, part("headline"), part("who-where")), spark(row.scores), el("span", { class: "times" }, part("waited"), part("length"))));
}

/** @param {HTMLElement} item @param {Row} row @param {number} now in ms @param {string|null} opened */
function update(item, row, now, opened) {
  const button = /** @type {HTMLElement} */ (item.firstElementChild);
  const find = (/** @type {string} */ name) => /** @type {HTMLElement} */ (button.querySelector(`.${name}`));
  const feels = row.mood ?? moodOf(row.frustration), is = stage(row.stage), waited = wait(row, now), seeks = row.stage === "waiting" || row.stage === "ringing";
  put(item, "class", `${row.stage} ${feels}`);
  put(button, "aria-pressed", String(opened === row.id));
  put(find("feeling"), "title", `Frustration ${row.frustration.toFixed(2)} of 1`);
  if (item.dataset.drawn !== feels) fill(find("feeling"), el("span", { class: `mood ${feels}` }, el("span", { "aria-hidden": "true" }, MOODS[feels].shape), MOODS[feels].word));
  item.dataset.drawn = feels;
  say(find("shape"), `${is.shape} `);
  say(find("stage"), is.word);
  say(find("headline"), row.headline ?? "Nothing was said yet");
  put(find("headline"), "title", row.headline);
  say(find("who-where"), [row.caller ?? "Number withheld", row.agent ? `with ${row.agent}` : row.queue ? `for ${row.queue}` : row.entry].join(" · "));
  const drawing = button.querySelector("svg");
  if (drawing && drawing.dataset.n !== `${row.readAt}`) { drawing.dataset.n = `${row.readAt}`; drawSpark(drawing, row.scores); }
  const isLong = waited !== null && waited > LONG;
  put(find("waited"), "class", isLong ? "waited long" : "waited");
  say(find("waited"), waited !== null && seeks ? `${isLong ? "! " : ""}waits ${clock(waited)}` : "");
  say(find("length"), `${clock(since(row.began, now))} in all`);
  put(find("length"), "title", `Began ${moment(row.began)}`);
}
