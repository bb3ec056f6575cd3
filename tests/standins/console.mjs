// A stand-in for the console's server: the pages, the API and the live feed, with a made-up desk behind them.
// Tests start it by `start()` and move its world; `node tests/standins/console.mjs` serves it by hand at port 8099.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import * as story from "./console_story.mjs";

const WEB = fileURLToPath(new URL("../../src/console/web/", import.meta.url));
const PAGES = [[/^\/$/, "index"], [/^\/(desk|wall|calls|sign-in|welcome|admin|api)$/, null], [/^\/calls\/[^/]+$/, "call"], [/^\/call$/, "visit"]];
const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8", ".svg": "image/svg+xml" };
/** As the server says it: no script and no style but our own files. */
const POLICY = "default-src 'self'; img-src 'self' data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";
const ME = {
  agent: { name: "ana", title: "Ana Ruiz", role: "agent", agent: "ana", queues: ["orders", "returns"] }, supervisor: { name: "sam", title: "Sam Field", role: "supervisor", agent: null, queues: [] },
  admin: { name: "root", title: "Rae Chen", role: "admin", agent: "rae", queues: [] },
};

export async function start({ port = 0 } = {}) {
  const world = { me: ME.agent, desk: story.desk(), rows: story.rows(), calls: story.kept(), triggers: [{ name: "upset", mode: "transfer", queue: null }, { name: "request", mode: "transfer", queue: "orders" }, { name: "bot_lost", mode: "offer", queue: null }], refuse: {}, asked: [], down: false, auto: true };
  const feed = makeFeed(world);
  const server = createServer((request, response) => answer(request, response, world, feed).catch((error) => { console.error(error); response.writeHead(500).end(); }));
  server.on("upgrade", (request, socket) => feed.join(request, socket));
  await new Promise((done) => server.listen(port, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${server.address().port}`, world, tell: feed.tell, ready: feed.ready, as: (role) => { world.me = role ? ME[role] : null; },
    state: (changed) => { Object.assign(world.desk, { since: new Date().toISOString() }, changed); feed.tell("desk", null, { type: "state", ...world.desk }); },
    drop: () => { world.down = true; feed.drop(); }, back: () => { world.down = false; }, cut: () => feed.drop(),
    close: () => { feed.drop(); server.closeAllConnections(); server.close(); },
  };
}

function makeFeed(world) {
  const sockets = new Set(), told = [];
  let seq = 1000;
  const send = (socket, message) => {
    const body = Buffer.from(JSON.stringify(message));
    const head = body.length < 126 ? Buffer.from([0x81, body.length]) : Buffer.from([0x81, 126, body.length >> 8, body.length & 255]);
    if (body.length > 65535) throw new Error("longer than the stand-in sends");
    socket.write(Buffer.concat([head, body]));
  };
  const system = (type, more) => ({ seq, at: new Date().toISOString(), topic: "system", call: null, event: { type, ...more } });
  function hear(socket, words) {
    if ("ping" in words) send(socket, system("pong", { n: words.ping }));
    if (socket.begun) return;
    socket.begun = true;
    if ("resume" in words && words.resume >= (told[0]?.seq ?? seq) - 1) told.filter((message) => message.seq > words.resume).forEach((message) => send(socket, message));
    else send(socket, system("reset"));
  }
  function join(request, socket) {
    if (world.down) return socket.destroy();
    const accept = createHash("sha1").update(`${request.headers["sec-websocket-key"]}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest("base64");
    socket.write(`HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: ${accept}\r\n\r\n`);
    sockets.add(socket);
    let rest = Buffer.alloc(0);
    socket.on("error", () => {}).on("close", () => sockets.delete(socket)).on("data", (data) => {
      rest = Buffer.concat([rest, data]);
      for (let frame; (frame = unmask(rest)); rest = frame.rest) {
        if (frame.opcode === 8) socket.end();
        else if (frame.opcode === 1) hear(socket, JSON.parse(frame.body.toString()));
      }
    });
  }
  function tell(topic, call, event) {
    const message = { seq: ++seq, at: new Date().toISOString(), topic, call, event };
    told.push(message);
    sockets.forEach((socket) => socket.begun && send(socket, message));
    return message;
  }
  /** Until a page listens. */
  const ready = async () => { while (![...sockets].some((socket) => socket.begun)) await new Promise((done) => setTimeout(done, 10)); };
  return { join, tell, ready, seq: () => seq, drop: () => { sockets.forEach((socket) => socket.destroy()); } };
}

/** One whole frame of a browser (RFC 6455, 5.2), or null. */
function unmask(data) {
  if (data.length < 6) return null;
  const short = data[1] & 127, head = short === 126 ? 4 : 2, length = short === 126 ? data.readUInt16BE(2) : short;
  if (short === 127 || data.length < head + 4 + length) return null;
  const body = Buffer.from(data.subarray(head + 4, head + 4 + length)).map((octet, n) => octet ^ data[head + (n & 3)]);
  return { opcode: data[0] & 15, body, rest: data.subarray(head + 4 + length) };
}

async function answer(request, response, world, feed) {
  const { pathname } = new URL(request.url, "http://stand.in");
  if (world.down) return request.socket.destroy();
  if (!pathname.startsWith("/api/v1/")) return file(pathname, response);
  let text = "";
  for await (const part of request) text += part;
  const path = pathname.slice("/api/v1".length), body = text ? JSON.parse(text) : null;
  const say = (status, value) => response.writeHead(status, { "content-type": "application/json", "x-segue-seq": feed.seq() }).end(value === undefined ? undefined : JSON.stringify(value));
  say.wav = () => response.writeHead(200, { "content-type": "audio/wav" }).end(quiet(62));
  const refuse = (status, code, message, field = null) => say(status, { error: { code, message, field } });
  const told = world.refuse[path] ?? world.refuse[`${request.method} ${path}`];
  if (told) return refuse(told.status, told.code, told.message, told.field);
  if (request.method !== "GET") {
    if (request.headers["x-segue"] !== "1") return refuse(403, "cross_site", "The header X-Segue is missing.");
    world.asked.push({ method: request.method, path, body });
  }
  if (!world.me && !["/session", "/welcome", "/openapi.json", "/visit", "/visit/rtc"].includes(path)) return refuse(401, "signed_out", "Sign in first.");
  return route(request.method, path, body, { say, refuse, world, feed });
}

function route(method, path, body, { say, refuse, world, feed }) {
  const { desk } = world;
  if (method === "GET") {
    const found = {
      "/me": world.me, "/desk": desk, "/rtc": { ice_servers: [] }, "/visit/rtc": { ice_servers: [story.TURN] }, "/live/calls": world.rows, "/live/desk": { queues: world.queues ?? story.queues(), agents: world.agents ?? story.agents() }, "/calls": world.calls, "/triggers": world.triggers, "/users": story.users(),
      "/keys": [{ name: "nightly-report", created: new Date(0).toISOString() }], "/audit": story.acts(), "/openapi.json": story.openapi(),
    }[path];
    if (found) return say(200, found);
    if (path.endsWith("/audio")) return say.wav();
    const [, live] = path.match(/^\/live\/calls\/(.+)$/) ?? [], [, kept] = path.match(/^\/calls\/([^/]+)$/) ?? [];
    const row = world.rows.find((one) => one.id === live);
    if (row) return say(200, story.liveCall(row));
    if (kept === story.CALL) return say(200, story.keptCall());
    return refuse(404, "unknown", "There is no such call, or it is not kept any more.");
  }
  if (path === "/session" && method === "POST") return body.password === "right" ? (world.me = ME.agent, say(200, ME.agent)) : refuse(401, "wrong_password", "Name or password is wrong.");
  if (path === "/session") return (world.me = null), say(204);
  if (path === "/desk/line" || path === "/live/line") return method === "POST" ? say(200, { sdp: "v=0\r\n", line: "line-1" }) : say(204);
  if (path === "/visit") return say(200, { sdp: "v=0\r\n", token: "t" });
  say(path.endsWith("/shown") ? 204 : 202);
  if (world.auto) setTimeout(() => act(path, body, world, feed.tell), 60);
}

/** So many seconds of silence, as WAV: 8 bit, 8 kHz. */
function quiet(secs) {
  const samples = secs * 8000, head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + samples, 4);
  head.write("WAVEfmt ", 8);
  for (const [at, value] of [[16, 16], [24, 8000], [28, 8000], [40, samples]]) head.writeUInt32LE(value, at);
  for (const [at, value] of [[20, 1], [22, 1], [32, 1], [34, 8]]) head.writeUInt16LE(value, at);
  head.write("data", 36);
  return Buffer.concat([head, Buffer.alloc(samples, 128)]);
}

