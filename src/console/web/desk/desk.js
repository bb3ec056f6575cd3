// The desk: an agent goes on duty, sees who is coming and why, and talks.

import { api } from "../lib/api.js";
import { byId, el, fill, put } from "../lib/dom.js";
import { Feed } from "../lib/feed.js";
import { bind, list } from "../lib/keys.js";
import { Mirror } from "../lib/mirror.js";
import { askWhy, beforeSignOut, begin, refused, state, stays, toast, watchConnection } from "../lib/page.js";
import { notices, play, ring, stopRinging } from "../lib/sounds.js";
import { answerOthers, isElsewhere } from "../lib/windows.js";
import { clock, short, since } from "../lib/words.js";
import { makeActions } from "./actions.js";
import { makeAlerts, makeCall, makeIdle } from "./call.js";
import { makeCheck } from "./check.js";
import { makeContext } from "./context.js";
import { makeDuty } from "./duty.js";
import { Ear } from "./ear.js";
import { apply } from "./model.js";
import { makeOffer } from "./offer.js";
import { makeWrapUp } from "./wrapup.js";

/** @typedef {import("./model.js").View} View */

const main = byId("main");
const me = await begin();
if (me.agent === null) fill(main, state("⊘", "You have no desk", "Only agents have one. An admin can make you one, on the page People."));
else open();

