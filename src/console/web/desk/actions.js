// What an agent can do with a call. Each asks the server; the button says *asked* until the event says *done*.

import { api } from "../lib/api.js";
import { asking, button, done } from "../lib/asked.js";
import { el, fill, put, say } from "../lib/dom.js";
import { toast } from "../lib/page.js";

/** @typedef {import("./model.js").View} View */
/** @typedef {import("./ear.js").Ear} Ear */
/** @typedef {"keypad"|"note"|"transfer"|"back"} Panel */

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "*", "0", "#"];
/** Hanging up is asked for again within this, in ms. */
const SURE = 4_000;

/** @param {Ear} ear */
export function makeActions(ear) {
  /** @type {View|null} */
  let view = null;
  /** @type {Panel|null} */
  let opened = null;
  let sure = 0;
  /** The server was asked to mute in vain; the microphone stays closed all the same. */
  let kept = false;
  const mute = button({ word: "Mute", key: "M", mark: "⊘" }, () => act.mute());
  const hold = button({ word: "Hold", key: "H", mark: "‖" }, () => act.hold());
  const keypad = button({ word: "Keypad", key: "K", mark: "#" }, () => open("keypad"));
  const note = button({ word: "Note", key: "N", mark: "✎" }, () => open("note"));
  const transfer = button({ word: "Transfer", key: "T", mark: "→" }, () => open("transfer"));
  const back = button({ word: "To bot", key: "B", mark: "↩" }, () => open("back"));
  const hangUp = button({ word: "Hang up", mark: "✕", class: "danger" }, () => end());
  const bar = el("div", { class: "bar", role: "toolbar", "aria-label": "The call" }, mute, hold, keypad, note, transfer, back, hangUp);
  const panels = { keypad: makeKeypad(), note: makeNote(() => open(null)), transfer: makeTransfer(() => open(null)), back: makeBack() };
  const place = el("div", { class: "panel-place" }), consult = makeConsult();
  const node = el("div", { class: "actions" }, consult.node, place, bar);

  const act = {
    async mute() {
      const call = view?.call;
      if (!call || call.over) return;
      if (isAsking()) return;
      const wanted = !(ear.muted || call.muted);
      // Nothing leaves the microphone from now on, whatever the network does; being heard again waits for the server.
      if (wanted) ear.mute(true);
      kept = false;
      // Muted by this page only: the server was asked in vain, and there is nothing to ask it for.
      if (!wanted && !call.muted) ear.mute(false);
      else if (!(await asking(mute, () => api.mute(wanted))) && wanted) kept = true;
      if (view) draw(view);
    },
    hold() {
      const call = view?.call;
      if (call && !call.over && !hold.hidden) asking(hold, () => api.hold(!call.held));
    },
    open: (/** @type {Panel} */ which) => open(which),
    close: () => open(null),
  };

  function end() {
    if (sure) {
      clearTimeout(sure);
      sure = 0;
      hangUp.classList.remove("sure");
      say(/** @type {Element} */ (hangUp.querySelector(".word")), "Hang up");
      asking(hangUp, api.hangUp, "Hanging up");
      return;
    }
    hangUp.classList.add("sure");
    say(/** @type {Element} */ (hangUp.querySelector(".word")), "Press again");
    sure = window.setTimeout(() => { sure = 0; hangUp.classList.remove("sure"); say(/** @type {Element} */ (hangUp.querySelector(".word")), "Hang up"); }, SURE);
  }

  /** Opens a panel, or closes it if it is open. @param {Panel|null} which */
  function open(which) {
    const call = view?.call;
    const before = opened;
    opened = which === opened || !call || call.over || isAsked(call) && (which === "transfer" || which === "back") ? null : which;
    [[keypad, "keypad"], [note, "note"], [transfer, "transfer"], [back, "back"]].forEach(([one, name]) => put(/** @type {Element} */ (one), "aria-expanded", String(opened === name)));
    fill(place, opened && panels[opened].node);
    if (opened) panels[opened].begin(/** @type {View} */ (view));
    else if (before && place.contains(document.activeElement)) bar.querySelector("button")?.focus();
  }

  /** @param {View} now */
  function draw(now) {
    view = now;
    const call = now.call;
    node.hidden = !call || Boolean(call.over);
    if (!call || call.over) { if (opened) open(null); return; }
    toggle(mute, ear.muted || call.muted, "Unmute", "Mute");
    toggle(hold, call.held, "Take back", "Hold");
    hold.hidden = transfer.hidden = back.hidden = isAsked(call);
    if (isAsked(call) && (opened === "transfer" || opened === "back")) open(null);
    if (consult.draw(call.consult ?? null) && opened === "transfer") open(null);
  }

  /** Who is asked first does not have the caller yet. @param {import("../lib/api.js").DeskCall} call */
  function isAsked(call) {
    return Boolean(call.consult?.warm && !call.consult.mine);
  }

  /** @param {HTMLButtonElement} one @param {boolean} on @param {string} yes @param {string} no */
  function toggle(one, on, yes, no) {
    put(one, "aria-pressed", String(on));
    if (!one.getAttribute("aria-busy")) say(/** @type {Element} */ (one.querySelector(".word")), on ? yes : no);
  }

  /** An event says that it is done. @param {string} type */
  function settle(type) {
    if (type === "muted") { kept = false; done(mute); }
    if (type === "held") done(hold);
    if (type === "call_over" || type === "state") { [mute, hold, hangUp].forEach(done); consult.settle(); Object.values(panels).forEach((panel) => panel.settle()); }
    if (type === "call_over") open(null);
  }

  const isAsking = () => Boolean(mute.getAttribute("aria-busy"));
  /** Whether the microphone is as the agent wants it, and the server has not said so. */
  const isMuting = () => kept || isAsking();
  const forget = () => { kept = false; };

  return { node, draw, settle, ...act, isAsking, isMuting, forget, key: (/** @type {string} */ key) => opened === "keypad" && panels.keypad.press(key), isOpen: () => opened };
}

