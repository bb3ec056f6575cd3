// What the wall shows, changed by events; and the order of its rows. Pure.

/**
 * @typedef {import("../lib/api.js").WallRow} WallRow
 * @typedef {import("../lib/api.js").Queue} Queue
 * @typedef {import("../lib/api.js").AgentRow} AgentRow
 * @typedef {import("../lib/api.js").LiveCall} LiveCall
 * @typedef {import("../lib/api.js").Message} Message
 * @typedef {WallRow & {scores: number[], readAt: number}} Row
 * @typedef {{rows: Map<string, Row>}} Wall
 */

import { told } from "../desk/model.js";

/** Scores that are kept for a sparkline. */
const SCORES = 60;
/** From this score on a caller is frustrated. */
const FRUSTRATED = 0.6;
/** Who waits longer than this needs somebody, in s. */
const LONG = 60;

/** @param {WallRow[]} rows @param {number} now in ms @returns {Wall} */
export const wallOf = (rows, now) => ({ rows: new Map(rows.map((row) => [row.id, { ...row, scores: [row.frustration], readAt: now }])) });

/** @param {Wall} wall @param {Message} message @param {number} now in ms @returns {Wall} */
export function apply(wall, message, now) {
  const { event } = message;
  if (message.topic !== "wall") return wall;
  if (event.type === "row") return { ...wall, rows: new Map(wall.rows).set(event.id, withScore(wall.rows.get(event.id), /** @type {any} */ (event), now)) };
  if (event.type !== "gone") return wall;
  const rows = new Map(wall.rows);
  rows.delete(event.id);
  return { ...wall, rows };
}

/** @param {Row|undefined} before @param {WallRow} row @param {number} now @returns {Row} */
function withScore(before, row, now) {
  return { ...row, scores: [...(before?.scores ?? []), row.frustration].slice(-SCORES), readAt: now };
}

/** How long a caller waits by now, in s. @param {Row} row @param {number} now in ms */
export function wait(row, now) {
  if (row.wait_s === null) return null;
  return row.wait_s + (row.stage === "waiting" || row.stage === "ringing" || row.stage === "briefing" ? (now - row.readAt) / 1000 : 0);
}

/** How much a call needs somebody; more is more. @param {Row} row @param {number} now in ms */
export function need(row, now) {
  if (row.stage === "ended") return -1;
  const seeks = row.stage === "waiting" || row.stage === "ringing";
  return (seeks ? 2 + Math.min(2, (wait(row, now) ?? 0) / LONG) : 0) + row.frustration * (row.stage === "bridged" ? 0.8 : 2);
}

/** The calls in order of need; where things may not move, the order before stays and new ones come last.
 * @param {Row[]} rows @param {number} now in ms @param {readonly string[]} before ids @param {boolean} still @returns {Row[]} */
export function ordered(rows, now, before, still) {
  if (!still) return rows.toSorted((a, b) => need(b, now) - need(a, now) || (a.began < b.began ? -1 : 1));
  const place = new Map(before.map((id, n) => [id, n]));
  return rows.toSorted((a, b) => (place.get(a.id) ?? Infinity) - (place.get(b.id) ?? Infinity) || (a.began < b.began ? -1 : 1));
}

/** One sentence that says what needs somebody. @param {Row[]} rows @param {number} now in ms */
export function sentence(rows, now) {
  const live = rows.filter((row) => row.stage !== "ended");
  if (!live.length) return "No calls at the moment.";
  const waiting = live.filter((row) => row.stage === "waiting" || row.stage === "ringing");
  const upset = live.filter((row) => row.frustration >= FRUSTRATED);
  const longest = Math.max(0, ...waiting.map((row) => wait(row, now) ?? 0));
  const calls = live.length === 1 ? "One call" : `${live.length} calls`;
  const wanting = waiting.length ? `; ${waiting.length === 1 ? "one waits" : `${waiting.length} wait`} for a person, ${waiting.length === 1 ? "for" : "the longest"} ${minutes(longest)}` : "; nobody waits";
  return `${calls}${wanting}${upset.length ? `; ${upset.length === 1 ? "one is" : `${upset.length} are`} frustrated` : ""}.`;
}

/** @param {number} secs */
const minutes = (secs) => `${Math.floor(secs / 60)}:${String(Math.floor(secs % 60)).padStart(2, "0")}`;

/** One open call after a message. @param {LiveCall} call @param {Message} message @returns {LiveCall} */
export function applyCall(call, message) {
  const { event } = message;
  if (message.topic === "wall") return event.type === "row" && event.id === call.id ? { ...call, .../** @type {any} */ (event) } : call;
  if (message.call !== call.id) return call;
  if (event.type === "packet") return { ...call, packet: event.packet };
  if (event.type === "stage") return { ...call, stage: event.stage };
  const next = told({ turns: call.turns, signals: call.signals, points: call.curve }, event);
  return next ? { ...call, turns: next.turns, signals: next.signals, curve: next.points } : call;
}
