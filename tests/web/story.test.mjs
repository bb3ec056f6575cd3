// The whole story with nothing made up: a caller by SIP, the real gateway, agents in a real browser with recordings as their
// microphones. What each side heard is left in SEGUE_ROOM; tests/console/browser_story.rs compares it with what the other said.

import assert from "node:assert/strict";
import { copyFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test as plays } from "node:test";
import { launch, open } from "./browser.mjs";
import { ears, heard } from "./ears.mjs";
import { PATIENCE, ROOM, calls, goOnDuty, people, sample, serve, signIn, tunnelled, until } from "./gateway.mjs";

/** Agents, and who takes whose callers. */
const AGENTS = ["ana", "ben", "carla"].map((name) => ({ name, title: name[0].toUpperCase() + name.slice(1), role: "agent", agent: name }));
const USERS = [...AGENTS, { name: "sam", title: "Sam", role: "supervisor" }];
/** What a caller says who has more to say than any of this lasts. */
const PATIENT = join(ROOM, "patient.wav");
/** Where no bot answers, callers go straight to the queue; without a recognizer nothing depends on how fast this machine is. */
const STRAIGHT = `[[entry]]\nname = "main"\ncalled = ["1000"]\nqueue = "service"\nask_topic = false\n[[queue]]\nname = "service"\ntitle = "our service"\nring_secs = 30.0\n`
  + `[[queue]]\nname = "office"\ntitle = "the office"\n[[agent]]\nname = "ana"\nqueues = ["service"]\n[[agent]]\nname = "ben"\nqueues = ["service"]\n`
  + `[[agent]]\nname = "carla"\nqueues = ["office"]\n[speech]\nrecognizer = "off"\n[gateway]\nline_grace_secs = 15.0\n`;

/** Each has a gateway of its own and mostly waits for sound: two play at a time. SEGUE_STORIES says which, "talk" or "lost"; or all. */
const stories = [];
let about = "talk";
const test = (name, act) => stories.push({ name, act, about });

let browser;
before(async () => { browser = await launch([`--use-file-for-fake-audio-capture=${join(ROOM, "agent.wav")}`]); });
after(() => browser?.close());

/** The latest calls as the gateway keeps them, for whoever has to find out what went wrong. */
async function told(ask) {
  try {
    return JSON.stringify(await Promise.all((await ask("/calls?limit=5")).map(({ id }) => ask(`/calls/${id}`))), null, 1);
  } catch (error) {
    return `none are told: ${error.message}`;
  }
}

/** A gateway with people, for as long as `act` takes. */
async function withGateway(tables, act) {
  const gateway = await serve(tables), pages = [];
  let ask;
  try {
    ask = await people(gateway, USERS);
    const sits = async (name, then, from = browser) => {
      const page = await open(from, { line: false });
      page.setDefaultTimeout(PATIENCE);
      await page.context().addInitScript(ears);
      pages.push(page);
      await signIn(gateway, page, name, then);
      return page;
    };
    const onDuty = async (name, from) => { const page = await sits(name, "/desk", from); await goOnDuty(page); return page; };
    await act({ gateway, ask, sits, onDuty });
    for (const page of pages) assert.deepEqual(page.faults, []);
  } catch (error) {
    throw new Error(`${error.stack}\nThe gateway said:\n${gateway.log()}\nIts calls:\n${await told(ask)}`);
  } finally {
    await Promise.all(pages.map((page) => page.context().close()));
    await gateway.stop();
  }
}

const offered = (page) => page.waitForSelector("button.accept");
const live = (page) => page.waitForSelector(".light.live");
const accept = async (page) => { await offered(page); await page.keyboard.press("a"); await live(page); };
const text = (page, selector) => page.locator(selector).textContent();

/** Lets a part of the story last so long, in s: what is heard in it is compared afterwards, and nothing is waited for by it. */
const span = (secs) => new Promise((done) => setTimeout(done, secs * 1000));

