// The pages in a real browser against a stand-in of the server: every state looked at, and the story played by keys alone.
// Pictures go to target/web-tests/screens.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SCREENS, launch, open, serious } from "./browser.mjs";
import { scenes } from "./scenes.mjs";
import { start } from "../standins/console.mjs";
import * as story from "../standins/console_story.mjs";

const LOOKS = [{ width: 1280, height: 800, look: "light" }, { width: 1280, height: 800, look: "dark" }, { width: 400, height: 800, look: "dark" }, { width: 400, height: 800, look: "light" }];
/** 1280 px at 200 % are 640 px for the page. */
const ZOOMED = { width: 640, height: 400 };

let browser;
before(async () => { browser = await launch(); });
after(() => browser?.close());

/** A page with a stand-in behind it; both are gone afterwards. */
async function withPage(act, look) {
  const stand = await start(), page = await open(browser, look);
  page.setDefaultTimeout(30_000);
  try {
    await act(stand, page);
    assert.deepEqual(page.faults, []);
  } finally {
    await page.context().close();
    stand.close();
  }
}

/** Tables that are wider than their box. */
const cut = (page) => page.$$eval(".scroll", (all) => all.filter((one) => one.scrollWidth > one.clientWidth).map((one) => one.getAttribute("aria-label")));
const sideways = (page) => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);

for (const [name, scene] of Object.entries(scenes)) {
  test(`${name}: nothing serious for axe, nothing sticks out, in every look`, () => withPage(async (stand, page) => {
    await scene(stand, page);
    for (const { look, ...size } of LOOKS) {
      await page.setViewportSize(size);
      await page.emulateMedia({ colorScheme: look });
      await page.waitForTimeout(60);
      await page.screenshot({ path: join(SCREENS, `${name}-${size.width}-${look}.png`) });
      assert.deepEqual(await serious(page), [], `${size.width} ${look}`);
      assert.ok(await sideways(page) <= 0, `${size.width} ${look}: scrolls sideways`);
      assert.deepEqual(await cut(page), [], `${size.width} ${look}: cut in their box`);
    }
    await page.setViewportSize(ZOOMED);
    assert.ok(await sideways(page) <= 0, "scrolls sideways at 200 %");
  }));
}

test("an agent does it all by keys: accept, mute, hold, note, transfer panel, wrap-up", () => withPage(async (stand, page) => {
  await scenes.desk_offer(stand, page);
  const asked = (path) => stand.world.asked.filter((one) => one.path.endsWith(path));
  assert.equal(asked("/shown").length, 1, "the server is told once that the card is shown");
  await page.keyboard.press("a");
  await page.waitForSelector(".light.live");
  await page.keyboard.press("m");
  await page.waitForSelector(".chip.muted:visible");
  await page.keyboard.press("m");
  await page.waitForSelector(".chip.muted", { state: "hidden" });
  await page.keyboard.press("h");
  await page.waitForSelector(".light.held");
  await page.keyboard.press("n");
  await page.keyboard.type("Calls again on Monday. amhtbkns");
  await page.click("text=Save note");
  await page.waitForSelector("text=The note was taken.");
  assert.equal(asked("/note")[0].body.text, "Calls again on Monday. amhtbkns", "letters in a field are letters");
  for (const key of ["t", "Escape", "b", "Escape", "Escape"]) await page.keyboard.press(key);
  assert.equal(asked("/hang_up").length, 0, "Escape never hangs up");
  await page.keyboard.press("k");
  await page.keyboard.type("12#");
  await page.waitForFunction(() => document.querySelector(".typed")?.textContent === "12#");
  assert.deepEqual(asked("/key").map((one) => one.body.key), ["1", "2", "#"]);
  await page.click("button:has-text('Hang up')");
  assert.equal(asked("/hang_up").length, 0, "once is not enough");
  await page.click("button:has-text('Press again')");
  await page.waitForSelector(".wrap");
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("s");
  await page.waitForSelector(".doing.available");
  assert.deepEqual(asked("/wrap_up")[0].body, { summary: story.packet().summary, disposition: "solved", resolved: true });
}));

