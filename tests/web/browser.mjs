// A browser for the pages' tests: chromium with a microphone of its own, and a line that needs no far end.

import { createRequire } from "node:module";
import { existsSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));
/** Where npm has put the packages; see package.json. */
export const MODULES = process.env.SEGUE_NODE_MODULES ?? join(ROOT, "target/web-tests/node_modules");
/** Where pictures go. */
export const SCREENS = process.env.SEGUE_SCREENS ?? join(ROOT, "target/web-tests/screens");
const require = createRequire(join(MODULES, "none.cjs"));

/** A package, as it was installed for the tests. */
export const need = (name) => require(name);

const CHROMIUM = [process.env.SEGUE_CHROMIUM, "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find((path) => path && existsSync(path));
const FLAGS = ["--no-sandbox", "--use-fake-ui-for-media-stream", "--autoplay-policy=no-user-gesture-required", "--disable-gpu"];

/** A browser; its microphone is a stand-in, or there is none. */
export async function launch(more = [], { microphone = true } = {}) {
  mkdirSync(SCREENS, { recursive: true });
  const devices = microphone ? ["--use-fake-device-for-media-stream"] : [];
  return need("playwright-core").chromium.launch({ executablePath: CHROMIUM, args: [...FLAGS, ...devices, ...more], headless: true });
}

/** A page at this size and look; whatever goes wrong in it is kept in `page.faults`. */
export async function open(browser, { width = 1280, height = 800, dark = false, still = true, line = true, ...more } = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme: dark ? "dark" : "light", reducedMotion: still ? "reduce" : "no-preference", ...more });
  if (line) await context.addInitScript(standInLine);
  const page = await context.newPage();
  page.faults = [];
  page.on("pageerror", (error) => page.faults.push(String(error)));
  page.on("console", (message) => { if (message.type() === "error" && !/Failed to load resource|WebSocket connection/.test(message.text())) page.faults.push(message.text()); });
  return page;
}

/** In the page: a connection that is up as soon as it is answered. */
function standInLine() {
  window.RTCPeerConnection = class extends EventTarget {
    constructor(configured) { super(); window.configured = configured; }
    connectionState = "new"; iceGatheringState = "complete"; localDescription = { type: "offer", sdp: "v=0\r\n" }; senders = [];
    addTransceiver(track) { window.sent = track; this.senders.push({ track, async replaceTrack(other) { window.flows = other !== null; } }); }
    getSenders() { return this.senders; }
    async createOffer() { return this.localDescription; }
    async setLocalDescription() {}
    async setRemoteDescription() { this.#become("connected"); }
    async getStats() { return new Map([["p", { type: "candidate-pair", nominated: true, state: "succeeded", currentRoundTripTime: 0.012, localCandidateId: "c" }], ["c", { protocol: "udp" }]]); }
    close() { this.connectionState = "closed"; }
    #become(state) { this.connectionState = state; setTimeout(() => this.onconnectionstatechange?.()); }
  };
}

/** What axe finds that is serious or worse. */
export async function serious(page) {
  // Scripts of ours only: axe is handed to the page by the tool, not by the page's policy.
  await page.evaluate(need("axe-core").source);
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  return violations.filter((one) => one.impact === "serious" || one.impact === "critical").map((one) => `${one.id}: ${one.nodes.map((node) => `${node.target} ${node.any[0]?.message ?? ""}`).join(" | ")}`);
}
