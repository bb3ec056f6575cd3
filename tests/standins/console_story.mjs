// What the stand-in of the console has to tell: Dana, who asks for her order twice and raises her voice. Made up.

const HOSTILE = `<img src=x onerror="document.title='broken'">`;
export const CALL = "01936f1a-0000-7000-8000-000000000001";
export const OFFER = `${CALL}.0`;
/** A server by which browsers reach us. */
export const TURN = { urls: ["turns:turn.example.com:5349"], username: "segue", credential: "open sesame" };

const ago = (secs) => new Date(Date.now() - secs * 1000).toISOString();

export const packet = (changed = {}) => ({
  offer: OFFER, call: CALL, headline: "Order status · bot did not find 4711, asked twice · frustrated · not verified", wants: "order status",
  tried: "The bot looked for order 4711 and did not find it.", mood: "frustrated", verified: "not verified", caller: "+49 170 1234567", called: "+49 30 555000", entry: "front desk",
  queue: "Orders", reason: "the caller asked the same twice and raised their voice", trigger_sentence: "I have told you the number twice now, where is my order?",
  summary: "Dana wants to know where her order is. The bot could not find the number 4711. She said it again and got loud.", next_step: "Look the order up by name and address.",
  slots: [{ name: "order_number", value: "4711", confidence: 0.62 }, { name: "surname", value: "Miller", confidence: 1 }, { name: "delivery_day", value: "Tuesday", confidence: null }],
  frustration: 0.74, waited_s: 6, deadline_s: 20, ring_s: 20,
  history: [{ began: ago(86400 * 3), outcome: "contained", headline: "Asked for opening hours" }, { began: ago(86400 * 20), outcome: "bridged", headline: "Changed the delivery address" }], ...changed,
});

export const turns = () => [
  { who: "bot", text: "Welcome to Mercury Lamps. How can I help?", final: true, start_s: 0.6, end_s: 4.2 },
  { who: "caller", text: "Hello, I would like to know where my order is.", final: true, start_s: 5, end_s: 8.1 },
  { who: "bot", text: "What is your order number?", final: true, start_s: 8.6, end_s: 10.1 },
  { who: "caller", text: "Four seven one one.", final: true, start_s: 11, end_s: 12.6 },
  { who: "bot", text: "Sorry, I find no order with the number 4711. What else can I do?", final: true, start_s: 13.2, end_s: 17 },
  { who: "caller", text: "But I have it here in front of me. Where is my order?", final: true, start_s: 17.8, end_s: 21.4 },
  { who: "caller", text: null, final: true, start_s: 22, end_s: 22.6 },
  { who: "bot", text: "I find no order with the number 4711.", final: true, start_s: 23, end_s: 25.2 },
  { who: "caller", text: "I have told you the number twice now, where is my order?", final: true, start_s: 25.9, end_s: 29.6 },
  { who: "bot", text: "I am getting a person for you.", final: true, start_s: 30, end_s: 32.1 },
];

export const signals = () => [
  { kind: "no_match", letter: "◇", value: 1, unit: "count", why: "The bot found no order with that number.", start_s: 11, end_s: 12.6 },
  { kind: "repeat", letter: "↻", value: 0.86, unit: "share", why: "Said “where is my order” again, 13 s after the first time.", start_s: 17.8, end_s: 21.4 },
  { kind: "raised_volume", letter: "▲", value: 2.6, unit: "s", why: "Speaks with more effort than in their calm turns: pitch up 4.1 semitones.", start_s: 25.9, end_s: 29.6 },
  { kind: "sentiment", letter: "✎", value: 0.7, unit: "share", why: "“told you twice” is a complaint.", start_s: 26.2, end_s: 29.6 },
];

export const points = () => [[12.6, 0.15], [15, 0.13], [17, 0.12], [21.4, 0.42], [23, 0.4], [25, 0.38], [29.6, 0.74], [31, 0.72], [33, 0.7]].map(([at_s, score]) => ({ at_s, score }));

