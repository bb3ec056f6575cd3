// The API below /api/v1: its types, and one function a request. A refusal is an `ApiError` whose message says what to do.

/**
 * @typedef {"calm"|"rising"|"frustrated"} Mood
 * @typedef {"agent"|"supervisor"|"admin"|"tester"} Role
 * @typedef {{name: string, title: string, role: Role, agent: string|null, queues: string[]}} Me
 * @typedef {{name: string, title: string, role: Role, agent: string|null, created: string}} User
 * @typedef {{name: string, created: string, key?: string}} ApiKey
 * @typedef {{n: number, at: string, who: string, what: string, about: string|null, detail: string|null}} Act
 * @typedef {{who: string, text: string|null, final: boolean, start_s: number, end_s: number}} Turn
 * @typedef {{kind: string, letter: string, value: number, unit: string, why: string, start_s: number, end_s: number}} Signal
 * @typedef {{at_s: number, score: number}} Point
 * @typedef {{name: string, value: string, confidence: number|null}} Slot
 * @typedef {{agent: string, at_s: number, text: string}} Note
 * @typedef {{began: string, outcome: string|null, headline: string|null}} Earlier
 * @typedef {{offer: string|null, call: string, headline: string, wants: string, tried: string, mood: Mood, verified: string,
 *   caller: string|null, called?: string, entry?: string, queue: string, reason: string, trigger_sentence: string, summary: string,
 *   next_step?: string, slots: Slot[], notes?: Note[], frustration: number, waited_s: number, deadline_s: number|null, ring_s: number, history: Earlier[]}} Offer
 * @typedef {{id: string, offer: string|null, since: string, live?: boolean, held: boolean, muted: boolean, packet: Offer|null,
 *   turns: Turn[], signals: Signal[], frustration: Point[], parties: string[], consult?: Consult|null, over?: boolean}} DeskCall
 * @typedef {{with: string, warm: boolean, here: boolean, mine: boolean}} Consult
 * @typedef {{name: string, title: string, waiting: number, oldest_s: number|null, on_duty: number}} Queue
 * @typedef {"offline"|"available"|"break"|"ringing"|"on_call"|"wrap_up"} DeskState
 * @typedef {{agent: string, state: DeskState, break_reason: string|null, break_after_call: string|null, since: string|null,
 *   on_duty: boolean, line: "none"|"connecting"|"up", numbers: {calls_today: number, mean_handle_s: number|null}, offer: Offer|null, call: DeskCall|null,
 *   queues: Queue[], other_queues: Queue[], break_reasons: string[], dispositions: string[], crm_url: string|null,
 *   colleagues?: {name: string, title: string, state: DeskState}[]}} Desk
 * @typedef {{id: string, began: string, caller: string|null, entry: string, stage: string, agent: string|null, queue: string|null,
 *   wait_s: number|null, frustration: number, mood?: Mood|null, headline: string|null}} WallRow
 * @typedef {WallRow & {turns: Turn[], signals: Signal[], curve: Point[], packet: Offer|null}} LiveCall
 * @typedef {{name: string, title: string, state: DeskState, since: string|null, call: string|null}} AgentRow
 * @typedef {{name: string, mode: "transfer"|"offer"|"off", queue: string|null}} Trigger
 * @typedef {{id: string, began: string, ended: string|null, called: string|null, caller: string|null, entry: string|null,
 *   outcome: string|null, agent: string|null, headline: string|null, frustration_peak: number|null, handoffs: number}} CallRow
 * @typedef {{agent: string, at_s: number, outcome: string, reason?: string}} OfferTold
 * @typedef {{trigger: string, kind: string, mode: string, at_s: number, t_s: (number|null)[], reason: string, queue: string|null,
 *   offers: OfferTold[]|null, clocks_ms: Record<string, number|null>|null, packet: Record<string, any>|null, outcome: string|null,
 *   ended_by: string|null}} Handoff
 * @typedef {{duration_s: number|null, call_s: number|null, turns: {who: string, start_s: number, end_s: number, text: string|null}[],
 *   signals: Signal[], frustration: Point[], handoffs: Handoff[], outcome: string|null, began?: string, audio?: boolean}} KeptCall
 * @typedef {{agent: string}|{queue: string}|{number: string}} To
 * @typedef {{seq: number, at: string, topic: "desk"|"call"|"wall"|"system", call: string|null, event: {type: string, [field: string]: any}}} Message
 */

const BASE = "/api/v1";
/** Longer than any honest answer takes, in ms. */
const PATIENCE = 20_000;

