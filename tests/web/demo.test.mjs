// `segue demo --browser` as its user has it: the link that it prints, a caller who rings, and everything of her afterwards; and
// what there is for somebody who has no microphone.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { launch, open } from "./browser.mjs";
import { PATIENCE, demo, goOnDuty, until } from "./gateway.mjs";

/** A demo, and a page of a browser at the link that it prints, for as long as `act` takes; then Ctrl-C ends it. */
async function withDemo(more, devices, act) {
  const browser = await launch([], devices);
  let shown = null;
  try {
    shown = await demo(more);
    const page = await open(browser, { line: false });
    page.setDefaultTimeout(PATIENCE);
    await page.goto(shown.link);
    await act(page, shown);
    assert.deepEqual(page.faults, []);
    assert.deepEqual(await shown.interrupt(), [0], shown.said());
  } catch (error) {
    throw new Error(`${error.stack}\nThe demo said:\n${shown?.said()}`);
  } finally {
    await browser.close();
    await shown?.stop();
  }
}

/** With SEGUE_BLESS=1, a picture for readers of the repository, in `screens`. */
async function picture(page, name, colorScheme) {
  if (!process.env.SEGUE_BLESS) return;
  await page.emulateMedia({ colorScheme });
  await page.screenshot({ path: fileURLToPath(new URL(`screens/${name}.png`, import.meta.url)) });
}

test("the link signs in; on duty a caller rings who wants a person; after the call everything of it is there", () => withDemo([], {}, async (page, shown) => {
  const { origin } = new URL(shown.link);
  await page.waitForURL(`${origin}/desk`);
  await goOnDuty(page);
  await page.waitForSelector("button.accept");
  // Where this machine is so busy that the bot does not understand her, she presses a key for it.
  assert.match(await page.locator(".offer").textContent(), /speak to a person|Pressed 0 for a person/, "the card says what she wants");
  await picture(page, "desk-offer", "light");
  await page.keyboard.press("a");
  await page.waitForSelector(".light.live");
  await picture(page, "desk-live", "dark");
  await page.click("button:has-text('Hang up')");
  await page.click("button:has-text('Press again')");
  await page.waitForSelector(".wrap");
  assert.notEqual(await page.locator(".wrap textarea").inputValue(), "", "the summary is filled in");
  await page.evaluate(() => document.activeElement?.blur());
  await page.keyboard.press("s");
  await page.waitForSelector(".wrap", { state: "detached" });
  const [, told, id] = await shown.says(/All of it:\s+(\S+\/calls\/(\S+))/);
  const asked = async () => (await page.request.get(`${origin}/api/v1/calls/${id}`)).json();
  const kept = await until("the call is kept", async () => { const call = await asked(); return call.outcome && call; });
  const [handoff] = kept.handoffs;
  assert.deepEqual([kept.outcome, handoff.outcome, handoff.ended_by], ["bridged", "bridged", "agent"]);
  assert.ok([0, 2, 4, 5].every((clock) => handoff.t_s[clock] !== null), `clocks: ${handoff.t_s}`);
  await page.goto(told);
  await page.waitForSelector(".clocks tr:has-text('From accepting to talking')");
  await page.goto(`${origin}/api/v1/calls/${id}/report`);
  await page.waitForSelector("h3:has-text('Clocks')");
}));

test("without a microphone the desk says so, and one watches a recorded agent take the caller", () => withDemo(["--watch"], { microphone: false }, async (page, shown) => {
  const { origin } = new URL(shown.link);
  await page.waitForURL(`${origin}/wall`);
  const row = page.locator(".rows li:has-text('with Ben')");
  // She stays for a while only: whom that is too short for finds her among the calls that are over.
  const over = async () => (await (await page.request.get(`${origin}/api/v1/calls`)).json()).some((call) => call.agent === "ben" && call.ended);
  await until("Ben has the caller", async () => (await row.count()) > 0 || over());
  await page.goto(`${origin}/desk`);
  await page.click("button:has-text('Go on duty')");
  await page.waitForSelector("text=No microphone found");
  await page.waitForSelector("button:has-text('Go on duty without one')");
  assert.equal((await (await page.request.get(`${origin}/api/v1/desk`)).json()).on_duty, false);
}));