export const later = () => [
  { who: "agent", text: "Hello Dana, this is Ana. I see you are looking for order 4711; I will find it by your name.", final: true, start_s: 38, end_s: 43 },
  { who: "caller", text: "Oh, thank you. It is Miller, in Elm Street.", final: true, start_s: 43.6, end_s: 46.8 },
  { who: "agent", text: "Here it is: it left our house yesterday", final: false, start_s: 47.5, end_s: 50 },
];

export const hostileTurn = { who: "caller", text: HOSTILE, final: true, start_s: 51, end_s: 53 };

export const queues = () => [
  { name: "orders", title: "Orders", waiting: 3, oldest_s: 95, on_duty: 4 },
  { name: "returns", title: "Returns", waiting: 0, oldest_s: null, on_duty: 2 },
];

export const desk = (changed = {}) => ({
  on_duty: (changed.state ?? "offline") !== "offline", other_queues: [{ name: "repairs", title: "Repairs", waiting: 1, oldest_s: 12, on_duty: 1 }],
  agent: "ana", state: "offline", break_reason: null, break_after_call: null, since: ago(130), line: "none", numbers: { calls_today: 12, mean_handle_s: 251 }, offer: null, call: null,
  queues: queues(), break_reasons: ["lunch", "short pause", "training"], dispositions: ["solved", "follow_up", "complaint", "wrong_number"],
  crm_url: "https://crm.example/customers?phone={caller}&order={order_number}", colleagues: [{ name: "ben", title: "Ben Okafor", state: "available" }], ...changed,
});

export const deskCall = (changed = {}) => ({
  id: CALL, offer: OFFER, since: ago(14), live: true, held: false, muted: false, packet: packet({ deadline_s: null }), turns: [...turns(), ...later()], signals: signals(), frustration: points(),
  parties: ["Caller", "Ana Ruiz"], over: false, ...changed,
});

const STAGES = ["bot", "waiting", "bridged", "ringing", "greeting", "waiting", "bot", "bridged", "waiting", "bridged", "bot", "ended"];
const LINES = [
  "Wants to cancel; bot offered a discount twice", "Order status · bot did not find 4711, asked twice · frustrated · not verified", "Delivery to the wrong address", "Asks for a person about a refund", null,
  "Lamp arrived broken, wants a new one", "Opening hours on Saturday", "Invoice is twice what was agreed", "Says the bot does not understand", "Wants to change the address", "Which bulb fits the Juno lamp", "Asked for the price of the Vega lamp",
];

export const rows = () => STAGES.map((stage, n) => ({
  id: `01936f1a-0000-7000-8000-0000000000${String(n).padStart(2, "0")}`, began: ago(30 + n * 23), caller: n % 5 === 3 ? null : `+49 170 55500${10 + n}`, entry: "front desk", stage,
  agent: stage === "bridged" ? ["Ben Okafor", "Cleo Marsh", "Dev Patel"][n % 3] : stage === "ringing" ? "Eli Stone" : null, queue: stage === "bot" || stage === "greeting" ? null : n % 2 ? "Orders" : "Returns",
  wait_s: stage === "waiting" ? 20 + n * 12 : stage === "bridged" ? 12 : stage === "ringing" ? 8 : null, frustration: [0.35, 0.74, 0.2, 0.5, 0, 0.66, 0.05, 0.31, 0.82, 0.1, 0.02, 0.4][n], headline: LINES[n],
}));

const NAMES = ["Ana Ruiz", "Ben Okafor", "Cleo Marsh", "Dev Patel", "Eli Stone", "Fay Wong", "Gus Lind", "Hana Sato", "Ian Bell", "Jo Weber", "Kim Novak", "Lea Roth"];
export const agents = () => NAMES.map((title, n) => ({ name: title.split(" ")[0].toLowerCase(), title, state: ["available", "on_call", "on_call", "on_call", "ringing", "wrap_up", "break", "offline"][n % 8], since: ago(60 + n * 40), call: null }));