/** Refused, or not answered; `code` is `offline` where nobody answered. */
export class ApiError extends Error {
  /** @param {number} status @param {string} code @param {string} message @param {string|null} [field] */
  constructor(status, code, message, field) {
    super(message);
    this.status = status;
    this.code = code;
    this.field = field ?? null;
  }
}

/** As of which number of the live feed an answer is. @type {WeakMap<object, number>} */
const numbers = new WeakMap();
/** @param {object} answer @returns {number} 0 where it was not said */
export const seqOf = (answer) => numbers.get(answer) ?? 0;

/** What is made of an answer is as of the same number. @template {object} T @param {object} answer @param {T} made @returns {T} */
export function carry(answer, made) {
  numbers.set(made, seqOf(answer));
  return made;
}

/** What to do when the session is over; a page sets it. @type {{signedOut: () => void}} */
export const on = { signedOut: () => {} };

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {string} [token] of a visitor
 * @returns {Promise<any>}
 */
export async function request(method, path, body, token) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (method !== "GET") headers["X-Segue"] = "1";
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  let response;
  try {
    response = await fetch(BASE + path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "same-origin", signal: AbortSignal.timeout(PATIENCE),
    });
  } catch {
    throw new ApiError(0, "offline", "Segue can't be reached. Check your network; the page tries again by itself.");
  }
  if (!response.ok) throw await refusal(response);
  // Read to its end even where nothing comes: an answer that nobody reads costs the connection.
  const text = await response.text();
  const answer = text ? JSON.parse(text) : null;
  const seq = Number(response.headers.get("x-segue-seq"));
  if (seq && answer && typeof answer === "object") numbers.set(answer, seq);
  return answer;
}

/** @param {Response} response */
async function refusal(response) {
  const said = await response.json().catch(() => null);
  const { code = "failed", message = "That did not work. Try again; if it stays so, tell an admin.", field = null } = said?.error ?? {};
  if (response.status === 401 && code === "signed_out") on.signedOut();
  return new ApiError(response.status, code, message, field);
}

/** @param {string} part */
const at = (part) => encodeURIComponent(part);
/** @param {Record<string, string|number|null|undefined>} asked */
function query(asked) {
  const pairs = Object.entries(asked).filter(([, value]) => value !== null && value !== undefined && value !== "");
  return pairs.length ? `?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}` : "";
}