/** For so long, in s, this page hears somebody. */
async function hears(page, secs) {
  const enough = span(secs), before = await page.evaluate(() => window.heardFor());
  await until(`${secs} s of sound`, async () => (await page.evaluate(() => window.heardFor())) > before + secs);
  await enough;
}

async function hangUp(page) {
  await page.click("button:has-text('Hang up')");
  await page.click("button:has-text('Press again')");
}

/** Saves what the page has filled in, by its key. */
async function saves(page) {
  await page.waitForSelector(".wrap");
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("s");
  await page.waitForSelector(".wrap", { state: "detached" });
}

/** Leaves what a caller has said and heard as this file. */
const keep = (call, name) => copyFileSync(join(call.record, readdirSync(call.record).find((one) => one.endsWith(".wav"))), join(ROOM, name));

/** What is kept of the latest call, once it is over. */
async function kept(ask) {
  const id = await until("the call is kept as over", async () => { const [call] = await ask("/calls?limit=1"); return call?.ended && call.outcome && call.id; });
  return { id, ...(await ask(`/calls/${id}`)) };
}
/** Who was asked, in turn, and what came of it. */
const settled = (call) => call.handoffs.flatMap((handoff) => handoff.offers).map((offer) => `${offer.agent} ${offer.outcome}`);

test("a caller asks the bot for a person; the agent sees why, and both hear each other; the call is kept with its sound", () => withGateway("[gateway]\nrecordings = \"recordings\"\n", async ({ gateway, ask, sits, onDuty }) => {
  const ana = await onDuty("ana"), sam = await sits("sam", "/wall");
  const call = calls(gateway, "1000", [join(ROOM, "caller.wav")], ["--max", "90"]);
  await sam.waitForSelector(".rows li");
  await offered(ana);
  assert.match(await text(ana, ".offer"), /speak to a person/, "the caller's own words are on the card");
  await ana.keyboard.press("a");
  await live(ana);
  await until("eight seconds of talk", async () => (await ana.evaluate(() => window.heardFor())) > 8);
  await sam.waitForSelector(".rows li:has-text('with Ana')");
  await heard(ana, join(ROOM, "agent-heard.wav"));
  await hangUp(ana);
  await ana.waitForSelector("text=You hung up");
  assert.match(await ana.locator(".wrap textarea").inputValue(), /person/, "the summary is filled in");
  await saves(ana);
  await ana.waitForSelector(".doing.available");
  const { code, said } = await call.report;
  assert.equal(code, 0, said);
  keep(call, "caller-heard.wav");
  const told = await kept(ask);
  assert.equal(told.outcome, "bridged");
  assert.deepEqual(settled(told), ["ana accepted"]);
  await sam.goto(`${gateway.url}/calls`);
  await sam.click("main a[href*='/calls/']");
  await sam.waitForSelector("audio");
  // It is fetched when it is wanted.
  await sam.evaluate(() => document.querySelector("audio").play());
  await sam.waitForFunction(() => document.querySelector("audio").duration > 10);
  await sam.waitForSelector(".turns li:has-text('speak to a person')");
  const report = await sam.goto(`${gateway.url}/api/v1/calls/${told.id}/report`);
  assert.equal(report.status(), 200);
  assert.match(await sam.content(), /speak to a person/);
}));

test("a visitor at a page and an agent at theirs hear each other", () => withGateway(STRAIGHT.replace("ask_topic", "browser = true\nask_topic"), async ({ gateway, ask, onDuty }) => {
  const ana = await onDuty("ana"), other = await launch([`--use-file-for-fake-audio-capture=${join(ROOM, "visitor.wav")}`]);
  try {
    const visitor = await open(other, { line: false });
    visitor.setDefaultTimeout(PATIENCE);
    await visitor.addInitScript(ears);
    await visitor.goto(`${gateway.url}/call?entry=main`);
    await visitor.click("button:has-text('Call now')");
    await accept(ana);
    await visitor.waitForSelector("main[data-stage=bridged]");
    for (const page of [ana, visitor]) await until("eight seconds of talk", async () => (await page.evaluate(() => window.heardFor())) > 8);
    await heard(ana, join(ROOM, "agent-heard-visitor.wav"));
    await heard(visitor, join(ROOM, "visitor-heard.wav"));
    await visitor.click("button:has-text('Hang up')");
    await ana.waitForSelector("text=The caller hung up");
    await saves(ana);
    assert.deepEqual(settled(await kept(ask)), ["ana accepted"]);
    assert.deepEqual(visitor.faults, []);
  } finally {
    await other.close();
  }
}));