export const liveCall = (row) => ({ ...row, turns: turns(), signals: signals(), curve: points(), packet: packet({ deadline_s: null }) });

export const kept = () => Array.from({ length: 9 }, (_, n) => ({
  id: n === 0 ? CALL : `01936f1a-0000-7000-8000-0000000001${n}0`, began: ago(600 + n * 2400), ended: ago(420 + n * 2400), called: "+49 30 555000", caller: n === 4 ? null : `+49 170 55500${10 + n}`, entry: "front desk",
  outcome: ["bridged", "contained", "bridged", "abandoned", "contained", "callback", "bridged", "contained", "message"][n], agent: n % 3 === 0 ? "Ana Ruiz" : null, headline: LINES[n] ?? LINES[1],
  frustration_peak: [0.74, 0.1, 0.35, 0.82, null, 0.4, 0.2, 0.05, 0.5][n], handoffs: n % 3 === 0 ? 1 : 0,
}));

export const keptCall = () => ({
  schema: 1, recording: CALL, duration_s: 62, call_s: 62, truncated: false, began: ago(600), audio: true, outcome: "bridged",
  turns: [...turns(), ...later().map((turn) => ({ ...turn, final: true })), hostileTurn], signals: signals(), frustration: points(),
  handoffs: [{
    trigger: "upset", kind: "raised_volume", mode: "act", asked: "transfer", consent: null, at_s: 29.6, t_s: [29.6, 29.78, 29.71, 29.72, 33.7, 33.74, 33.76], reason: "The caller asked the same twice and raised their voice.",
    notice: { text: "I am getting a person for you.", start_s: 30, end_s: 32.1 }, queue: "Orders", offers: [{ agent: "Ben Okafor", at_s: 29.7, outcome: "declined", reason: "Not my topic" }, { agent: "Ana Ruiz", at_s: 31.7, outcome: "accepted" }],
    accepted_s: 33.7, bridged_s: 33.74, ended_s: 62, ended_by: "caller", clocks_ms: { time_to_notice: 180, time_to_context: 110, time_to_human: 4140, pick_up_gap: 40, bridge_gap: 240 }, packet: packet(), outcome: "bridged",
  }],
});

export const users = () => [
  { name: "ana", title: "Ana Ruiz", role: "agent", agent: "ana", created: ago(86400 * 40) }, { name: "sam", title: "Sam Field", role: "supervisor", agent: null, created: ago(86400 * 12) }, { name: "root", title: "Rae Chen", role: "admin", agent: null, created: ago(86400 * 90) },
];
export const acts = () => [
  { n: 3, at: ago(120), who: "sam", what: "listened", about: CALL, detail: null }, { n: 2, at: ago(4000), who: "root", what: "trigger_changed", about: "upset", detail: "offer" }, { n: 1, at: ago(9000), who: "root", what: "user_created", about: "ana", detail: null },
];
export const openapi = () => ({
  openapi: "3.1.0", info: { title: "Segue", version: "1", description: "Everything that Segue's pages do." }, tags: [{ name: "desk", description: "An agent's own desk and call." }],
  paths: { "/desk": { get: { tags: ["desk"], summary: "Your desk.", responses: { 200: { description: "The desk.", content: { "application/json": { schema: { $ref: "#/components/schemas/Desk" } } } } } } },
    "/desk/call/hold": { post: { tags: ["desk"], summary: "Puts the caller on hold, or takes them back.", requestBody: { content: { "application/json": { schema: { $ref: "#/components/schemas/Switch" } } } }, responses: { 202: { description: "Asked of the call." } } } } },
  components: { schemas: { Desk: { type: "object", description: "Everything on an agent's desk." }, Switch: { type: "object", description: "On or off.", properties: { on: { type: "boolean" } } } } },
});