export const api = {
  /** @param {string} name @param {string} password @returns {Promise<Me>} */
  signIn: (name, password) => request("POST", "/session", { name, password }),
  signOut: () => request("DELETE", "/session"),
  /** @returns {Promise<Me>} */
  me: () => request("GET", "/me"),
  /** @param {string} key @param {string} name @param {string} password @returns {Promise<Me>} */
  welcome: (key, name, password) => request("POST", "/welcome", { key, name, password }),

  /** By a link that works once. @param {string} key @returns {Promise<Me>} */
  enter: (key) => request("POST", "/enter", { key }),

  /** @returns {Promise<User[]>} */
  users: () => request("GET", "/users"),
  /** @param {object} user */
  createUser: (user) => request("POST", "/users", user),
  /** @param {string} name @param {object} changed */
  updateUser: (name, changed) => request("PATCH", `/users/${at(name)}`, changed),
  /** @param {string} name */
  deleteUser: (name) => request("DELETE", `/users/${at(name)}`),
  /** @returns {Promise<ApiKey[]>} */
  keys: () => request("GET", "/keys"),
  /** @param {string} name @returns {Promise<ApiKey>} */
  createKey: (name) => request("POST", "/keys", { name }),
  /** @param {string} name */
  deleteKey: (name) => request("DELETE", `/keys/${at(name)}`),
  /** @param {number} [before] @returns {Promise<Act[]>} */
  audit: (before) => request("GET", `/audit${query({ before })}`),

  /** @returns {Promise<Desk>} */
  desk: () => request("GET", "/desk"),
  /** @param {{presence: "available"|"break"|"offline", reason?: string, after_call?: boolean}} presence */
  presence: (presence) => request("PUT", "/desk/presence", presence),
  /** @param {string} offer */
  shown: (offer) => request("POST", `/desk/offers/${at(offer)}/shown`),
  /** @param {string} offer */
  accept: (offer) => request("POST", `/desk/offers/${at(offer)}/accept`),
  /** @param {string} offer @param {string} reason */
  decline: (offer, reason) => request("POST", `/desk/offers/${at(offer)}/decline`, { reason }),
  /** @returns {Promise<{ice_servers: RTCIceServer[]}>} */
  rtc: () => request("GET", "/rtc"),
  /** @param {string} sdp @returns {Promise<{sdp: string, line?: string}>} */
  openLine: (sdp) => request("POST", "/desk/line", { sdp }),
  /** @param {string} sdp @returns {Promise<{sdp: string}>} */
  restartLine: (sdp) => request("POST", "/desk/line/restart", { sdp }),
  closeLine: () => request("DELETE", "/desk/line"),
  /** The line on which one listens. @param {string} sdp @returns {Promise<{sdp: string, line?: string}>} */
  openEar: (sdp) => request("POST", "/live/line", { sdp }),
  /** @param {string} sdp @returns {Promise<{sdp: string}>} */
  restartEar: (sdp) => request("POST", "/live/line/restart", { sdp }),
  closeEar: () => request("DELETE", "/live/line"),

  /** @param {boolean} on */
  hold: (on) => request("POST", "/desk/call/hold", { on }),
  /** @param {boolean} on */
  mute: (on) => request("POST", "/desk/call/mute", { on }),
  /** @param {string} key */
  key: (key) => request("POST", "/desk/call/key", { key }),
  /** @param {string} note */
  handBack: (note) => request("POST", "/desk/call/hand_back", { note }),
  /** @param {To} to @param {boolean} warm @param {string} note */
  transfer: (to, warm, note) => request("POST", "/desk/call/transfer", { to, warm, note }),
  /** @param {To} to */
  conference: (to) => request("POST", "/desk/call/conference", { to }),
  complete: () => request("POST", "/desk/call/complete"),
  takeBack: () => request("POST", "/desk/call/take_back"),
  hangUp: () => request("POST", "/desk/call/hang_up"),
  /** @param {string} text */
  note: (text) => request("POST", "/desk/call/note", { text }),
  /** @param {string} name @param {string} value */
  slot: (name, value) => request("POST", "/desk/call/slots", { name, value }),
  /** @param {{summary: string, disposition: string, resolved: boolean}} wrapUp */
  wrapUp: (wrapUp) => request("POST", "/desk/call/wrap_up", wrapUp),

  /** @param {{before?: string, limit?: number}} [asked] @returns {Promise<CallRow[]>} */
  calls: (asked) => request("GET", `/calls${query(asked ?? {})}`),
  /** @param {string} id @returns {Promise<KeptCall>} */
  call: (id) => request("GET", `/calls/${at(id)}`),
  /** @param {string} id */
  audioUrl: (id) => `${BASE}/calls/${at(id)}/audio`,
  /** @param {string} id */
  reportUrl: (id) => `${BASE}/calls/${at(id)}/report`,

  /** @returns {Promise<WallRow[]>} */
  liveCalls: () => request("GET", "/live/calls"),
  /** @returns {Promise<{queues: Queue[], agents: AgentRow[]}>} */
  liveDesk: () => request("GET", "/live/desk"),
  /** @param {string} id @returns {Promise<LiveCall>} */
  liveCall: (id) => request("GET", `/live/calls/${at(id)}`),
  /** @param {string} id @param {string} line */
  listen: (id, line) => request("POST", `/live/calls/${at(id)}/listen`, { line }),
  /** @param {string} id */
  unlisten: (id) => request("DELETE", `/live/calls/${at(id)}/listen`),
  /** @param {string} id @param {string|null} queue */
  handoff: (id, queue) => request("POST", `/live/calls/${at(id)}/handoff`, queue ? { queue } : {}),
  /** @returns {Promise<Trigger[]>} */
  triggers: () => request("GET", "/triggers"),
  /** @param {string} name @param {string} mode */
  setTrigger: (name, mode) => request("PUT", `/triggers/${at(name)}`, { mode }),

  /** @param {string} entry @returns {Promise<{ice_servers: RTCIceServer[]}>} */
  visitRtc: (entry) => request("GET", `/visit/rtc${query({ entry })}`),
  /** @param {string} entry @param {string} sdp @returns {Promise<{sdp: string, token: string}>} */
  visit: (entry, sdp) => request("POST", "/visit", { entry, sdp }),
  /** @param {string} token @param {string} sdp @returns {Promise<{sdp: string}>} */
  visitRestart: (token, sdp) => request("POST", "/visit/restart", { sdp }, token),
  /** @param {string} token */
  visitPerson: (token) => request("POST", "/visit/person", {}, token),
  /** @param {string} token */
  visitHangUp: (token) => request("POST", "/visit/hang_up", {}, token),
  /** The page closes: there is nobody to wait for an answer. @param {string} token */
  visitLeave: (token) => { fetch(`${BASE}/visit/hang_up`, { method: "POST", keepalive: true, headers: { "X-Segue": "1", Authorization: `Bearer ${token}` } }).catch(() => {}); },
  /** @param {string} token @param {string} key */
  visitKey: (token, key) => request("POST", "/visit/key", { key }, token),
};
