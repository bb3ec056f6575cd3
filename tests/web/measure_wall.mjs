// How smooth the wall stays: the page in real headless Chromium before the stand-in of the server, with many calls and agents whose
// events come as often as a gateway's. Not part of the tests: it wants a quiet machine.
//
//   cargo test --test console what_needs_no_browser   (installs what the script needs)
//   SEGUE_NODE_MODULES=target/tmp/web-tests/node_modules node tests/web/measure_wall.mjs [CALLS] [AGENTS] [SECONDS]
//
// Told for the wall alone and with a call open, at full speed and with the processor slowed down four times: tasks of the page that
// took longer than 50 ms after it was loaded, the time from frame to frame, and how much of a core the page's main thread took
// (processor time; all else is time on the clock).

import { launch, open } from "./browser.mjs";
import { start } from "../standins/console.mjs";
import * as story from "../standins/console_story.mjs";

const [CALLS, AGENTS, SECONDS] = [150, 300, 20].map((usual, n) => Number(process.argv[2 + n] ?? usual));
/** As often as the server brings the wall up to date, in ms. */
const FLUSH = 250;
/** Of all calls so many have a new row each time: somebody spoke, or the score moved. */
const MOVED = 0.25;
/** An agent's state changes so often, in ms; each time all agents are told, and the queues. */
const AGENT_MOVES = 350;
/** A call ends and another begins so often, in ms. */
const CALL_ENDS = 1_200;
/** In the open call a score changes so often, and something is said, in ms. */
const SCORED = 500, SPOKEN = 2_000;
const STAGES = ["bot", "bot", "waiting", "ringing", "briefing", "bridged", "bridged", "bridged"];
const STATES = ["available", "on_call", "on_call", "ringing", "wrap_up", "break"];
const QUEUES = ["Orders", "Returns", "Repairs", "Invoices", "New customers", "Complaints"];

/** The same numbers each time. */
let seed = 7;
const random = () => { seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648; return seed / 2_147_483_648; };
const any = (list) => list[Math.floor(random() * list.length)];

let made = 0;
function row() {
  const n = made++, stage = any(STAGES);
  return {
    ...story.rows()[n % 12], id: `01936f1a-0000-7000-8000-${String(n).padStart(12, "0")}`, began: new Date(Date.now() - random() * 300_000).toISOString(), stage,
    agent: ["briefing", "bridged", "ringing"].includes(stage) ? `Agent ${n % AGENTS}` : null, queue: stage === "bot" ? null : any(QUEUES), wait_s: stage === "bot" ? null : Math.round(random() * 120), frustration: random() ** 2, mood: null,
  };
}

const agents = Array.from({ length: AGENTS }, (_, n) => ({ name: `agent-${n}`, title: `${any(["Ana", "Ben", "Cleo", "Dev", "Eli"])} ${n}`, state: any(STATES), since: new Date().toISOString(), call: null }));
const queues = (rows) => QUEUES.map((title) => {
  const waits = rows.filter((one) => one.queue === title && one.stage === "waiting").map((one) => one.wait_s);
  return { name: title.toLowerCase(), title, waiting: waits.length, oldest_s: waits.length ? Math.max(...waits) : null, on_duty: 20 };
});

/** Everything that happens, until it is stopped. */
function bustle(stand, opened) {
  const { world } = stand, told = { events: 0 };
  const tell = (topic, call, event) => { stand.tell(topic, call, event); told.events++; };
  const every = (ms, act) => setInterval(act, ms);
  let at = 40;
  const timers = [
    every(FLUSH, () => world.rows.forEach((one, n) => {
      if (random() > MOVED) return;
      const stage = random() < 0.05 ? any(STAGES) : one.stage;
      world.rows[n] = { ...one, stage, frustration: Math.min(1, Math.max(0, one.frustration + (random() - 0.5) * 0.1)), headline: random() < 0.3 ? any(story.rows()).headline : one.headline };
      tell("wall", one.id, { type: "row", ...world.rows[n] });
    })),
    every(AGENT_MOVES, () => {
      Object.assign(any(agents), { state: any(STATES), since: new Date().toISOString() });
      tell("wall", null, { type: "agents", agents });
      tell("wall", null, { type: "queues", queues: queues(world.rows) });
    }),
    every(CALL_ENDS, () => {
      const n = 2 + Math.floor(random() * (world.rows.length - 2));
      tell("wall", world.rows[n].id, { type: "gone", id: world.rows[n].id });
      world.rows[n] = row();
      tell("wall", world.rows[n].id, { type: "row", ...world.rows[n] });
    }),
    every(SCORED, () => opened && tell("call", opened, { type: "score", at_s: (at += 0.5), score: random() })),
    every(SPOKEN, () => opened && tell("call", opened, { type: "turn", who: any(["caller", "bot"]), text: "I have told you the number twice now, where is my order?", final: true, start_s: at - 1, end_s: at })),
  ];
  return () => { timers.forEach(clearInterval); return told.events; };
}