/** What the desk makes of what was asked. */
function act(path, body, world, tell) {
  const { desk } = world, state = (changed) => { Object.assign(desk, { since: new Date().toISOString() }, changed); tell("desk", null, { type: "state", ...desk }); };
  if (path === "/desk/presence") state(body.after_call ? { break_after_call: body.reason } : { state: body.presence, on_duty: body.presence !== "offline", break_reason: body.reason ?? null, line: body.presence === "offline" ? "none" : "up" });
  if (path.endsWith("/accept")) {
    tell("desk", story.CALL, { type: "offer_over", offer: story.OFFER, why: "accepted" });
    state({ state: "on_call", offer: null, call: story.deskCall({ since: new Date().toISOString(), live: false, turns: story.turns() }) });
    setTimeout(() => { desk.call.live = true; tell("desk", story.CALL, { type: "live", call: story.CALL }); }, 60);
  }
  if (path.endsWith("/decline")) { tell("desk", story.CALL, { type: "offer_over", offer: story.OFFER, why: "declined" }); state({ state: "available", offer: null }); }
  if (path.endsWith("/hold")) { desk.call.held = body.on; tell("desk", story.CALL, { type: "held", on: body.on }); }
  if (path.endsWith("/mute")) { desk.call.muted = body.on; tell("desk", story.CALL, { type: "muted", on: body.on }); }
  if (path.endsWith("/note")) { desk.call.packet.notes = [...(desk.call.packet.notes ?? []), { agent: "anna", at_s: 60, text: body.text }]; tell("call", story.CALL, { type: "packet", packet: desk.call.packet }); }
  if (path.endsWith("/slots")) { desk.call.packet.slots.find((slot) => slot.name === body.name).value = body.value; tell("call", story.CALL, { type: "packet", packet: desk.call.packet }); }
  if (path.endsWith("/transfer") && body.warm) {
    desk.call.held = true;
    tell("desk", story.CALL, { type: "held", on: true });
    state({ call: { ...desk.call, consult: { with: "Ben", warm: true, here: true, mine: true } } });
  }
  if (path.endsWith("/take_back")) {
    desk.call.held = false;
    tell("desk", story.CALL, { type: "held", on: false });
    tell("desk", story.CALL, { type: "invite_over", why: "taken_back" });
    state({ call: { ...desk.call, consult: null } });
  }
  if (path.endsWith("/call/hang_up") || path.endsWith("/hand_back") || path.endsWith("/complete") || (path.endsWith("/transfer") && !body.warm)) {
    tell("desk", story.CALL, { type: "call_over", ended_by: "agent" });
    tell("desk", story.CALL, { type: "wrap_up", summary: desk.call.packet.summary, dispositions: desk.dispositions });
    state({ state: "wrap_up", call: { ...desk.call, over: true, live: false } });
  }
  if (path.endsWith("/wrap_up")) state({ state: "available", call: null });
  if (path === "/visit/person") tell("call", null, { type: "state", stage: "waiting", sentence: "We are getting a person for you. You are next." });
  if (path === "/visit/hang_up") tell("call", null, { type: "state", stage: "ended", sentence: "The call is over. Thank you for calling." });
  const [, trigger] = path.match(/^\/triggers\/(.+)$/) ?? [];
  if (trigger) world.triggers.find((one) => one.name === trigger).mode = body.mode;
}

async function file(pathname, response) {
  const page = PAGES.find(([path]) => path.test(pathname));
  const name = page ? `${page[1] ?? pathname.slice(1)}.html` : normalize(pathname).slice(1);
  const text = name.startsWith("..") ? null : await readFile(join(WEB, name)).catch(() => null);
  if (!text) return response.writeHead(404).end("nothing here");
  response.writeHead(200, { "content-type": TYPES[extname(name)] ?? "application/octet-stream", "content-security-policy": POLICY, "x-content-type-options": "nosniff" }).end(text);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const stand = await start({ port: Number(process.env.PORT ?? 8099) });
  stand.as(process.argv[2] ?? "agent");
  console.log(stand.url);
}
