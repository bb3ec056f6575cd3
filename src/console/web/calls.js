// Calls that are over, the latest first.

import { api } from "./lib/api.js";
import { byId, el, fill } from "./lib/dom.js";
import { begin, refused, toast } from "./lib/page.js";
import { readTitles } from "./lib/titles.js";
import { MOODS, ago, clock, count, moment, moodOf, outcome } from "./lib/words.js";

/** @typedef {import("./lib/api.js").CallRow} CallRow */

/** Calls that are read at once. */
const PAGE = 50;

const main = byId("main");
await begin();
const titles = await readTitles();
const title = el("h1", {}, "Calls");
const body = el("tbody", {});
const heads = ["Began", "What it was about", "How it came out", "With", "Peak", "Length"];
const table = el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": "Calls, the latest first" }, el("table", { class: "list" },
  el("thead", {}, el("tr", {}, ...heads.map((head, n) => el("th", { scope: "col", class: n === 5 ? "n" : null }, head)))), body));
const more = el("button", { type: "button", hidden: true, on: { click: () => read() } }, "Older calls");
const place = el("div", { class: "loading" });
/** @type {CallRow[]} */
const all = [];

fill(main, el("div", { class: "stack" }, title, place, more));
read();

async function read() {
  more.disabled = true;
  try {
    const rows = await api.calls({ before: all.at(-1)?.id, limit: PAGE });
    all.push(...rows);
    place.className = "";
    body.append(...rows.map(row));
    fill(place, all.length ? table : empty());
    more.hidden = rows.length < PAGE;
    if (all.length) title.textContent = sentence();
  } catch (error) {
    place.className = "";
    if (all.length) toast(error instanceof Error ? error.message : "", "fault");
    else fill(place, refused(error, "The calls can't be shown"));
  }
  more.disabled = false;
}

const empty = () => el("div", { class: "state" }, el("span", { class: "shape", "aria-hidden": "true" }, "∅"), el("h2", {}, "No call is kept yet"), el("p", {}, "A call appears here once it is over. To try one without a phone, run `segue demo`."));

function sentence() {
  const day = new Date().toDateString(), today = all.filter((call) => new Date(call.began).toDateString() === day);
  const bridged = today.filter((call) => call.outcome === "bridged").length, lost = today.filter((call) => call.outcome === "abandoned").length;
  if (!today.length) return `The latest call was ${ago(all[0].began, Date.now())}.`;
  return `${count(today.length, "call")} today: ${bridged} with a person${lost ? `, ${lost} hung up while waiting` : ""}.`;
}

/** @param {CallRow} call */
function row(call) {
  const peak = call.frustration_peak, feels = moodOf(peak ?? 0);
  const length = call.ended ? (Date.parse(call.ended) - Date.parse(call.began)) / 1000 : null;
  return el("tr", {},
    el("td", { title: moment(call.began) }, ago(call.began, Date.now())),
    el("td", { class: "about" }, el("a", { href: `/calls/${encodeURIComponent(call.id)}` }, call.headline ?? "Nothing was noted"), el("div", { class: "hint" }, [call.caller ?? "Number withheld", call.entry].filter(Boolean).join(" · "))),
    el("td", {}, outcome(call.outcome), call.handoffs > 1 && el("div", { class: "hint" }, count(call.handoffs, "handoff"))),
    el("td", {}, call.agent ? titles.agent(call.agent) : "–"),
    el("td", {}, peak === null ? "–" : el("span", { class: `mood ${feels}`, title: `${peak.toFixed(2)} of 1` }, el("span", { "aria-hidden": "true" }, MOODS[feels].shape), MOODS[feels].word)),
    el("td", { class: "n" }, clock(length)));
}
