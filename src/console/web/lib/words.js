// Words, marks and times, as every page writes them. Pure: no document, no clock but what is handed in.

/** @typedef {import("./api.js").Mood} Mood */

/** A span as `m:ss`, or `h:mm:ss`. @param {number|null|undefined} secs */
export function clock(secs) {
  if (secs === null || secs === undefined || !Number.isFinite(secs)) return "–";
  const t = Math.max(0, Math.floor(secs)), h = Math.floor(t / 3600);
  const m = Math.floor(t / 60) % 60, s = String(t % 60).padStart(2, "0");
  return h > 0 ? `${h}:${String(m).padStart(2, "0")}:${s}` : `${m}:${s}`;
}

/** A short span in plain words: `340 ms`, `4.1 s`, `2:05`. @param {number|null|undefined} secs */
export function span(secs) {
  if (secs === null || secs === undefined || !Number.isFinite(secs)) return "–";
  if (Math.abs(secs) < 1) return `${Math.round(secs * 1000)} ms`;
  return Math.abs(secs) < 60 ? `${secs.toFixed(1)} s` : clock(secs);
}

/** Seconds since a moment. @param {string|null|undefined} at RFC 3339 @param {number} now in ms @returns {number|null} */
export function since(at, now) {
  const began = at ? Date.parse(at) : NaN;
  return Number.isNaN(began) ? null : Math.max(0, (now - began) / 1000);
}

/** How long ago, in words. @param {string|null|undefined} at @param {number} now in ms */
export function ago(at, now) {
  const secs = since(at, now);
  if (secs === null) return "–";
  if (secs < 60) return "just now";
  if (secs < 3600) return `${Math.floor(secs / 60)} min ago`;
  if (secs < 86400) return `${Math.floor(secs / 3600)} h ago`;
  const days = Math.floor(secs / 86400);
  return days === 1 ? "yesterday" : `${days} days ago`;
}

