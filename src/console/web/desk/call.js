// The call in the middle: state that can't be overlooked, transcript with signals, and what an agent can do.

import { el, fill, put, say } from "../lib/dom.js";
import { Transcript } from "../lib/transcript.js";
import { HEADLINE, clock, short, since } from "../lib/words.js";

/** @typedef {import("./model.js").View} View */

/** @param {HTMLElement} actions @param {string} name of the agent */
export function makeCall(actions, name) {
  const light = el("div", { class: "light", role: "status" }), shape = el("span", { class: "shape", "aria-hidden": "true" }), word = el("strong", {});
  const timer = el("span", { class: "timer" }), muted = el("span", { class: "chip muted" }, el("span", { "aria-hidden": "true" }, "⊘"), "Muted");
  const headline = el("h2", { class: "headline" }), parties = el("p", { class: "hint" });
  const transcript = new Transcript();
  transcript.names = { agent: name };
  transcript.empty = "Words appear here as they are spoken.";
  light.append(shape, word);
  const node = el("section", { class: "call" }, el("div", { class: "call-top" }, light, timer, muted, el("div", { class: "grow" }, headline, parties)), transcript, actions);

  /** @param {View} view @param {number} now in ms */
  function draw(view, now) {
    const { call } = view;
    if (!call) return;
    const state = call.over ? "over" : call.held ? "held" : call.live ? "live" : "joining";
    put(node, "data-state", state);
    put(light, "class", `light ${state}`);
    say(shape, { over: "■", held: "‖", live: "●", joining: "◔" }[state]);
    say(word, { over: "Call over", held: "Caller on hold", live: "Live", joining: "Connecting you" }[state]);
    if (!call.over) say(timer, clock(since(call.since, now)));
    muted.hidden = !call.muted || Boolean(call.over);
    say(headline, short(call.packet?.headline ?? "A caller without a story yet", HEADLINE));
    say(parties, call.parties.length > 2 ? `In the call: ${call.parties.join(", ")}` : "");
    transcript.show(call.turns, call.signals);
  }
  return { node, draw };
}

/** What an agent on duty sees while nobody calls. @param {HTMLElement} keys */
export function makeIdle(keys) {
  const body = el("tbody", {});
  const table = el("table", {}, el("thead", {}, el("tr", {}, el("th", { scope: "col" }, "Queue"), el("th", { scope: "col", class: "n" }, "Waiting"), el("th", { scope: "col", class: "n" }, "Longest"), el("th", { scope: "col", class: "n" }, "On duty"))), body);
  const none = el("p", { class: "empty" }, "You take no queue's callers. An admin can give you one.");
  const node = el("section", { class: "stack" }, el("h2", {}, "Your queues"), none, table, el("details", { open: true }, el("summary", {}, "Keys"), keys));

  /** @param {View} view */
  function draw(view) {
    none.hidden = view.queues.length > 0;
    table.hidden = !none.hidden;
    const rows = view.queues.map((queue) => [queue.title, String(queue.waiting), queue.oldest_s === null ? "–" : clock(queue.oldest_s), String(queue.on_duty)]);
    while (body.rows.length > rows.length) body.deleteRow(-1);
    rows.forEach((cells, n) => {
      const row = body.rows[n] ?? body.appendChild(el("tr", {}, el("td", {}), el("td", { class: "n" }), el("td", { class: "n" }), el("td", { class: "n" })));
      cells.forEach((cell, k) => say(row.cells[k], cell));
    });
  }
  return { node, draw };
}

/** What an agent must know at once about their sound: stays until it is over. @param {import("./ear.js").Ear} ear */
export function makeAlerts(ear) {
  const place = el("div", { class: "alerts", role: "alert" });
  const one = (/** @type {string} */ mark, /** @type {string} */ title, /** @type {string} */ text, /** @type {Node[]} */ ...more) =>
    el("div", { class: "alert" }, el("span", { class: "shape", "aria-hidden": "true" }, mark), el("div", { class: "grow" }, el("strong", {}, title), " ", text), ...more);
  const all = {
    talking: one("⊘", "You are muted.", "Nobody hears what you say. Press M to be heard."),
    unplugged: one("⚡", "The microphone is gone.", "The caller can't hear you. Plug it in again, or choose another one.", el("button", { type: "button", on: { click: () => ear.listen() } }, "Use another one")),
    without: one("⊘", "You have no microphone.", "The caller can't hear you. You can watch, and hand them to somebody else."),
    silent: one("…", "Your microphone gives no sound.", "It may be switched off at the headset."),
    blocked: one("♪", "The browser holds the sound back.", "You can't hear the caller yet.", el("button", { type: "button", class: "primary", on: { click: () => ear.line.unblock() } }, "Let me hear")),
    lost: one("⇅", "Your line is down.", "It finds its way by itself; the caller hears music until then."),
    taken: one("⧉", "Your line is open in another window.", "The caller is heard there. Take it here, or close this window."),
    loss: one("≈", "Your network loses sound.", "A cable or another network helps."),
  };

  /** @param {View} view */
  function draw(view) {
    const isOn = Boolean(view.call && !view.call.over);
    const isHurt = isOn && ear.quality !== null && ear.quality.lost > 0.05;
    fill(place, ear.talking && isOn && all.talking, ear.unplugged && ear.mic !== "on" && all.unplugged, isOn && ear.mic === "without" && all.without, isOn && ear.silent && !ear.muted && ear.mic === "on" && all.silent,
      ear.blocked && all.blocked, ear.line.state === "lost" && all.lost, ear.line.state === "taken" && view.on_duty && all.taken, isHurt && all.loss);
  }
  return { node: place, draw };
}
