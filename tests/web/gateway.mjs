// The real thing for the pages' tests: `segue serve` with pages, a store and a SIP port of its own, people who sign in, and callers.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { createSocket } from "node:dgram";
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** The program, as cargo has built it. */
export const SEGUE = resolve(process.env.SEGUE_BIN ?? join(ROOT, "target/debug/segue"));
/** What calls leave behind goes there. */
export const ROOM = process.env.SEGUE_ROOM ?? join(ROOT, "target/web-tests/room");
/** Nothing here takes longer, in ms: machines that test are slow. */
export const PATIENCE = 60_000;
/** Of everybody who signs in. */
export const PASSWORD = "a long password";

/** A recording of the repository. */
export const sample = (name) => join(ROOT, "audio/calls", `${name}.flac`);

/** Until something is so; `what` is said where it never is. */
export async function until(what, is) {
  const last = Date.now() + PATIENCE;
  for (;;) {
    const found = await is();
    if (found) return found;
    if (Date.now() > last) throw new Error(`not within ${PATIENCE / 1000} s: ${typeof what === "function" ? what() : what}`);
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A free UDP port. */
export async function udpPort() {
  const socket = createSocket("udp4");
  await new Promise((done) => socket.bind(0, "127.0.0.1", done));
  const { port } = socket.address();
  await new Promise((done) => socket.close(done));
  return port;
}

/** Runs the program; what it says is in `out` and `err`. */
function run(args, options = {}) {
  const child = spawn(SEGUE, args, { stdio: ["ignore", "pipe", "pipe"], ...options });
  const told = { child, out: "", err: "" };
  child.stdout.on("data", (text) => { told.out += text; });
  child.stderr.on("data", (text) => { told.err += text; });
  told.ended = new Promise((done) => child.on("close", (code) => done(code)));
  return told;
}

let rtp = 30_000 + 400 * (process.pid % 40);

/** A gateway that serves these tables beside what it needs to be tried. */
export async function serve(tables) {
  mkdirSync(ROOM, { recursive: true });
  const dir = mkdtempSync(join(ROOM, "gateway-")), port = await udpPort(), file = join(dir, "segue.toml");
  rtp += 200;
  const own = `[sip]\nbind = ["udp:127.0.0.1:${port}"]\nrtp_first_port = ${rtp}\nrtp_last_port = ${rtp + 199}\n[console]\nbind = "127.0.0.1:0"\n`
    + `[store]\nurl = "sqlite:${join(dir, "segue.db")}"\n`;
  writeFileSync(file, `${tables}\n${own}`);
  const told = run(["-v", "serve", "--config", file], { cwd: dir });
  const gateway = {
    dir, file, sip: `127.0.0.1:${port}`, callers: [],
    log: () => told.err.replaceAll(/\x1b\[[0-9;]*m/g, ""),
    says: (what) => until(() => `the gateway says ${what}, but\n${gateway.log()}`, () => { assert.equal(told.child.exitCode, null, gateway.log()); return gateway.log().match(what); }),
    async stop() { [told, ...gateway.callers].forEach((one) => one.child.kill("SIGKILL")); await told.ended; },
  };
  gateway.url = `http://${(await gateway.says(/pages on (\S+)/))[1]}`;
  gateway.welcome = new URL((await gateway.says(/becomes the admin, once: (\S+)/))[1]).href;
  return gateway;
}

/** `segue demo --browser`, with its link; `says` waits for what it prints, `interrupt` is Ctrl-C and gives its exit status. */
export async function demo(more) {
  mkdirSync(ROOM, { recursive: true });
  const dir = mkdtempSync(join(ROOM, "demo-"));
  const told = run(["demo", "--browser", "--listen", "127.0.0.1:0", "--out", join(dir, "out"), ...more], { cwd: dir });
  const said = () => `${told.out}\n${told.err}`;
  const says = (what) => until(() => `the demo says ${what}, but\n${said()}`, () => { assert.equal(told.child.exitCode, null, said()); return told.out.match(what); });
  const shown = {
    said, says,
    interrupt() { told.child.kill("SIGINT"); return until(() => `the demo ends, but\n${said()}`, () => told.child.exitCode !== null && [told.child.exitCode]); },
    async stop() { told.child.kill("SIGKILL"); await told.ended; },
  };
  try {
    [shown.link] = await says(/http:\/\/\S+\/enter\?key=\S+/);
  } catch (error) {
    await shown.stop();
    throw error;
  }
  return shown;
}

/** A caller by SIP, who says this; `report` is what they tell when they have hung up. */
export function calls(gateway, number, recordings, more = []) {
  const record = mkdtempSync(join(gateway.dir, "caller-"));
  const told = run(["call", `sip:${number}@${gateway.sip}`, ...recordings, "--codec", "pcmu", "--json", "--record", record, ...more]);
  gateway.callers.push(told);
  return { record, told, hangUp: () => told.child.kill("SIGINT"), report: told.ended.then((code) => ({ code, said: told.out, err: told.err })) };
}

/** Who may sign in at this gateway: the first admin by the link, then the others by the API, as the page People does. */
export async function people(gateway, users) {
  const headers = { "Content-Type": "application/json", "X-Segue": "1", Origin: gateway.url };
  const key = new URL(gateway.welcome).searchParams.get("key");
  const made = await fetch(`${gateway.url}/api/v1/welcome`, { method: "POST", headers, body: JSON.stringify({ key, name: "root", password: PASSWORD }) });
  assert.equal(made.status, 200, await made.text());
  const cookie = made.headers.getSetCookie().map((one) => one.split(";")[0]).join("; ");
  const ask = (method, path, body) => fetch(`${gateway.url}/api/v1${path}`, { method, headers: { ...headers, Cookie: cookie }, body: body && JSON.stringify(body) });
  for (const user of users) {
    const response = await ask("POST", "/users", { password: PASSWORD, ...user });
    assert.equal(response.status, 201, await response.text());
  }
  return async (path, method = "GET", body = undefined) => {
    const response = await ask(method, path, body);
    assert.ok(response.ok, `${method} ${path}: ${response.status}`);
    return method === "GET" ? response.json() : undefined;
  };
}

/** Signs in at the page. */
export async function signIn(gateway, page, name, then) {
  await page.goto(`${gateway.url}/sign-in?next=${encodeURIComponent(then)}`);
  await page.fill("[name=name]", name);
  await page.fill("[name=password]", PASSWORD);
  await page.click("[type=submit]");
  await page.waitForURL(`${gateway.url}${then}`);
}

/** Goes on duty, until the line is up. */
export async function goOnDuty(page) {
  await page.click("button:has-text('Go on duty')");
  await page.waitForSelector(".doing.available");
  await page.waitForSelector("text=Line up");
}

/**
 * From here on sound between this page and the gateway goes through a network that can be cut: the page's offers lose their
 * candidates, and what is answered names the network instead of the gateway.
 */
export async function tunnelled(page) {
  const near = createSocket("udp4"), far = createSocket("udp4");
  let browser = null, edge = null, isCut = false;
  const bound = (socket) => new Promise((done) => socket.bind(0, "127.0.0.1", () => done(socket.address().port)));
  const [port] = [await bound(near), await bound(far)];
  near.on("message", (datagram, from) => { browser = from; if (!isCut && edge) far.send(datagram, edge.port, edge.address); });
  far.on("message", (datagram) => { if (!isCut && browser) near.send(datagram, browser.port, browser.address); });
  await page.route(/\/api\/v1\/desk\/line(\/restart)?$/, async (route) => {
    const request = route.request();
    if (request.method() !== "POST" || isCut) return isCut ? route.abort() : route.continue();
    const { sdp } = request.postDataJSON();
    const response = await route.fetch({ postData: JSON.stringify({ sdp: sdp.replace(/a=candidate:[^\n]*\n/g, "") }) });
    if (!response.ok()) return route.fulfill({ response });
    const answer = await response.json();
    const sent = answer.sdp.replace(/^(a=candidate:\S+ \d+ udp \d+) (\S+) (\d+) typ host/gim, (_, first, address, to) => { edge = { address, port: Number(to) }; return `${first} 127.0.0.1 ${port} typ host`; });
    return route.fulfill({ response, json: { ...answer, sdp: sent } });
  });
  return { cut(on) { isCut = on; }, close() { near.close(); far.close(); } };
}