test("an agent puts the caller on hold, mutes, presses keys for them, and talks with a colleague who then takes over", () => withGateway(`${STRAIGHT}[notice.held]\ntext = ""\n`, async ({ gateway, ask, onDuty }) => {
  const ana = await onDuty("ana"), other = await launch([`--use-file-for-fake-audio-capture=${join(ROOM, "ben.wav")}`]);
  try {
    const call = calls(gateway, "1000", [PATIENT], ["--max", "600"]);
    await accept(ana);
    const ben = await onDuty("ben", other);
    await hears(ana, 2);
    await ana.keyboard.press("h");
    await ana.waitForSelector(".light.held");
    await span(3);
    await ana.keyboard.press("h");
    await live(ana);
    await hears(ana, 2);
    await ana.keyboard.press("m");
    await ana.waitForSelector(".chip.muted:visible");
    await hears(ana, 2.5);
    await ana.keyboard.press("m");
    await ana.waitForSelector(".chip.muted", { state: "hidden" });
    await hears(ana, 2);
    await ana.keyboard.press("k");
    await ana.click(".pad button:text-is('4')");
    await ana.keyboard.press("#");
    await ana.waitForSelector(".typed:text-is('4#')");
    await ana.keyboard.press("t");
    await ana.click("button:has-text('Colleague')");
    await ana.fill("input[aria-label=Colleague]", "ben");
    await ana.click("button:has-text('Talk to them first')");
    await offered(ben);
    await ben.keyboard.press("a");
    await ben.waitForSelector("text=A colleague asks you first");
    await ana.waitForSelector("text=You talk with ben");
    await Promise.all([hears(ana, 2.5), hears(ben, 2.5)]);
    await ana.click("button:has-text('Put them through')");
    await saves(ana);
    await live(ben);
    await hears(ben, 3.5);
    await heard(ana, join(ROOM, "ana-heard.wav"));
    await heard(ben, join(ROOM, "ben-heard.wav"));
    call.hangUp();
    await ben.waitForSelector("text=The caller hung up");
    await saves(ben);
    const { said } = await call.report;
    assert.equal(JSON.parse(said).keys_heard, "4#", said);
    keep(call, "patient-heard.wav");
    assert.deepEqual(settled(await kept(ask)), ["ana accepted", "ben accepted"]);
  } finally {
    await other.close();
  }
}));

test("the caller goes back to the bot, is brought back by a supervisor, goes on to another queue and hangs up there", () => withGateway("[speech]\nrecognizer = \"off\"\n", async ({ gateway, ask, sits, onDuty }) => {
  const [ana, carla, sam] = [await onDuty("ana"), await onDuty("carla"), await sits("sam", "/wall")];
  // Nobody but the supervisor brings a person here, however long anything takes.
  for (const { name } of await ask("/triggers")) await ask(`/triggers/${name}`, "PUT", { mode: "off" });
  const bringsPerson = () => sam.click("button:has-text('Bring a person')");
  const call = calls(gateway, "1000", [sample("asks-for-a-person")], ["--pace", "turns", "--max", "600"]);
  await sam.click(".rows li");
  await bringsPerson();
  await accept(ana);
  await ana.keyboard.press("b");
  await ana.keyboard.type("They want to know where their order is.");
  await ana.click("button:has-text('Give the caller back')");
  await saves(ana);
  await bringsPerson();
  await accept(ana);
  await ana.keyboard.press("t");
  await ana.selectOption("select[aria-label=Queue]", "office");
  await ana.click("button:has-text('Transfer now')");
  await offered(carla);
  await ana.waitForSelector(".wrap");
  await carla.keyboard.press("a");
  await live(carla);
  await until("the caller is heard, or the bot no more", () => carla.evaluate(() => window.heard().then((sound) => sound.length > 16_000)));
  call.hangUp();
  await carla.waitForSelector("text=The caller hung up");
  await saves(carla);
  await call.report;
  const told = await kept(ask);
  assert.deepEqual(settled(told), ["ana accepted", "ana accepted", "carla accepted"]);
  assert.equal(told.handoffs[0].outcome, "handed_back");
}));

