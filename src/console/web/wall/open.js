// One call of the wall: its words as they are spoken, its curve, listening, and a person by hand.

import { api } from "../lib/api.js";
import { asking, button, done } from "../lib/asked.js";
import "../lib/curve.js";
import { el, fill, put, say } from "../lib/dom.js";
import { Line } from "../lib/line.js";
import { toast } from "../lib/page.js";
import { sound } from "../lib/sounds.js";
import { Transcript } from "../lib/transcript.js";
import { MOODS, clock, moodOf, since, stage } from "../lib/words.js";

/** @typedef {import("../lib/api.js").LiveCall} LiveCall */
/** @typedef {import("./model.js").Queue} Queue */

/** @param {() => void} close */
export function makeOpen(close) {
  /** @type {LiveCall|null} */
  let now = null;
  /** @type {string|null} */
  let heard = null;
  /** What of the call is drawn. @type {unknown[]} */
  let shown = [];
  const headline = el("h2", { tabindex: "-1" }), facts = el("p", { class: "hint" }), feeling = el("span", {}), at = el("span", { class: "chip" });
  const curve = /** @type {import("../lib/curve.js").Curve} */ (document.createElement("segue-curve"));
  const transcript = new Transcript();
  const listen = button({ word: "Listen", mark: "◖" }, () => (heard ? stop() : start()));
  const queue = el("select", { "aria-label": "Queue" });
  const person = button({ word: "Bring a person", mark: "☎" }, () => now && asking(person, () => api.handoff(now?.id ?? "", queue.value || null)));
  const shut = el("button", { type: "button", class: "plain", "aria-label": "Close this call", on: { click: close } }, "✕");
  const hearing = el("p", { class: "hint", role: "status" });
  const summary = el("p", {});
  const gone = el("p", { class: "next-link" });
  const node = el("section", { class: "open stack", "aria-label": "The open call" }, el("div", { class: "head" }, el("div", { class: "row" }, at, feeling), shut), headline, facts, summary, gone,
    el("div", { class: "row" }, listen, el("span", { class: "row hand" }, person, queue)), hearing, curve, transcript);
  const line = new Line({ open: api.openEar, restart: api.restartEar, close: api.closeEar }, { state: () => draw(), blocked: (blocked) => blocked && toast("Click “Listen” once more: the browser holds the sound back.", "fault"), unplugged: () => {} });

  async function start() {
    const call = now?.id;
    if (!call) return;
    await asking(listen, async () => {
      const { ice_servers: servers } = await api.rtc().catch(() => ({ ice_servers: [] }));
      // A line carries both ways: what leaves here is silence without a microphone, and the server keeps it shut too.
      const { stream } = sound().createMediaStreamDestination();
      const answer = await line.open(stream, servers ?? []);
      await api.listen(call, answer && "line" in answer ? String(answer.line) : "");
      heard = call;
      done(listen);
    }, "Opening");
    draw();
  }

  async function stop() {
    const call = heard;
    heard = null;
    if (call) await api.unlisten(call).catch(() => {});
    const { stream } = line;
    await line.close();
    stream?.getTracks().forEach((track) => track.stop());
    draw();
  }

  /** @param {LiveCall|null} call @param {Queue[]} [queues] */
  function show(call, queues) {
    if (call?.id !== now?.id) {
      if (heard && heard !== call?.id) stop();
      done(person);
    } else if (call?.stage !== now?.stage) done(person);
    now = call;
    if (queues && queue.options.length !== queues.length + 1) queue.replaceChildren(el("option", { value: "" }, "to the entry's queue"), ...queues.map((one) => el("option", { value: one.name }, `to ${one.title}`)));
    draw();
  }

  function draw() {
    node.hidden = !now;
    if (!now) return;
    const is = stage(now.stage), feels = now.mood ?? moodOf(now.frustration), isOver = now.stage === "ended";
    fill(at, el("span", { "aria-hidden": "true" }, is.shape), is.word);
    put(feeling, "class", `mood ${feels}`);
    fill(feeling, el("span", { "aria-hidden": "true" }, MOODS[feels].shape), MOODS[feels].word);
    say(headline, now.packet?.headline ?? now.headline ?? "Nothing was said yet");
    say(facts, `${now.caller ?? "Number withheld"} · ${now.entry}${now.agent ? ` · with ${now.agent}` : ""} · began ${clock(since(now.began, Date.now()))} ago`);
    say(summary, now.packet?.summary ?? "");
    fill(gone, isOver && el("a", { href: `/calls/${encodeURIComponent(now.id)}` }, "The call is over: open what is kept"));
    listen.hidden = isOver && !heard;
    person.parentElement?.toggleAttribute("hidden", isOver || now.stage === "bridged");
    const isHeard = heard === now.id;
    put(listen, "aria-pressed", String(isHeard));
    if (!listen.getAttribute("aria-busy")) say(/** @type {Element} */ (listen.querySelector(".word")), isHeard ? "Stop listening" : "Listen");
    say(hearing, isHeard ? (line.state === "up" ? "You hear the call. Nobody hears you." : "The line opens…") : "");
    const said = [now.turns, now.signals, now.curve];
    if (said.every((one, n) => one === shown[n])) return;
    shown = said;
    const end = Math.max(now.turns.at(-1)?.end_s ?? 0, now.curve.at(-1)?.at_s ?? 0);
    curve.show(now.curve, now.signals, end);
    transcript.show(now.turns, now.signals);
  }

  return { node, show, stop, focus: () => headline.focus() };
}
