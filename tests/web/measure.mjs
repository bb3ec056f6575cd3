// How long a handoff to an agent in a browser takes: many calls, one after the other, from SIP phones to a page in real headless
// Chromium. Not part of the tests: it wants a quiet machine, and figures of a release build.
//
//   cargo build --release && cargo test --test console what_needs_no_browser   (the latter installs what the script needs)
//   SEGUE_BIN=target/release/segue SEGUE_NODE_MODULES=target/tmp/web-tests/node_modules node tests/web/measure.mjs [CALLS]
//
// The server's clocks are those of the kept calls: t0 trigger, t2 the page has said that the card is on its screen, t4 the accept
// has arrived, t5 both hear each other. The page's own: from the key to the light that says live.

import { mkdirSync, mkdtempSync } from "node:fs";
import { join } from "node:path";
import { launch, open } from "./browser.mjs";
import { ROOM, calls, goOnDuty, people, sample, serve, signIn, until } from "./gateway.mjs";

const CALLS = Number(process.argv[2] ?? 100);
const TABLES = `[[entry]]\nname = "main"\ncalled = ["1000"]\nqueue = "service"\nask_topic = false\n[[queue]]\nname = "service"\nwrap_up_secs = 0.0\n`
  + `[[agent]]\nname = "ana"\nqueues = ["service"]\n[speech]\nrecognizer = "off"\n`;

/** In the page: whoever is offered is taken as soon as the card is drawn, and let go a second after they are live. */
function agent() {
  window.keyToLive = [];
  let pressed = 0;
  const press = (key) => document.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true }));
  new MutationObserver(() => {
    if (!pressed && document.querySelector("button.accept")) {
      pressed = Infinity;
      requestAnimationFrame(() => requestAnimationFrame(() => { pressed = performance.now(); press("a"); }));
    }
    if (pressed && pressed !== Infinity && document.querySelector(".light.live")) {
      window.keyToLive.push(performance.now() - pressed);
      pressed = Infinity;
    }
    if (pressed === Infinity && !document.querySelector("button.accept") && !document.querySelector(".light")) pressed = 0;
  }).observe(document, { childList: true, subtree: true, attributes: true });
}

/** "p50 12, p95 20, p99 31 ms (100 of them)". */
function quantiles(values) {
  const sorted = values.filter((value) => value !== null && value !== undefined).sort((a, b) => a - b);
  const at = (share) => (sorted.length ? sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)].toFixed(1) : "–");
  return `p50 ${at(0.5)}, p95 ${at(0.95)}, p99 ${at(0.99)}, worst ${at(1)} ms (${sorted.length} of them)`;
}

mkdirSync(ROOM, { recursive: true });
mkdtempSync(join(ROOM, "measure-"));
const gateway = await serve(TABLES);
const browser = await launch();
try {
  const ask = await people(gateway, [{ name: "ana", role: "agent", agent: "ana" }]);
  const page = await open(browser, { line: false });
  await page.addInitScript(agent);
  await signIn(gateway, page, "ana", "/desk");
  await goOnDuty(page);
  const began = Date.now();
  const { code, said, err } = await calls(gateway, "1000", [sample("gets-loud")], ["--calls", String(CALLS), "--at-once", "1", "--max", "2"]).report;
  if (code !== 0) console.error(said, err);
  const listed = await until("all calls are kept", async () => {
    const all = [];
    for (let before = ""; ;) {
      const part = await ask(`/calls?limit=50${before}`);
      all.push(...part);
      if (part.length < 50) break;
      before = `&before=${part.at(-1).id}`;
    }
    return all.length >= CALLS && all.every((call) => call.ended) && all;
  });
  const handoffs = [];
  for (const { id } of listed) handoffs.push(...(await ask(`/calls/${id}`)).handoffs);
  const clocks = (name) => handoffs.map((handoff) => handoff.clocks_ms?.[name]);
  console.log(`${listed.length} calls in ${((Date.now() - began) / 1000).toFixed(0)} s, ${handoffs.filter((handoff) => handoff.outcome === "bridged").length} bridged`);
  console.log(`trigger → packet on the screen (t2−t0): ${quantiles(clocks("time_to_context"))}`);
  console.log(`accept → both hear each other (t5−t4):  ${quantiles(clocks("pick_up_gap"))}`);
  console.log(`silence for the caller around t5:       ${quantiles(clocks("bridge_gap"))}`);
  console.log(`key → “live” on the page:               ${quantiles(await page.evaluate(() => window.keyToLive))}`);
} finally {
  await browser.close();
  await gateway.stop();
}