about = "lost";

/** A call without a bot, with Ana on it and Ben on duty; Ana's line may be cut. */
const inCall = (act) => withGateway(STRAIGHT, async (site) => {
  const ana = await site.sits("ana", "/desk"), network = await tunnelled(ana);
  try {
    await goOnDuty(ana);
    const call = calls(site.gateway, "1000", [PATIENT], ["--max", "600"]);
    await accept(ana);
    await act({ ...site, ana, ben: await site.onDuty("ben"), call, network });
    call.hangUp();
    await call.report;
  } finally {
    network.close();
  }
});

/** The caller was told that the agent was gone, and Ben was left alone. */
async function cameBack(ask, call, ben) {
  await until("the agent is heard again", async () => (await ben.locator(".doing.available").count()) === 1);
  call.hangUp();
  await call.report;
  const told = await kept(ask);
  assert.deepEqual(settled(told), ["ana accepted", "ana accepted"], "the same agent, without being asked");
  assert.ok(told.turns.some((turn) => turn.who === "bot" && /lost the connection/.test(turn.text)), "the caller was told");
}

test("an agent who loads the page again in the middle of a call has the same caller again", () => inCall(async ({ ask, ana, ben, call }) => {
  await ana.reload();
  await live(ana);
  await until("the caller is heard again", async () => (await ana.evaluate(() => window.heardFor())) > 1);
  await cameBack(ask, call, ben);
}));

test("an agent whose network is gone for five seconds has the same caller again", () => inCall(async ({ ask, ana, ben, call, network }) => {
  await ana.context().setOffline(true);
  network.cut(true);
  await ana.waitForSelector("text=Line lost");
  await new Promise((done) => setTimeout(done, 5_000));
  await ana.context().setOffline(false);
  network.cut(false);
  await ana.waitForSelector("text=Line up");
  await live(ana);
  const before = await ana.evaluate(() => window.heardFor());
  await until("the caller is heard again", async () => (await ana.evaluate(() => window.heardFor())) > before + 1);
  await cameBack(ask, call, ben);
}));

test("an agent who opens the desk twice has one line and one call", () => inCall(async ({ ask, ana, ben, call }) => {
  const other = await ana.context().newPage();
  other.setDefaultTimeout(PATIENCE);
  await other.goto(ana.url());
  await other.click("button:has-text('Take the line here')");
  await ana.waitForSelector("text=in another window");
  await until("the caller is heard there", async () => (await other.evaluate(() => window.heardFor())) > 1);
  await live(other);
  await cameBack(ask, call, ben);
}));

test("an agent who closes the page is replaced by the next", () => inCall(async ({ ask, ana, ben, call }) => {
  await ana.close();
  await accept(ben);
  await until("the caller is heard", async () => (await ben.evaluate(() => window.heardFor())) > 1);
  call.hangUp();
  await call.report;
  const told = await kept(ask);
  assert.deepEqual(settled(told), ["ana accepted", "ben accepted"]);
}));

const wanted = process.env.SEGUE_STORIES;
describe("the story", { concurrency: 2 }, () => stories.filter((story) => !wanted || story.about === wanted).forEach(({ name, act }) => plays(name, act)));
