// The clocks of a handoff, as a bar from the trigger to the bot's departure with the goals as ticks.

import { el, svg } from "./dom.js";
import { span } from "./words.js";

/** @typedef {import("./api.js").Handoff} Handoff */

/** What each clock measures, and its goal in ms. @type {{name: string, title: string, goal: number}[]} */
const CLOCKS = [
  { name: "time_to_notice", title: "Until the caller is told", goal: 1000 },
  { name: "time_to_context", title: "Until the agent sees why", goal: 250 },
  { name: "time_to_human", title: "Until they talk", goal: 30_000 },
  { name: "pick_up_gap", title: "From accepting to talking", goal: 60 },
  { name: "bridge_gap", title: "Silence that the caller hears", goal: 200 },
];
const WIDTH = 320, ROW = 22;

/** The bar and a table of the clocks; nothing where none ran. @param {Handoff} handoff */
export function clocks(handoff) {
  const measured = CLOCKS.filter(({ name }) => handoff.clocks_ms?.[name] != null);
  if (!measured.length) return null;
  const rows = measured.map(({ name, title, goal }) => {
    const ms = handoff.clocks_ms?.[name] ?? 0, isWithin = ms <= goal;
    return el("tr", {}, el("th", { scope: "row" }, title), el("td", { class: "n" }, span(ms / 1000)), el("td", { class: isWithin ? "within" : "over" }, isWithin ? `✓ within ${span(goal / 1000)}` : `! over ${span(goal / 1000)}`));
  });
  return el("div", { class: "clocks" }, bar(handoff), el("table", {}, el("caption", { class: "unseen" }, "Clocks of this handoff"), el("tbody", {}, ...rows)));
}

/** @param {Handoff} handoff */
function bar(handoff) {
  const names = ["trigger", "told", "shown", "asked", "accepted", "talking", "bot gone"];
  const known = (handoff.t_s ?? []).map((at, n) => ({ at, name: names[n] })).filter((one) => one.at !== null && one.at !== undefined);
  if (known.length < 2) return null;
  const first = known[0].at ?? 0, last = Math.max(...known.map((one) => one.at ?? 0)), x = (/** @type {number} */ at) => 8 + ((at - first) / Math.max(0.001, last - first)) * (WIDTH - 16);
  const talk = handoff.t_s?.[5] ?? last;
  const label = known.map((one) => `${one.name} after ${span((one.at ?? 0) - first)}`).join(", ");
  const place = svg("svg", { class: "clockbar", viewBox: `0 0 ${WIDTH} ${ROW * 2}`, role: "img", "aria-label": label });
  place.append(svg("rect", { class: "seek", x: x(first), y: 4, width: Math.max(2, x(talk) - x(first)), height: 14 }), svg("rect", { class: "join", x: x(talk), y: 4, width: Math.max(2, x(last) - x(talk)), height: 14 }));
  for (const one of known) place.append(svg("line", { class: "stem", x1: x(one.at ?? 0), x2: x(one.at ?? 0), y1: 1, y2: 21 }, svg("title", {}, `${one.name}: ${span((one.at ?? 0) - first)}`)));
  place.append(svg("text", { x: 8, y: 38 }, "trigger"), svg("text", { x: WIDTH - 8, y: 38, "text-anchor": "end" }, `${known.at(-1)?.name}, ${span(last - first)}`));
  return place;
}
