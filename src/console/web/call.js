// One call that is over: what happened in a sentence, its sound, its words, its curve, its handoffs with their clocks.

import { api } from "./lib/api.js";
import { clocks } from "./lib/clocks.js";
import "./lib/curve.js";
import { byId, el, fill } from "./lib/dom.js";
import { begin, refused } from "./lib/page.js";
import { readTitles } from "./lib/titles.js";
import { Transcript } from "./lib/transcript.js";
import { ago, capital, clock, moment, outcome, short, signalName, span, words } from "./lib/words.js";

/** @typedef {import("./lib/api.js").KeptCall} KeptCall */
/** @typedef {import("./lib/api.js").Handoff} Handoff */

/** How an offer came out. @type {Record<string, string>} */
const OFFERS = { accepted: "accepted", declined: "declined", unanswered: "did not answer", vanished: "was gone", withdrawn: "was not needed any more" };
/** How far the arrow keys go, in s. */
const STEP = 5;

const main = byId("main");
const id = decodeURIComponent(location.pathname.split("/")[2] ?? "");
await begin();
const titles = await readTitles();
try {
  show(await api.call(id));
} catch (error) {
  fill(main, refused(error, "This call can't be shown"), el("p", {}, el("a", { href: "/calls" }, "To all calls")));
}

/** One sentence that says what happened. @param {KeptCall} call */
function sentence(call) {
  const bridged = call.handoffs.find((handoff) => handoff.t_s?.[5] != null);
  const first = call.handoffs.find((handoff) => handoff.mode !== "shadow");
  if (bridged) {
    const agent = bridged.offers?.find((offer) => offer.outcome === "accepted")?.agent, who = agent ? titles.agent(agent) : "A person";
    const took = (bridged.t_s[5] ?? 0) - (bridged.t_s[0] ?? 0);
    return `${capital(bridged.reason.replace(/\.$/, ""))}. ${who} was there after ${span(took)}.`;
  }
  if (first) return `${capital(first.reason.replace(/\.$/, ""))}. ${outcome(call.outcome)}.`;
  return `${outcome(call.outcome)}; no person was asked for.`;
}

/** @param {KeptCall} call */
function show(call) {
  const end = call.call_s ?? call.duration_s ?? call.turns.at(-1)?.end_s ?? 0;
  const audio = call.audio ? el("audio", { controls: true, preload: "none", src: api.audioUrl(id), "aria-label": "Sound of the call: caller left, what they hear right" }) : null;
  const transcript = new Transcript();
  transcript.live = false;
  transcript.empty = "Nothing was said, or nothing could be understood.";
  if (audio) transcript.seek = (secs) => { audio.currentTime = secs; audio.play().catch(() => {}); };
  const curve = /** @type {import("./lib/curve.js").Curve} */ (document.createElement("segue-curve"));
  const flags = call.handoffs.flatMap((handoff) => (handoff.t_s?.[5] == null ? [] : [{ at_s: handoff.t_s[5], word: "person" }]));
  const facts = [["Began", call.began ? ago(call.began, Date.now()) : null, moment(call.began)], ["Length", clock(end), ""], ["Outcome", outcome(call.outcome), ""]];
  document.title = `${short(sentence(call), 40)} · Segue`;
  fill(main, el("div", { class: "stack kept" },
    el("div", {}, el("p", { class: "hint" }, el("a", { href: "/calls" }, "← All calls")), el("h1", {}, sentence(call)),
      el("ul", { class: "facts" }, ...facts.filter(([, value]) => value).map(([name, value, title]) => el("li", { title }, `${name} `, el("strong", {}, value))))),
    el("section", { class: "stack tight" }, el("div", { class: "head" }, el("h2", {}, "Sound and frustration"), el("a", { href: api.reportUrl(id), target: "_blank", rel: "noopener" }, "Whole report ↗")),
      audio ?? el("p", { class: "empty" }, "No sound was kept of this call."), curve),
    el("div", { class: "kept-columns" }, el("section", { class: "said" }, el("h2", {}, "Transcript"), transcript),
      el("div", { class: "stack" }, ...(call.handoffs.length ? call.handoffs.map(handoffCard) : [el("section", {}, el("h2", {}, "Handoffs"), el("p", { class: "empty" }, "There was none."))])))));
  transcript.show(call.turns.map((turn) => ({ ...turn, final: true })), call.signals);
  curve.show(call.frustration, call.signals, end, flags);
  if (audio) follow(audio, transcript, curve);
}

/** @param {HTMLAudioElement} audio @param {Transcript} transcript @param {import("./lib/curve.js").Curve} curve */
function follow(audio, transcript, curve) {
  const move = () => { curve.head(audio.currentTime); transcript.current(audio.currentTime); };
  audio.addEventListener("timeupdate", move);
  audio.addEventListener("seeking", move);
  audio.addEventListener("error", () => audio.replaceWith(el("p", { class: "error" }, "The sound can't be played. It may have been deleted by its retention period.")));
  document.addEventListener("keydown", (event) => {
    if (event.target !== document.body || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === " ") { event.preventDefault(); if (audio.paused) audio.play().catch(() => {}); else audio.pause(); }
    if (event.key === "ArrowLeft") audio.currentTime = Math.max(0, audio.currentTime - STEP);
    if (event.key === "ArrowRight") audio.currentTime += STEP;
  });
}

/** @param {Handoff} handoff */
function handoffCard(handoff) {
  const offers = (handoff.offers ?? []).map((offer) => el("li", {}, el("span", { class: "hint" }, `${clock(offer.at_s)} `), el("strong", {}, titles.agent(offer.agent)), ` ${OFFERS[offer.outcome] ?? words(offer.outcome)}`, offer.reason ? `: “${offer.reason}”` : null));
  const packet = handoff.packet;
  return el("section", { class: "stack tight" }, el("h2", {}, handoff.mode === "shadow" ? "Would have handed off" : "Handoff", el("span", { class: "hint" }, ` at ${clock(handoff.at_s)}`)),
    el("p", {}, capital(handoff.reason)), el("p", { class: "hint" }, `${capital(words(handoff.trigger))} · mostly: ${signalName(handoff.kind).toLowerCase()}${handoff.queue ? ` · to ${titles.queue(handoff.queue)}` : ""}`),
    clocks(handoff),
    offers.length > 0 && el("div", {}, el("h3", {}, "Who was asked"), el("ul", { class: "plain" }, ...offers)),
    packet && el("details", {}, el("summary", {}, "What the agent saw"), el("p", { class: "headline" }, String(packet.headline ?? "")), el("p", {}, String(packet.summary ?? "")), packet.next_step && el("p", { class: "hint" }, `Do first: ${packet.next_step}`)));
}