/** @param {string} title @param {...import("../lib/dom.js").Child} body */
function panel(title, ...body) {
  return el("div", { class: "panel", role: "group", "aria-label": title }, el("h3", {}, title), ...body);
}

/** Whom one talks with before they take the caller. */
function makeConsult() {
  const word = el("p", {});
  const complete = button({ word: "Put them through", class: "primary" }, () => asking(complete, api.complete));
  const back = button({ word: "Take the caller back" }, () => asking(back, api.takeBack));
  const row = el("div", { class: "row" }, complete, back);
  const node = el("div", { class: "panel", role: "status", hidden: true }, word, row);

  /** @param {import("../lib/api.js").Consult|null} consult @returns {boolean} whether somebody has just been asked */
  function draw(consult) {
    const isNew = Boolean(consult) && Boolean(node.hidden);
    node.hidden = !consult;
    if (!consult) return false;
    row.hidden = !consult.warm || !consult.mine;
    say(word, !consult.mine ? "A colleague asks you first. The caller hears music, and is yours when your colleague says so."
      : !consult.warm ? `${consult.with} was asked to join.`
        : consult.here ? `You talk with ${consult.with}. The caller hears music.` : `${consult.with} is asked. The caller hears music.`);
    return isNew;
  }
  return { node, draw, settle: () => [complete, back].forEach(done) };
}

function makeKeypad() {
  const typed = el("output", { class: "typed", "aria-label": "Keys that were sent" });
  const press = (/** @type {string} */ key) => {
    typed.append(key);
    api.key(key).catch((error) => toast(error.message, "fault"));
  };
  const keys = DIGITS.map((digit) => el("button", { type: "button", on: { click: () => press(digit) } }, digit));
  const node = panel("Keypad", typed, el("div", { class: "pad" }, ...keys), el("p", { class: "hint" }, "The caller's side gets these keys. You can type them too."));
  return { node, press, begin: () => { typed.textContent = ""; keys[0].focus(); }, settle: () => {} };
}