/** From here on until the end is asked for: what tasks of the page's main thread took of the processor, in ms. */
async function trace(browser) {
  const devtools = await browser.newBrowserCDPSession(), events = [];
  devtools.on("Tracing.dataCollected", ({ value }) => events.push(...value));
  await devtools.send("Tracing.start", { transferMode: "ReportEvents", traceConfig: { includedCategories: ["toplevel", "__metadata"], excludedCategories: ["*"] } });
  return async () => {
    const whole = new Promise((done) => devtools.once("Tracing.tracingComplete", done));
    await devtools.send("Tracing.end");
    await whole;
    await devtools.detach();
    const mains = new Set(events.filter((one) => one.name === "thread_name" && one.args.name === "CrRendererMain").map((one) => `${one.pid}:${one.tid}`));
    return events.filter((one) => one.ph === "X" && one.name.endsWith("RunTask") && mains.has(`${one.pid}:${one.tid}`)).map((one) => (one.tdur ?? 0) / 1_000);
  };
}

/** In the page: what it takes, from now on. */
function watch() {
  window.measured = { tasks: [], frames: [], stop: false };
  const { measured } = window;
  const observer = new PerformanceObserver((list) => measured.tasks.push(...list.getEntries().map((entry) => entry.duration)));
  observer.observe({ type: "longtask" });
  let before = performance.now();
  const frame = (now) => { measured.frames.push(now - before); before = now; if (!measured.stop) requestAnimationFrame(frame); else observer.disconnect(); };
  requestAnimationFrame(frame);
}

async function measure(stand, page, { slow, opened }) {
  const devtools = await page.context().newCDPSession(page);
  await devtools.send("Emulation.setCPUThrottlingRate", { rate: slow });
  await devtools.send("Performance.enable", { timeDomain: "threadTicks" });
  const used = async () => Object.fromEntries((await devtools.send("Performance.getMetrics")).metrics.map(({ name, value }) => [name, value]));
  const stop = bustle(stand, opened);
  // Its first rows are drawn, and the list has settled.
  await new Promise((done) => setTimeout(done, 2_000));
  await page.evaluate(watch);
  const traced = await trace(page.context().browser());
  const before = await used(), began = Date.now();
  await new Promise((done) => setTimeout(done, SECONDS * 1_000));
  const after = await used(), secs = (Date.now() - began) / 1_000, events = stop(), own = await traced();
  const { tasks, frames } = await page.evaluate(() => { window.measured.stop = true; return window.measured; });
  await devtools.detach();
  const sorted = frames.toSorted((a, b) => a - b), at = (share) => (sorted[Math.floor(share * (sorted.length - 1))] ?? NaN).toFixed(1);
  const share = (name) => `${(((after[name] - before[name]) / secs) * 100).toFixed(1)} %`;
  console.log(`| ${opened ? "a call open" : "the wall alone"}, ${slow}× slower | ${tasks.length} (longest ${tasks.length ? Math.max(...tasks).toFixed(0) : "–"} ms) | ${Math.max(0, ...own).toFixed(1)} ms; ${own.filter((ms) => ms > 50).length} over 50 ms, ${own.filter((ms) => ms > 12.5).length} over 12.5 ms | ${at(0.5)} / ${at(0.95)} / ${at(1)} ms | `
    + `${share("TaskDuration")} (script ${share("ScriptDuration")}, style ${share("RecalcStyleDuration")}, layout ${share("LayoutDuration")}) | ${(events / (secs + 2)).toFixed(0)} a second |`);
}

const stand = await start();
stand.as("supervisor");
stand.world.rows = Array.from({ length: CALLS }, row);
stand.world.agents = agents;
stand.world.queues = queues(stand.world.rows);
const browser = await launch();
try {
  console.log(`${CALLS} calls, ${AGENTS} agents, ${SECONDS} s each\n\n| | tasks over 50 ms by the clock | longest task, processor time | frame to frame p50 / p95 / longest | of a core | events |\n|---|---|---|---|---|---|`);
  for (const opened of [null, stand.world.rows[0].id]) {
    for (const slow of [1, 4]) {
      const page = await open(browser, { still: false });
      await page.goto(`${stand.url}/wall${opened ? `?call=${opened}` : ""}`);
      await page.waitForSelector(opened ? ".open .turns li" : ".rows li");
      await page.waitForSelector(".agents li");
      await measure(stand, page, { slow, opened });
      if (page.faults.length) console.error(page.faults);
      await page.context().close();
    }
  }
} finally {
  await browser.close();
  stand.close();
}
