// What an agent's desk shows, changed by events. Pure: every function gives a new value and keeps the old one.

/**
 * @typedef {import("../lib/api.js").Desk} Desk
 * @typedef {import("../lib/api.js").DeskCall} DeskCall
 * @typedef {import("../lib/api.js").Offer} Offer
 * @typedef {import("../lib/api.js").Queue} Queue
 * @typedef {import("../lib/api.js").Turn} Turn
 * @typedef {import("../lib/api.js").Signal} Signal
 * @typedef {import("../lib/api.js").Point} Point
 * @typedef {import("../lib/api.js").Message} Message
 */
/**
 * @typedef {{summary: string, dispositions: string[]}} WrapUp
 * @typedef {Desk & {wrap?: WrapUp|null, endedBy?: string|null, news?: {text: string, seq: number}|null, suggestions?: string[]}} View
 * @typedef {{turns: Turn[], signals: Signal[], points: Point[]}} Told
 */

import { INVITE_OVER, OFFER_OVER } from "../lib/words.js";

/** Suggestions that are kept. */
const SUGGESTIONS = 3;

/** A turn in its place: one that may still change is replaced by what became of it. @param {Turn[]} turns @param {Turn} turn @returns {Turn[]} */
export function withTurn(turns, turn) {
  const place = turns.findLastIndex((t) => t.who === turn.who && (t.start_s === turn.start_s || !t.final));
  const isSame = place >= 0 && (!turns[place].final || turns[place].start_s === turn.start_s);
  const next = isSame ? turns.with(place, turn) : [...turns, turn];
  return next.toSorted((a, b) => a.start_s - b.start_s);
}

/** @param {Signal[]} signals @param {Signal} signal @returns {Signal[]} */
export function withSignal(signals, signal) {
  const isKnown = signals.some((s) => s.kind === signal.kind && s.start_s === signal.start_s);
  return isKnown ? signals : [...signals, signal].toSorted((a, b) => a.start_s - b.start_s);
}

/** @param {Point[]} points @param {Point} point @returns {Point[]} */
export function withPoint(points, point) {
  return points.length && points[points.length - 1].at_s >= point.at_s ? points : [...points, point];
}

/** What a call's own events add to it. @param {Told} told @param {{type: string, [field: string]: any}} event @returns {Told|null} */
export function told(told, event) {
  switch (event.type) {
    case "turn": return { ...told, turns: withTurn(told.turns, /** @type {any} */ (event)) };
    case "signal": return { ...told, signals: withSignal(told.signals, /** @type {any} */ (event)) };
    case "score": return { ...told, points: withPoint(told.points, { at_s: event.at_s, score: event.score }) };
    default: return null;
  }
}

/** The desk after this message. @param {View} view @param {Message} message @returns {View} */
export function apply(view, message) {
  const { event } = message;
  if (message.topic === "desk") return onDesk(view, event, message.seq);
  if (message.topic === "call") return onCall(view, event, message.call);
  if (event.type === "queues") return { ...view, queues: newer(view.queues, event.queues), other_queues: newer(view.other_queues, event.queues) };
  return view;
}

/** @param {View} view @param {{type: string, [field: string]: any}} event @param {number} seq @returns {View} */
function onDesk(view, event, seq) {
  const call = view.call;
  switch (event.type) {
    case "state": return onState(view, /** @type {any} */ (event));
    case "offer": return { ...view, offer: /** @type {any} */ (event) };
    case "offer_updated": return view.offer?.offer === event.offer ? { ...view, offer: { ...view.offer, .../** @type {any} */ (event), deadline_s: view.offer?.deadline_s ?? null } } : view;
    case "offer_over": return onOfferOver(view, /** @type {any} */ (event), seq);
    case "live": return call && call.id === event.call ? { ...view, call: { ...call, live: true } } : view;
    case "held": return call ? { ...view, call: { ...call, held: event.on } } : view;
    case "muted": return call ? { ...view, call: { ...call, muted: event.on } } : view;
    case "invite_over": return onInviteOver(view, event.why, seq);
    case "call_over": return { ...view, endedBy: event.ended_by, call: call ? { ...call, over: true, live: false, held: false } : null };
    case "wrap_up": return { ...view, wrap: { summary: event.summary, dispositions: event.dispositions } };
    default: return view;
  }
}

/** The same queues as they are now. @param {Queue[]} queues @param {Queue[]} all @returns {Queue[]} */
const newer = (queues, all) => queues.map((queue) => all.find((one) => one.name === queue.name) ?? queue);

/** @param {View} view @param {Desk} desk @returns {View} */
function onState(view, desk) {
  const isSame = view.call && desk.call && view.call.id === desk.call.id;
  const isWrapping = desk.state === "wrap_up", isOver = isWrapping || Boolean(desk.call?.over);
  return {
    ...view, ...desk,
    call: desk.call ?? (isWrapping && view.call ? { ...view.call, over: true, live: false } : null),
    offer: desk.offer && view.offer?.offer === desk.offer.offer ? view.offer : desk.offer,
    wrap: isOver ? view.wrap ?? null : null,
    endedBy: isOver ? view.endedBy ?? null : null,
    suggestions: isSame ? view.suggestions : [],
  };
}

/** @param {View} view @param {{offer: string, why: string}} event @param {number} seq @returns {View} */
function onOfferOver(view, event, seq) {
  if (view.offer?.offer !== event.offer) return view;
  const text = OFFER_OVER[event.why];
  return { ...view, offer: null, news: text ? { text, seq } : view.news };
}

/** @param {View} view @param {string} why @param {number} seq @returns {View} */
function onInviteOver(view, why, seq) {
  const call = view.call;
  if (!call?.consult) return view;
  const text = call.consult.mine ? INVITE_OVER[why] : undefined;
  return { ...view, call: { ...call, consult: null }, news: text ? { text, seq } : view.news };
}

/** @param {View} view @param {{type: string, [field: string]: any}} event @param {string|null} id @returns {View} */
function onCall(view, event, id) {
  const call = view.call;
  if (!call || (id && id !== call.id)) return view;
  if (event.type === "packet") return { ...view, call: { ...call, packet: event.packet } };
  if (event.type === "suggestion") return { ...view, suggestions: [...(view.suggestions ?? []).filter((text) => text !== event.text), event.text].slice(-SUGGESTIONS) };
  const next = told({ turns: call.turns, signals: call.signals, points: call.frustration }, event);
  return next ? { ...view, call: { ...call, turns: next.turns, signals: next.signals, frustration: next.points } } : view;
}

/** One sentence that says what is, or what to do. @param {View} view @param {boolean} ready whether calls can reach this page */
export function sentence(view, ready) {
  switch (view.state) {
    case "offline": return view.on_duty ? "Your line is down: callers can't reach you. It finds its way by itself, or connect it again." : "You are off duty. Check your sound, then go on duty.";
    case "break": return `You are on a break${view.break_reason ? `: ${view.break_reason}` : ""}. No calls come until you are back.`;
    case "available": return ready ? "You are on duty. The next caller appears here." : "You are on duty, but your line is down: no calls can reach this page.";
    case "ringing": return "A caller is offered to you.";
    case "on_call": return view.break_after_call ? `You are on a call. Your break (${view.break_after_call}) begins after it.` : "You are on a call.";
    case "wrap_up": return "Save what came of the call; then the next caller can come.";
  }
}