function open() {
  const ear = new Ear(() => draw(), (dbfs) => check.metered(dbfs));
  const feed = new Feed({ message: hear, reset: () => mirror.read(), state: () => drawConnection(), shut: askWhy }, "/api/v1/live?desk=1");
  const mirror = new Mirror(readDesk, apply, () => draw());
  const drawConnection = watchConnection(feed, () => (ear.ready ? "Your line is up: a call goes on. Buttons work again when it is back." : "What you see may be old."));
  const actions = makeActions(ear);
  const parts = {
    duty: makeDuty(ear, goOn), alerts: makeAlerts(ear), offer: makeOffer(() => {}), call: makeCall(actions.node, me.title), wrap: makeWrapUp(), context: makeContext(),
  };
  const check = makeCheck(ear, feed, async () => { ear.goWithout(); await goOn(); });
  const bindings = keys();
  const idle = makeIdle(list(bindings));
  const help = el("section", { class: "help", hidden: true, "aria-label": "Keys" }, el("h2", {}, "Keys"), list(bindings), el("p", { class: "hint" }, "They work while no field has focus."));
  const middle = el("div", { class: "middle stack" });
  const columns = el("div", { class: "columns" }, middle, parts.context.node);
  fill(main, el("div", { class: "desk stack" }, parts.duty.node, parts.alerts.node, columns), help);
  bind(bindings);
  put(main, "aria-busy", "true");
  /** @type {Notification|null} */
  let note = null;
  let hasTried = false, isReplaced = false;
  /** The desk was read as a whole since the microphone was last fitted to it, and for which leg of which call that was. */
  let isFresh = false, fitted = "";

  /** @returns {Promise<View>} */
  async function readDesk() {
    const view = /** @type {View} */ (await api.desk());
    isFresh = true;
    return view;
  }

  /** The microphone is open or closed as the call has it, for each new call or leg and when events may have been missed. From the
   * moment a caller is offered it is on the line, so that they are heard as soon as they accept. @param {View} view */
  function fitEar({ call, offer }) {
    const leg = call && !call.over ? `${call.id} ${call.since}` : "";
    ear.line.rest(!leg && !offer);
    if (leg === fitted && !isFresh) return;
    if (leg !== fitted) actions.forget();
    if (!actions.isMuting()) ear.mute(Boolean(leg && call?.muted));
    [fitted, isFresh] = [leg, false];
  }

  /** @returns {import("../lib/keys.js").Binding[]} */
  function keys() {
    const inCall = () => Boolean(mirror.value?.call && !mirror.value.call.over);
    const offered = () => Boolean(mirror.value?.offer);
    return [
      { key: "A", title: "Accept the caller", act: () => parts.offer.accept(), when: offered },
      { key: "D", title: "Decline", act: () => parts.offer.decline(), when: offered },
      { key: "M", title: "Mute, or be heard again", act: () => actions.mute(), when: inCall },
      { key: "H", title: "Hold, or take back", act: () => actions.hold(), when: inCall },
      { key: "T", title: "Transfer", act: () => actions.open("transfer"), when: inCall },
      { key: "B", title: "Back to the bot", act: () => actions.open("back"), when: inCall },
      { key: "K", title: "Keypad", act: () => actions.open("keypad"), when: inCall },
      { key: "N", title: "Note", act: () => actions.open("note"), when: inCall },
      { key: "S", title: "Save the wrap-up", act: () => { parts.wrap.save(); }, when: () => mirror.value?.state === "wrap_up" },
      { key: "?", title: "These keys", act: () => { help.hidden = !help.hidden; } },
      { key: "Escape", title: "Close what is open; never a call", act: () => { help.hidden = true; actions.close(); parts.offer.close(); parts.duty.close(); } },
      ..."0123456789*#".split("").map((key) => ({ key, title: "", act: () => { actions.key(key); }, when: () => actions.isOpen() === "keypad" })),
    ];
  }

  async function goOn() {
    const hasLine = await ear.connect();
    if (!hasLine) throw new Error("Callers would not hear you. Mend the microphone first; what to do stands below.");
    await api.presence({ presence: "available" });
  }

  /** @param {import("../lib/api.js").Message} message */
  function hear(message) {
    const { event } = message;
    if (event.type === "replaced") return giveUp();
    const before = mirror.value;
    mirror.hear(message);
    if (message.topic === "system" && event.type === "notice") toast(event.text);
    if (message.topic !== "desk") return;
    if (event.type === "live") { play("live"); note?.close(); }
    if (event.type === "call_over" && before?.call && !before.call.over) play("gone");
    if (event.type === "state") { parts.duty.settle(); parts.wrap.settle(); afterState(before); }
    actions.settle(event.type);
    if (event.type === "muted") ear.mute(event.on);
    if (event.type === "call_over") ear.mute(false);
    const news = mirror.value?.news;
    if (news && news.seq === message.seq) toast(news.text);
  }

  /** Another window has the desk: nothing rings or is shown here any more. A line that is open stays until the other window has one. */
  function giveUp() {
    isReplaced = true;
    feed.close();
    stopRinging();
    note?.close();
    beforeSignOut.length = 0;
    document.title = "Desk in another window · Segue";
    const back = el("button", { type: "button", class: "primary", on: { click: () => location.reload() } }, "Take it back here");
    fill(main, state("⇄", "You took this desk over in another window", "Calls ring there.", back));
  }

  /** Off duty the line is given back; who is on duty and can't be reached needs it all the more. @param {View|null} before */
  function afterState(before) {
    if (before?.on_duty && mirror.value?.on_duty === false) ear.disconnect();
  }

  /** Draws everything that there is to draw. */
  function draw() {
    const view = mirror.value, now = Date.now();
    if (isReplaced) return;
    if (!view) {
      if (mirror.trouble) { main.removeAttribute("aria-busy"); fill(middle, refused(mirror.trouble, "The desk can't be shown")); }
      return;
    }
    main.removeAttribute("aria-busy");
    fitEar(view);
    // A microphone that is closed is shown so, even if the server was asked in vain.
    const shown = view.call && !view.call.over && ear.muted && !actions.isAsking() ? { ...view, call: { ...view.call, muted: true } } : view;
    parts.duty.draw(view, now);
    parts.alerts.draw(view);
    const isNew = parts.offer.show(view.offer);
    const isWrapping = view.state === "wrap_up";
    const isIdle = !view.call && !view.offer && !isWrapping;
    const needsCheck = !view.on_duty || view.state === "break" || ear.line.state === "failed" || ear.mic in { refused: 1, missing: 1, busy: 1, insecure: 1, failed: 1 };
    fill(middle, view.offer && parts.offer.node, isWrapping && parts.wrap.node, (view.call || null) && parts.call.node, isIdle && needsCheck && check.node, isIdle && idle.node);
    put(columns, "class", `columns ${view.call || view.offer ? "" : "single"} ${view.call && !view.call.over ? "talking" : ""} ${view.offer ? "offered" : ""}`);
    if (view.call) parts.call.draw(shown, now);
    if (isWrapping) parts.wrap.draw(view);
    if (isIdle) { check.draw(); idle.draw(view); }
    actions.draw(view);
    parts.context.draw(view, now);
    if (isNew && view.offer) announce(view.offer);
    if (!view.offer) { stopRinging(); note?.close(); note = null; }
    drawTitle(shown, now);
    reconnect(view);
  }

  /** @param {import("../lib/api.js").Offer} offer */
  function announce(offer) {
    if (offer.offer) api.shown(offer.offer).catch(() => {});
    ring();
    note = notices.show("A caller is offered", short(offer.headline, 90));
  }

  /** A page that was loaded anew while on duty takes its line back, where the browser lets it. @param {View} view */
  async function reconnect(view) {
    if (hasTried || !view.on_duty || view.state === "break") return;
    hasTried = true;
    if (ear.line.state === "none" && (await isElsewhere())) ear.line.leave();
    else if (ear.line.state === "none" && (await ear.mayListen())) ear.connect().catch((error) => toast(error.message, "fault"));
    if (view.call?.muted) ear.mute(true);
  }

  /** @param {View} view @param {number} now */
  function drawTitle(view, now) {
    const { call, offer } = view;
    const words = offer ? `☎ ${short(offer.headline, 40)}` : call?.over ? "Wrap-up" : call ? `${call.held ? "‖" : call.muted ? "⊘" : "●"} ${clock(since(call.since, now))}` : "Desk";
    if (document.title !== `${words} · Segue`) document.title = `${words} · Segue`;
  }

  answerOthers(() => ["connecting", "up", "lost"].includes(ear.line.state));
  beforeSignOut.push(() => ear.disconnect());
  stays.here = () => Boolean(mirror.value?.call);
  setInterval(draw, 1000);
  setInterval(() => parts.offer.tick(), 250);
  mirror.read();
  feed.connect();
}
