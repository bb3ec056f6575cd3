// Beside the call: why the caller is here, how it went, what is known (and can be corrected), what was before.

import { api } from "../lib/api.js";
import { asking, done } from "../lib/asked.js";
import "../lib/curve.js";
import { el, fill, keep, put, say } from "../lib/dom.js";
import { ago, capital, clock, crm, moment, outcome, words } from "../lib/words.js";
import { drawMood } from "./offer.js";

/** @typedef {import("../lib/api.js").Offer} Offer */
/** @typedef {import("../lib/api.js").Slot} Slot */
/** @typedef {import("../lib/curve.js").Curve} Curve */
/** @typedef {import("./model.js").View} View */

export function makeContext() {
  const feeling = el("span", {}), caller = el("strong", {}), verified = el("p", { class: "hint" });
  const link = el("a", { target: "_blank", rel: "noopener noreferrer" }, "Open the customer's page ↗");
  const next = el("p", { class: "next" }), quote = el("blockquote", {}), reason = el("p", { class: "hint" }), summary = el("p", {}), tried = el("p", { class: "hint" });
  const who = el("section", {}, el("div", { class: "head" }, el("h2", {}, "Caller"), feeling), el("p", { class: "number" }, caller), verified, link);
  const curve = /** @type {Curve} */ (document.createElement("segue-curve"));
  const mood = el("section", {}, el("h2", {}, "Frustration"), curve);
  const why = el("section", { class: "stack tight" }, el("h2", {}, "Why they are here"), quote, reason, summary, tried, next);
  const advice = el("ul", { class: "advice" });
  const suggestions = el("section", {}, el("h2", {}, "The bot suggests"), advice);
  const list = el("ul", { class: "slots" }), none = el("p", { class: "empty" }, "Nothing is known yet.");
  const slots = el("section", {}, el("h2", {}, "What is known"), none, list);
  const noted = el("ul", { class: "history" }), notes = el("section", {}, el("h2", {}, "Notes"), noted);
  const past = el("ul", { class: "history" });
  const history = el("section", {}, el("h2", {}, "Earlier calls"), past);
  const node = el("aside", { class: "context stack", "aria-label": "About the caller" }, who, suggestions, why, notes, slots, mood, history);
  let editable = false;

  /** @param {View} view @param {number} now in ms */
  function draw(view, now) {
    const packet = view.call?.packet ?? view.offer;
    const call = view.call;
    node.hidden = !packet && !call;
    editable = Boolean(call && !call.over);
    [who, why, notes, slots, history].forEach((part) => { part.hidden = !packet; });
    mood.hidden = !call;
    if (call) curve.show(call.frustration, call.signals, Math.max(call.turns.at(-1)?.end_s ?? 0, call.frustration.at(-1)?.at_s ?? 0));
    suggestions.hidden = !view.suggestions?.length;
    keep(advice, view.suggestions ?? [], (text) => text, (text) => el("li", {}, text));
    if (packet) drawPacket(packet, view, now);
  }

  /** @param {Offer} packet @param {View} view @param {number} now in ms */
  function drawPacket(packet, view, now) {
    const isOffer = !view.call;
    drawMood(feeling, packet.mood);
    feeling.hidden = isOffer;
    say(caller, packet.caller ?? "Number withheld");
    say(verified, `${capital(packet.verified)} · waited ${clock(packet.waited_s)} · ${packet.queue}`);
    const known = Object.fromEntries(packet.slots.map((slot) => [slot.name, slot.value]));
    const url = crm(view.crm_url, { ...known, caller: packet.caller, call: packet.call, queue: packet.queue, called: packet.called, entry: packet.entry });
    link.hidden = !url;
    if (url) put(link, "href", url);
    // The card says these already.
    why.hidden = isOffer && !packet.next_step && !packet.tried;
    [quote, reason, summary].forEach((part) => { part.hidden = isOffer; });
    fill(quote, el("p", {}, `“${packet.trigger_sentence}”`));
    if (!packet.trigger_sentence) quote.hidden = true;
    say(reason, capital(packet.reason));
    say(summary, packet.summary);
    say(tried, packet.tried ? `Tried: ${packet.tried}` : "");
    say(next, packet.next_step ?? "");
    next.hidden = !packet.next_step;
    none.hidden = packet.slots.length > 0;
    keep(list, packet.slots, (slot) => slot.name, slotRow, drawSlot);
    const written = packet.notes ?? [];
    notes.hidden = written.length === 0;
    keep(noted, written, (note) => `${note.at_s} ${note.text}`, (note) => el("li", {}, el("span", { class: "hint" }, note.agent, " · ", clock(note.at_s)), el("p", {}, note.text)));
    history.hidden = packet.history.length === 0;
    keep(past, packet.history, (call) => call.began, (call) => el("li", {},
      el("span", { class: "hint", title: moment(call.began) }, ago(call.began, now), " · ", outcome(call.outcome)), el("p", {}, call.headline ?? "Nothing was noted.")));
  }

  /** @param {Slot} slot */
  function slotRow(slot) {
    const value = el("strong", {}), sure = el("span", { class: "hint" });
    const edit = el("button", { type: "button", class: "plain", "aria-label": `Correct ${words(slot.name)}`, on: { click: () => open() } }, "Correct");
    const input = el("input", { "aria-label": capital(words(slot.name)), autocomplete: "off" });
    const save = el("button", { type: "submit", class: "primary" }, el("span", { class: "word" }, "Save"));
    const form = el("form", { class: "row", hidden: true, on: { submit: async (/** @type {Event} */ event) => {
      event.preventDefault();
      await asking(save, () => api.slot(slot.name, input.value.trim()));
    }, keydown: (/** @type {KeyboardEvent} */ event) => { if (event.key === "Escape") { event.stopPropagation(); shut(); } } } },
    input, save, el("button", { type: "button", class: "plain", on: { click: () => shut() } }, "Cancel"));
    const shown = el("div", { class: "row" }, value, sure, edit);
    const open = () => { form.hidden = false; shown.hidden = true; input.value = value.textContent ?? ""; input.focus(); input.select(); };
    const shut = () => { form.hidden = true; shown.hidden = false; edit.focus(); };
    return el("li", {}, el("span", { class: "hint" }, capital(words(slot.name))), shown, form);
  }

  /** @param {HTMLElement} row @param {Slot} slot */
  function drawSlot(row, slot) {
    const [shown, form] = [row.children[1], /** @type {HTMLElement} */ (row.children[2])];
    const [value, sure, edit] = shown.children;
    if (value.textContent !== slot.value && !form.hidden) {
      // The correction has arrived.
      const save = /** @type {HTMLButtonElement} */ (form.querySelector("[type=submit]"));
      if (save.getAttribute("aria-busy")) { done(save); form.hidden = true; /** @type {HTMLElement} */ (shown).hidden = false; }
    }
    say(value, slot.value);
    const isConfirmed = slot.confidence !== null && slot.confidence >= 1;
    say(sure, isConfirmed ? "✓ confirmed" : slot.confidence === null ? "○ not confirmed" : `○ ${Math.round(slot.confidence * 100)} % sure`);
    /** @type {HTMLElement} */ (edit).hidden = !editable;
  }

  return { node, draw };
}