test("an agent talks to a colleague first, takes the caller back, and then puts them through", () => withPage(async (stand, page) => {
  await scenes.desk_live(stand, page);
  const warm = async () => {
    await page.keyboard.press("t");
    await page.click("button:has-text('Talk to them first')");
    await page.waitForSelector("text=You talk with Ben.");
  };
  await warm();
  assert.equal(await page.locator(".light.held").count(), 1);
  await page.click("button:has-text('Take the caller back')");
  await page.waitForSelector(".toast:has-text('The caller is with you again.')");
  await page.waitForSelector("text=You talk with Ben.", { state: "hidden" });
  await warm();
  assert.deepEqual(await serious(page), []);
  await page.click("button:has-text('Put them through')");
  await page.waitForSelector(".wrap");
  assert.deepEqual(stand.world.asked.filter((one) => /complete|take_back/.test(one.path)).map((one) => one.path), ["/desk/call/take_back", "/desk/call/complete"]);
}));

test("a button says asked until the event says done, and a refusal says what to do", () => withPage(async (stand, page) => {
  await scenes.desk_live(stand, page);
  stand.world.auto = false;
  await page.keyboard.press("h");
  await page.waitForSelector("button[aria-busy=true]:has-text('Asked…')");
  assert.equal(await page.locator(".light.held").count(), 0, "nothing is held before the event says so");
  stand.tell("desk", story.CALL, { type: "held", on: true });
  await page.waitForSelector(".light.held");
  stand.world.refuse["/desk/call/key"] = { status: 409, code: "no_call", message: "You have no call for this, or not any more." };
  await page.keyboard.press("k");
  await page.keyboard.type("5");
  await page.waitForSelector(".toast.fault:has-text('You have no call for this')");
}));

test("what callers say is text, never markup", () => withPage(async (stand, page) => {
  stand.world.desk = story.desk({ state: "on_call", line: "up", call: story.deskCall() });
  const evil = story.hostileTurn.text;
  Object.assign(stand.world.desk.call.packet, { headline: evil, summary: evil, reason: evil, trigger_sentence: evil, caller: evil, next_step: evil });
  stand.world.desk.call.packet.slots = [{ name: evil, value: evil, confidence: null }];
  await page.goto(`${stand.url}/desk`);
  await page.waitForSelector(".light.live");
  await stand.ready();
  stand.tell("call", story.CALL, { type: "turn", ...story.hostileTurn });
  stand.tell("call", story.CALL, { type: "suggestion", text: evil });
  await page.waitForSelector(".advice li");
  assert.equal(await page.locator("img").count(), 0);
  assert.ok((await page.locator(".turns").textContent()).includes(evil));
  await scenes.call(stand, page);
  assert.equal(await page.locator("img").count(), 0);
}));

test("after a cut nothing is missed and nothing comes twice", () => withPage(async (stand, page) => {
  await scenes.desk_live(stand, page);
  const count = () => page.locator(".turns li").count();
  const had = await count();
  stand.cut();
  stand.tell("call", story.CALL, { type: "turn", who: "caller", text: "said meanwhile", final: true, start_s: 60, end_s: 61 });
  await page.waitForSelector("text=said meanwhile");
  assert.equal(await count(), had + 1);
  stand.drop();
  await page.waitForSelector(".trouble:has-text('a call goes on')");
  stand.back();
  await page.waitForSelector(".trouble", { state: "detached" });
}));

test("the transcript follows until one scrolls up", () => withPage(async (stand, page) => {
  await scenes.desk_live(stand, page);
  const say = (n) => stand.tell("call", story.CALL, { type: "turn", who: "caller", text: `word ${n}`, final: true, start_s: 60 + n, end_s: 60.5 + n });
  for (let n = 0; n < 10; n++) say(n);
  await page.waitForSelector("text=word 9");
  const list = page.locator(".turns"), rest = () => list.evaluate((node) => node.scrollHeight - node.scrollTop - node.clientHeight);
  await page.waitForFunction(() => { const node = document.querySelector(".turns"); return node.scrollHeight - node.scrollTop - node.clientHeight < 4; });
  await list.evaluate((node) => { node.scrollTop = 0; });
  await page.waitForSelector("button.down:visible");
  say(20);
  await page.waitForSelector("text=word 20", { state: "attached" });
  assert.ok(await rest() > 40, "it stays where one reads");
  await page.click("button.down");
  await page.waitForFunction(() => { const node = document.querySelector(".turns"); return node.scrollHeight - node.scrollTop - node.clientHeight < 4; });
}));