/** A moment in full, in the reader's own way. @param {string|null|undefined} at */
export function moment(at) {
  const date = new Date(at ?? NaN);
  return Number.isNaN(date.getTime()) ? "" : date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** A name in snake case, for people. @param {unknown} name */
export const words = (name) => String(name ?? "").replaceAll("_", " ");
/** @param {string} text */
export const capital = (text) => text.charAt(0).toUpperCase() + text.slice(1);
/** At most so many characters, cut with an ellipsis. @param {string} text @param {number} most */
export function short(text, most) {
  const all = [...text];
  return all.length <= most ? text : `${all.slice(0, most - 1).join("").trimEnd()}…`;
}
/** `1 call`, `3 calls`. @param {number} n @param {string} one @param {string} [many] */
export const count = (n, one, many) => `${n} ${n === 1 ? one : many ?? `${one}s`}`;

/** Longest headline, in characters. */
export const HEADLINE = 90;

/** Moods keep word and shape everywhere. @type {Record<Mood, {word: string, shape: string}>} */
export const MOODS = {
  calm: { word: "Calm", shape: "●" },
  rising: { word: "Rising", shape: "◆" },
  frustrated: { word: "Frustrated", shape: "▲" },
};
/** @param {string|null|undefined} mood @returns {Mood} */
export const mood = (mood) => (mood === "rising" || mood === "frustrated" ? mood : "calm");
/** The mood that a score stands for; the same borders as in the packet. @param {number} score 0..1 @returns {Mood} */
export const moodOf = (score) => (score >= 0.6 ? "frustrated" : score >= 0.3 ? "rising" : "calm");

/** Marks of signals keep their shape everywhere. @type {Record<string, string>} */
export const MARKS = {
  raised_volume: "▲", repeat: "↻", request: "☎", bot_request: "☎", sentiment: "✎", profanity: "✎", correction: "✎", confusion: "✎",
  interruption: "✎", no_match: "◇", no_input: "◇", low_confidence: "◇", bot_error: "◇", no_progress: "◇", out_of_scope: "◇",
  long_silence: "…", key_mash: "…", fast_speech: "…", topic: "!",
};
const SIGNALS = /** @type {Record<string, string>} */ ({
  raised_volume: "Raised voice", repeat: "Said it again", request: "Asks for a person", bot_request: "The bot asks for a person",
  sentiment: "Negative words", profanity: "Abusive words", correction: "Corrects the bot", confusion: "Does not understand",
  interruption: "Talks over the bot", no_match: "Not understood", no_input: "No answer", low_confidence: "Unsure recognition",
  bot_error: "Bot failed", no_progress: "No progress", out_of_scope: "Beyond the bot", long_silence: "Long silence",
  key_mash: "Keys pressed wildly", fast_speech: "Speaks fast", topic: "Topic for a person",
});
/** @param {string} kind */
export const signalName = (kind) => SIGNALS[kind] ?? capital(words(kind));
/** @param {{kind: string, letter?: string}} signal */
export const mark = (signal) => signal.letter || MARKS[signal.kind] || "•";
const UNITS = /** @type {Record<string, string>} */ ({ sec: "s", s: "above the calm voice", z: "above other calm voices", share: "of 1", cost: "distance", count: "times" });
/** Value and unit of a signal. @param {{value: number, unit: string}} signal */
export const measure = (signal) => `${Number(signal.value?.toFixed?.(2) ?? signal.value)} ${UNITS[signal.unit] ?? signal.unit}`.trim();

/** @type {Record<string, string>} */
export const PEOPLE = { caller: "Caller", bot: "Bot", agent: "Agent", supervisor: "Supervisor" };

/** Where a call stands: shape and words. @type {Record<string, {shape: string, word: string}>} */
export const STAGES = {
  greeting: { shape: "◌", word: "Greeting" }, bot: { shape: "○", word: "With the bot" }, waiting: { shape: "◔", word: "Waiting" },
  ringing: { shape: "◑", word: "Ringing" }, briefing: { shape: "◕", word: "Briefing" }, bridged: { shape: "●", word: "With a person" },
  ended: { shape: "■", word: "Ended" },
};
/** @param {string} stage */
export const stage = (stage) => STAGES[stage] ?? { shape: "○", word: capital(words(stage)) };

/** What an agent does: shape and words. @type {Record<string, {shape: string, word: string}>} */
export const STATES = {
  offline: { shape: "○", word: "Off duty" }, unreachable: { shape: "⇅", word: "Line down" }, available: { shape: "●", word: "On duty" }, break: { shape: "◐", word: "On a break" },
  ringing: { shape: "◎", word: "Ringing" }, on_call: { shape: "◆", word: "On a call" }, wrap_up: { shape: "▣", word: "Wrap-up" },
};
/** @param {string} state */
export const agentState = (state) => STATES[state] ?? { shape: "○", word: capital(words(state)) };

/** How a call came out. @type {Record<string, string>} */
export const OUTCOMES = {
  bridged: "Talked with a person", contained: "Served by the bot", callback: "Callback filed", message: "Left a message",
  ticket: "Ticket filed", abandoned: "Hung up while waiting",
};
/** @param {string|null|undefined} outcome */
export const outcome = (outcome) => (outcome ? OUTCOMES[outcome] ?? capital(words(outcome)) : "Goes on");

/** Who ended something. @type {Record<string, string>} */
export const ENDED_BY = {
  caller: "The caller hung up", agent: "You hung up", bot: "The bot ended the call", supervisor: "A supervisor ended the call",
  gateway: "Segue ended the call", lost_media: "The connection to the caller was lost",
};
/** @param {string|null|undefined} by */
export const endedBy = (by) => (by ? ENDED_BY[by] ?? "The call is over" : "The call is over");

/** Why an offer is gone, as a sentence for the agent. @type {Record<string, string>} */
export const OFFER_OVER = {
  declined: "You declined. The caller goes to the next person.",
  unanswered: "The offer ran out. The caller goes to the next person.",
  vanished: "The offer ended, because your page could not be reached.",
  withdrawn: "The caller was taken by somebody else, or hung up.",
};

/** What came of asking one more person. @type {Record<string, string>} */
export const INVITE_OVER = {
  joined: "They are in the call now.",
  taken_back: "The caller is with you again.",
  nobody_came: "Nobody came. The caller is with you again.",
};

/** The address of the customer's page in the operator's system, or null if there is none or it leads nowhere safe.
 * @param {string|null|undefined} template such as `https://crm.example/?phone={caller}` @param {Record<string, string|null|undefined>} known */
export function crm(template, known) {
  if (!template) return null;
  const filled = template.replaceAll(/\{([a-z0-9_]+)\}/g, (_, name) => encodeURIComponent(known[name] ?? ""));
  try {
    const url = new URL(filled);
    return url.protocol === "https:" || url.protocol === "http:" ? url.href : null;
  } catch {
    return null;
  }
}

/** A path of ours to go on to after signing in; anything else is none. @param {string|null} next */
export const ownPath = (next) => (next && /^\/(?![/\\])[\w\-./?=&%]*$/.test(next) ? next : null);
