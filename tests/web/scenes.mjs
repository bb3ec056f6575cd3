// Every page in its main states: how to get there. The tests look at each, and take its picture.

import * as story from "../standins/console_story.mjs";

const { CALL } = story;
const TALKING = () => story.desk({ state: "on_call", line: "up", call: story.deskCall() });

/** @type {Record<string, (stand: any, page: any) => Promise<void>>} */
export const scenes = {
  async sign_in(stand, page) {
    stand.as(null);
    await page.goto(`${stand.url}/sign-in`);
    await page.waitForSelector("[name=name]");
  },
  async sign_in_refused(stand, page) {
    await scenes.sign_in(stand, page);
    await page.fill("[name=name]", "ana");
    await page.fill("[name=password]", "wrong");
    await page.click("[type=submit]");
    await page.waitForSelector("text=Name or password is wrong.");
  },
  async welcome(stand, page) {
    await page.goto(`${stand.url}/welcome?key=abc`);
    await page.fill("[name=name]", "rae");
    await page.fill("[name=password]", "short");
    await page.click("[type=submit]");
    await page.waitForSelector("text=at least 10 characters.");
  },
  async desk_off_duty(stand, page) {
    await page.goto(`${stand.url}/desk`);
    await page.click("text=Try the microphone");
    await page.waitForSelector("text=Network: Good");
  },
  async desk_no_microphone(stand, page) {
    await page.goto(`${stand.url}/desk`);
    await page.evaluate(() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("none", "NotFoundError"); }; });
    await page.click("text=Try the microphone");
    await page.waitForSelector("text=No microphone found");
  },
  async desk_microphone_refused(stand, page) {
    await page.goto(`${stand.url}/desk`);
    await page.evaluate(() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); }; });
    await page.click("button:has-text('Go on duty')");
    await page.waitForSelector("text=The microphone is blocked");
  },
  async desk_waiting(stand, page) {
    await page.goto(`${stand.url}/desk`);
    await page.click("button:has-text('Go on duty')");
    await page.waitForSelector(".doing.available");
    await stand.ready();
  },
  async desk_break(stand, page) {
    await scenes.desk_waiting(stand, page);
    await page.click(".menu summary:has-text('Break')");
    await page.click("button:has-text('lunch')");
    await page.waitForSelector(".doing.break");
  },
  async desk_offer(stand, page) {
    await scenes.desk_waiting(stand, page);
    const offer = story.packet();
    stand.state({ state: "ringing", offer });
    stand.tell("desk", CALL, { type: "offer", ...offer });
    await page.waitForSelector("button.accept");
  },
  async desk_live(stand, page) {
    stand.world.desk = TALKING();
    await page.goto(`${stand.url}/desk`);
    await page.waitForSelector(".light.live");
    await stand.ready();
    stand.tell("call", CALL, { type: "turn", ...story.hostileTurn });
    stand.tell("call", CALL, { type: "suggestion", text: "Order 4712 of Dana Miller left the house yesterday; it comes tomorrow." });
    await page.waitForSelector(".advice li");
  },
  async desk_transfer(stand, page) {
    await scenes.desk_live(stand, page);
    await page.keyboard.press("t");
    await page.waitForSelector("text=Talk to them first");
  },
  async desk_muted_keypad(stand, page) {
    await scenes.desk_live(stand, page);
    await page.keyboard.press("m");
    await page.waitForSelector(".chip.muted:visible");
    await page.keyboard.press("k");
    await page.waitForSelector(".pad");
  },
  async desk_cut_off_on_hold(stand, page) {
    await scenes.desk_live(stand, page);
    await page.keyboard.press("h");
    await page.waitForSelector(".light.held");
    stand.drop();
    await page.waitForSelector(".trouble");
  },
  async desk_wrap_up(stand, page) {
    await scenes.desk_live(stand, page);
    await page.click("button:has-text('Hang up')");
    await page.click("button:has-text('Press again')");
    await page.waitForSelector(".wrap");
  },
  async desk_none(stand, page) {
    stand.world.me = { ...stand.world.me, agent: null, role: "supervisor" };
    await page.goto(`${stand.url}/desk`);
    await page.waitForSelector("text=You have no desk");
  },
  async wall(stand, page) {
    stand.as("supervisor");
    await page.goto(`${stand.url}/wall`);
    await page.waitForSelector(".rows li");
    await stand.ready();
    for (let n = 40; n >= 0; n--) for (const row of stand.world.rows) stand.tell("wall", row.id, { type: "row", ...row, frustration: Math.max(0, row.frustration - n * 0.012 + (n % 7) * 0.01) });
    await page.waitForSelector(".agents li");
    await page.waitForTimeout(400);
  },
  async wall_open(stand, page) {
    await scenes.wall(stand, page);
    await page.click(".rows li:nth-child(2) button");
    await page.waitForSelector(".open .turns li");
  },
  async wall_empty(stand, page) {
    stand.as("supervisor");
    stand.world.rows = [];
    await page.goto(`${stand.url}/wall`);
    await page.waitForSelector("h1:has-text('No calls')");
  },
  async calls(stand, page) {
    stand.as("supervisor");
    await page.goto(`${stand.url}/calls`);
    await page.waitForSelector(".list");
  },
  async calls_empty(stand, page) {
    stand.as("supervisor");
    stand.world.calls = [];
    await page.goto(`${stand.url}/calls`);
    await page.waitForSelector("text=No call is kept yet");
  },
  async calls_refused(stand, page) {
    stand.world.refuse["/calls"] = { status: 403, code: "not_allowed", message: "Your role does not allow this. An admin can give you another." };
    await page.goto(`${stand.url}/calls`);
    await page.waitForSelector("text=This is not for you");
  },
  async call(stand, page) {
    stand.as("supervisor");
    await page.goto(`${stand.url}/calls/${CALL}`);
    await page.waitForSelector(".clocks");
  },
  async call_gone(stand, page) {
    stand.as("supervisor");
    await page.goto(`${stand.url}/calls/none`);
    await page.waitForSelector("text=This call can't be shown");
  },
  async visit(stand, page) {
    await page.goto(`${stand.url}/call?entry=main`);
    await page.waitForSelector("text=Call now");
  },
  async visit_talking(stand, page) {
    await scenes.visit(stand, page);
    await page.click("text=Call now");
    await page.waitForSelector(".bar-bottom:visible");
    await stand.ready();
    stand.tell("call", null, { type: "state", stage: "bot", sentence: "You are talking with our assistant." });
    for (const { who, text } of story.turns().slice(0, 6)) stand.tell("call", null, { type: "caption", who, text, final: true });
    await page.waitForSelector(".captions li:nth-child(6)");
  },
  async visit_refused(stand, page) {
    stand.world.refuse["/visit"] = { status: 404, code: "unknown", message: "There is no such entry." };
    await scenes.visit(stand, page);
    await page.click("text=Call now");
    await page.waitForSelector("text=takes no calls from a browser");
  },
  async people(stand, page) {
    stand.as("admin");
    await page.goto(`${stand.url}/admin`);
    await page.waitForSelector("text=Trigger changed");
    await page.waitForSelector("td:has-text('Sam Field')");
  },
  async api(stand, page) {
    stand.as("admin");
    await page.goto(`${stand.url}/api`);
    await page.click(".request summary");
  },
};