test("muted, one is told when one talks; and nothing leaves the microphone from the key on", () => withPage(async (stand, page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = async () => {
      const audio = new AudioContext(), voice = audio.createOscillator(), out = audio.createMediaStreamDestination();
      voice.connect(out);
      voice.start();
      return out.stream;
    };
  });
  await scenes.desk_offer(stand, page);
  await page.click("button.accept");
  await page.waitForSelector(".light.live");
  stand.world.auto = false;
  await page.keyboard.press("m");
  stand.tell("desk", story.CALL, { type: "muted", on: true });
  await page.waitForSelector("text=You are muted.");
  assert.equal(await page.evaluate(() => window.sent.enabled), false);
}));

test("between calls nothing leaves the microphone; from the offer on it is on the line", () => withPage(async (stand, page) => {
  const until = (flows) => page.waitForFunction((wanted) => window.flows === wanted, flows);
  await scenes.desk_offer(stand, page);
  await until(true);
  await page.click("button.accept");
  await page.waitForSelector(".light.live");
  await until(true);
  stand.tell("desk", story.CALL, { type: "call_over", ended_by: "caller" });
  await until(false);
}));

test("a mute that the server did not take keeps the microphone closed until one asks to be heard", () => withPage(async (stand, page) => {
  await page.addInitScript(() => {
    navigator.mediaDevices.getUserMedia = async () => new AudioContext().createMediaStreamDestination().stream;
  });
  await scenes.desk_offer(stand, page);
  await page.click("button.accept");
  await page.waitForSelector(".light.live");
  await page.route("**/desk/call/mute", (route) => route.abort());
  await page.keyboard.press("m");
  await page.waitForSelector(".chip.muted:visible");
  assert.equal(await page.evaluate(() => window.sent.enabled), false);
  await page.keyboard.press("m");
  await page.waitForSelector(".chip.muted", { state: "hidden" });
  assert.equal(await page.evaluate(() => window.sent.enabled), true);
}));

test("a slot is corrected in its place", () => withPage(async (stand, page) => {
  await scenes.desk_live(stand, page);
  await page.click("[aria-label='Correct order number']");
  await page.keyboard.type("4712");
  await page.keyboard.press("Enter");
  await page.waitForSelector(".slots strong:has-text('4712'):visible");
  assert.deepEqual(stand.world.asked.find((one) => one.path.endsWith("/slots")).body, { name: "order_number", value: "4712" });
}));

test("a supervisor brings a person and changes a trigger; rows stay under the pointer", () => withPage(async (stand, page) => {
  await scenes.wall_open(stand, page);
  await page.click("text=Bring a person");
  await page.waitForFunction(() => document.querySelector(".hand button")?.getAttribute("aria-busy") === "true");
  await page.hover(".rows li:nth-child(3)");
  const order = () => page.$$eval(".rows li", (rows) => rows.map((row) => row.dataset.key));
  const was = await order();
  for (const row of stand.world.rows) stand.tell("wall", row.id, { type: "row", ...row, frustration: 1 - row.frustration });
  await page.waitForTimeout(700);
  assert.deepEqual(await order(), was);
  await page.click("summary:has-text('Triggers')");
  await page.selectOption(".triggers select >> nth=0", "off");
  await page.waitForSelector(".toast:has-text('Upset: off')");
}));

test("a visitor asks for a person and hangs up", () => withPage(async (stand, page) => {
  await scenes.visit_talking(stand, page);
  assert.deepEqual(await page.evaluate(() => window.configured.iceServers), [story.TURN]);
  await page.click("text=Talk to a person");
  await page.waitForSelector("h1:has-text('You are next')");
  await page.click("text=Hang up");
  await page.waitForSelector("text=Call again");
}));

test("who is signed out comes back to where they were", () => withPage(async (stand, page) => {
  stand.as(null);
  await page.goto(`${stand.url}/desk`);
  await page.waitForURL(/sign-in\?next=%2Fdesk/);
  await page.fill("[name=name]", "ana");
  await page.fill("[name=password]", "right");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/desk$/);
}));