/** @param {() => void} close */
function makeNote(close) {
  const text = el("textarea", { "aria-label": "Note", placeholder: "For the record of this call" });
  const save = button({ word: "Save note", class: "primary" }, async () => {
    if (!text.value.trim()) return text.focus();
    if (await asking(save, () => api.note(text.value.trim()), "Saving")) { done(save); text.value = ""; toast("The note was taken."); close(); }
  });
  return { node: panel("Note", text, el("div", { class: "row" }, save, el("button", { type: "button", on: { click: close } }, "Cancel"))), begin: () => text.focus(), settle: () => done(save) };
}

function makeBack() {
  const text = el("textarea", { "aria-label": "Note for the bot", placeholder: "What the bot should know, in a sentence" });
  const give = button({ word: "Give the caller back to the bot", class: "primary" }, () => asking(give, () => api.handBack(text.value.trim())));
  const node = panel("Back to the bot", el("p", { class: "hint" }, "The caller is told, and the bot goes on. If they need a person again, they come back first."), text, el("div", { class: "row" }, give));
  return { node, begin: () => { text.value = ""; text.focus(); }, settle: () => done(give) };
}

/** @param {() => void} close */
function makeTransfer(close) {
  /** @type {"queue"|"agent"|"number"} */
  let kind = "queue";
  const queue = el("select", { "aria-label": "Queue" });
  const names = el("datalist", { id: "colleagues" });
  const agent = el("input", { "aria-label": "Colleague", list: "colleagues", placeholder: "Name of the colleague", autocomplete: "off" });
  const number = el("input", { "aria-label": "Number", type: "tel", placeholder: "+49 30 …, or sip:…", autocomplete: "off" });
  const fields = { queue, agent, number };
  const note = el("input", { "aria-label": "Note for whoever takes over", placeholder: "What they should know (optional)", autocomplete: "off" });
  const kinds = el("div", { class: "row", role: "group", "aria-label": "To whom" }, ...[["queue", "Queue"], ["agent", "Colleague"], ["number", "Number"]].map(([name, title]) =>
    el("button", { type: "button", "aria-pressed": "false", "data-kind": name, on: { click: () => choose(/** @type {typeof kind} */ (name)) } }, title)));
  const send = (/** @type {HTMLButtonElement} */ one, /** @type {(to: import("../lib/api.js").To) => Promise<unknown>} */ ask) => {
    const value = fields[kind].value.trim();
    if (!value) return fields[kind].focus();
    asking(one, () => ask(/** @type {import("../lib/api.js").To} */ ({ [kind]: value })));
  };
  const now = button({ word: "Transfer now", class: "primary" }, () => send(now, (to) => api.transfer(to, false, note.value.trim())));
  const warm = button({ word: "Talk to them first" }, () => send(warm, (to) => api.transfer(to, true, note.value.trim())));
  const add = button({ word: "Add to this call" }, () => send(add, (to) => api.conference(to)));
  const node = panel("Transfer", kinds, el("div", {}, queue, agent, names, number), note, el("div", { class: "row" }, now, warm, add, el("button", { type: "button", class: "plain", on: { click: close } }, "Cancel")),
    el("p", { class: "hint" }, "“Talk to them first” puts the caller on hold meanwhile. With “Add”, all three of you talk."));

  /** @param {typeof kind} which */
  function choose(which) {
    kind = which;
    kinds.querySelectorAll("button").forEach((one) => put(one, "aria-pressed", String(one.dataset.kind === kind)));
    Object.entries(fields).forEach(([name, field]) => { field.hidden = name !== kind; });
    fields[kind].focus();
  }

  /** @param {View} view */
  function begin(view) {
    const queues = [...view.other_queues, ...view.queues];
    queue.replaceChildren(...queues.map((one) => el("option", { value: one.name }, `${one.title} (${one.waiting} waiting, ${one.on_duty} on duty)`)));
    names.replaceChildren(...(view.colleagues ?? []).map((one) => el("option", { value: one.name }, one.title)));
    choose(queues.length ? "queue" : "agent");
  }
  return { node, begin, settle: () => [now, warm, add].forEach(done) };
}
