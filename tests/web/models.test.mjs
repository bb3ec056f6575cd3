// The parts of the pages that need no browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Feed, pause } from "../../src/console/web/lib/feed.js";
import { staying } from "../../src/console/web/lib/dom.js";
import { Mirror } from "../../src/console/web/lib/mirror.js";
import * as words from "../../src/console/web/lib/words.js";
import { apply, withPoint, withSignal, withTurn } from "../../src/console/web/desk/model.js";
import * as wall from "../../src/console/web/wall/model.js";
import * as story from "../standins/console_story.mjs";

const message = (event, more = {}) => ({ seq: 1, at: "", topic: "desk", call: story.CALL, event, ...more });

test("of a list in another order as few as can be are moved", () => {
  const stays = (places) => [...staying(places)].sort((a, b) => a - b);
  for (const [places, wanted] of [[[], []], [[0, 1, 2], [0, 1, 2]], [[1, 2, 3, 0], [0, 1, 2]], [[3, 0, 1, 2], [1, 2, 3]], [[2, 1, 0], [2]], [[-1, 0, -1, 1], [1, 3]], [[-1, -1], []]]) {
    assert.deepEqual(stays(places), wanted, String(places));
  }
});

test("times are written as m:ss", () => {
  for (const [secs, text] of [[0, "0:00"], [59.9, "0:59"], [61, "1:01"], [3725, "1:02:05"], [-3, "0:00"], [null, "–"], [NaN, "–"]]) assert.equal(words.clock(secs), text);
  for (const [secs, text] of [[0.34, "340 ms"], [4.14, "4.1 s"], [125, "2:05"], [undefined, "–"]]) assert.equal(words.span(secs), text);
});

test("a headline is cut by characters, not by halves of them", () => {
  assert.equal(words.short("abc", 3), "abc");
  assert.equal([...words.short("😀".repeat(120), words.HEADLINE)].length, words.HEADLINE);
});

test("a page of the operator's system is opened by http only, with nothing that leaves its place", () => {
  assert.equal(words.crm("https://crm.example/?p={caller}&x={none}", { caller: "+49 1&a=b" }), "https://crm.example/?p=%2B49%201%26a%3Db&x=");
  for (const template of ["javascript:alert({caller})", "data:text/html,{caller}", "", null, "no url"]) assert.equal(words.crm(template, { caller: "1" }), null);
});

test("after signing in one goes on to a page of ours only", () => {
  for (const path of ["/desk", "/calls/01936f1a-0000", "/wall?call=1"]) assert.equal(words.ownPath(path), path);
  for (const path of ["//evil.example", "/\\evil.example", "https://evil.example", "desk", "", null, "/a\n"]) assert.equal(words.ownPath(path), null);
});

test("every signal has a mark, and the server's own counts", () => {
  assert.equal(words.mark({ kind: "repeat" }), "↻");
  assert.equal(words.mark({ kind: "repeat", letter: "R" }), "R");
  assert.equal(words.mark({ kind: "of_tomorrow" }), "•");
});

test("a turn that may change is replaced by what became of it", () => {
  const part = { who: "caller", text: "where", final: false, start_s: 1, end_s: 2 }, whole = { ...part, text: "where is it", final: true, end_s: 3 };
  assert.deepEqual(withTurn(withTurn([], part), whole), [whole]);
  assert.deepEqual(withTurn([whole], whole), [whole]);
  const other = { ...whole, who: "bot", start_s: 0 };
  assert.deepEqual(withTurn([whole], other), [other, whole]);
});

test("signals and points come once", () => {
  const signal = story.signals()[0], point = { at_s: 1, score: 0.5 };
  assert.equal(withSignal([signal], signal).length, 1);
  assert.equal(withPoint([point], point).length, 1);
});

test("an offer comes, changes and goes; its deadline counts from when it came", () => {
  const offer = story.packet();
  let view = apply(story.desk({ state: "ringing" }), message({ type: "offer", ...offer }));
  assert.equal(view.offer.offer, story.OFFER);
  view = apply(view, message({ type: "offer_updated", ...offer, deadline_s: 3, headline: "New" }));
  assert.equal(view.offer.headline, "New");
  assert.equal(view.offer.deadline_s, offer.deadline_s);
  assert.equal(apply(view, message({ type: "offer_over", offer: "another", why: "withdrawn" })), view);
  view = apply(view, message({ type: "offer_over", offer: story.OFFER, why: "withdrawn" }));
  assert.equal(view.offer, null);
  assert.match(view.news.text, /somebody else/);
});

test("a call is live, held, muted and over when events say so, and its wrap-up stays until it is saved", () => {
  let view = story.desk({ state: "on_call", call: story.deskCall({ live: false }) });
  const before = structuredClone(view);
  for (const [event, key] of [[{ type: "live", call: story.CALL }, "live"], [{ type: "held", on: true }, "held"], [{ type: "muted", on: true }, "muted"]]) {
    const next = apply(view, message(event));
    assert.equal(next.call[key], true);
    assert.deepEqual(view.call[key], before.call[key], "the value before is left alone");
    view = next;
  }
  view = apply(view, message({ type: "call_over", ended_by: "caller" }));
  view = apply(view, message({ type: "wrap_up", summary: "It went well.", dispositions: ["solved"] }));
  view = apply(view, message({ type: "state", ...story.desk({ state: "wrap_up", call: { ...view.call } }) }));
  assert.deepEqual([view.call.over, view.wrap.summary, view.endedBy], [true, "It went well.", "caller"]);
  view = apply(view, message({ type: "state", ...story.desk({ state: "available" }) }));
  assert.deepEqual([view.call, view.wrap], [null, null]);
});

test("who asked a colleague is told what came of it, and nobody else", () => {
  for (const [mine, why, text] of [[true, "nobody_came", /Nobody came/], [true, "completed", null], [false, "taken_back", null]]) {
    const view = story.desk({ state: "on_call", call: story.deskCall({ consult: { with: "Ben", warm: true, here: false, mine } }) });
    const next = apply(view, message({ type: "invite_over", why }));
    assert.equal(next.call.consult, null);
    if (text) assert.match(next.news.text, text);
    else assert.equal(next.news ?? null, null);
  }
});

test("words of another call are not ours", () => {
  const view = story.desk({ state: "on_call", call: story.deskCall() });
  assert.equal(apply(view, message({ type: "turn", ...story.hostileTurn }, { topic: "call", call: "another" })), view);
});

test("rows of the wall stand by need, and stay where they are under the pointer", () => {
  const now = Date.now(), all = [...wall.wallOf(story.rows(), now).rows.values()];
  const sorted = wall.ordered(all, now, [], false);
  assert.equal(sorted[0].frustration, 0.82);
  assert.equal(sorted.at(-1).stage, "ended");
  const still = wall.ordered(all.map((row) => ({ ...row, frustration: 1 - row.frustration })), now, sorted.map((row) => row.id), true);
  assert.deepEqual(still.map((row) => row.id), sorted.map((row) => row.id));
  const fresh = { ...all[0], id: "new", frustration: 1, stage: "waiting" };
  assert.equal(wall.ordered([fresh, ...all], now, sorted.map((row) => row.id), true).at(-1).id, "new");
});

test("the wall says what needs somebody", () => {
  const now = Date.now(), all = [...wall.wallOf(story.rows(), now).rows.values()];
  assert.equal(wall.sentence([], now), "No calls at the moment.");
  assert.match(wall.sentence(all, now), /^11 calls; 4 wait for a person, the longest 1:56; 3 are frustrated\.$/);
});

/** A socket that does what the test says. */
class Socket {
  static all = [];
  sent = [];
  readyState = 0;
  constructor(url) { this.url = url; Socket.all.push(this); }
  send(text) { this.sent.push(JSON.parse(text)); }
  close() { this.readyState = 3; this.onclose?.({ code: 1006 }); }
  open() { this.readyState = 1; this.onopen?.(); }
  say(value) { this.onmessage?.({ data: JSON.stringify(value) }); }
}

test("the feed goes on where it was: nothing twice, nothing missed, and a reset reads anew", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"] });
  Socket.all = [];
  const heard = [], states = [];
  const feed = new Feed({ message: (m) => heard.push(m.seq), reset: () => heard.push("reset"), state: (s) => states.push(s) }, "/api/v1/live", (url) => new Socket(url)).connect();
  feed.watch("c1");
  const [first] = Socket.all;
  first.open();
  assert.deepEqual(first.sent[0], { watch: { call: "c1" } });
  first.say(message({ type: "reset" }, { seq: 10 }));
  for (const seq of [11, 12, 12, 11]) first.say(message({ type: "notice" }, { seq }));
  first.close();
  assert.equal(feed.state, "lost");
  t.mock.timers.tick(2_000);
  const second = Socket.all[1];
  second.open();
  assert.deepEqual(second.sent[0], { resume: 12, watch: { call: "c1" } });
  for (const seq of [12, 13]) second.say(message({ type: "notice" }, { seq }));
  assert.deepEqual(heard, ["reset", 11, 12, 13]);
  assert.deepEqual(states, ["open", "lost", "open"]);
  second.onclose({ code: 1008 });
  assert.equal(feed.state, "signed_out");
  t.mock.timers.tick(60_000);
  assert.equal(Socket.all.length, 2, "who is signed out does not knock again");
});

test("what is watched is read when the server has heard of it, and who is not let in asks why", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  Socket.all = [];
  let shut = 0;
  const told = [];
  const feed = new Feed({ message: () => {}, reset: () => {}, state: () => {}, shut: () => shut++ }, "/x", (url) => new Socket(url)).connect();
  const [first] = Socket.all;
  await feed.watch("c0");
  first.open();
  const watching = feed.watch("c1").then(() => told.push("c1"));
  const asked = first.sent.at(-1);
  assert.deepEqual(asked.watch, { call: "c1" });
  first.say(message({ type: "pong", n: first.sent[1].ping }));
  await Promise.resolve();
  assert.deepEqual(told, [], "that was the answer to another question");
  first.say(message({ type: "pong", n: asked.ping }));
  await watching;
  const lost = feed.watch("c2");
  first.close();
  await lost;
  assert.equal(shut, 0, "it was open before, so it is lost");
  t.mock.timers.tick(10_000);
  Socket.all.at(-1).close();
  assert.equal(shut, 1, "and is not let in again");
  const own = [];
  const other = (url) => { own.push(new Socket(url)); return own.at(-1); };
  const never = new Feed({ message: () => {}, reset: () => {}, state: () => {}, shut: () => shut++ }, "/x", other).connect();
  own[0].close();
  assert.equal(shut, 2);
  t.mock.timers.tick(10_000);
  own[1].open();
  own[1].onclose({ code: 1008 });
  assert.equal(never.state, "signed_out");
  never.retry();
  own[2].open();
  assert.equal(never.state, "open", "after signing in elsewhere it goes on");
});

test("the desk's queues follow what is told of all", () => {
  const desk = story.desk(), queues = desk.queues.map((queue) => ({ ...queue, waiting: 9 }));
  const view = apply(desk, message({ type: "queues", queues: [...queues, { ...queues[0], name: "others" }] }, { topic: "wall", call: null }));
  assert.deepEqual(view.queues, queues);
});

test("a feed that answers nothing is given up", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1_000_000 });
  Socket.all = [];
  const feed = new Feed({ message: () => {}, reset: () => {}, state: () => {} }, "/x", (url) => new Socket(url)).connect();
  Socket.all[0].open();
  t.mock.timers.tick(25_000);
  assert.notEqual(feed.state, "open");
  assert.ok(pause(0, 0.5) < pause(3, 0.5) && pause(20, 1) <= 10_000);
});

test("what comes while a copy is read is applied after it", async () => {
  let answer;
  const told = [];
  const mirror = new Mirror(() => new Promise((done) => { answer = done; }), (value, m) => ({ ...value, n: value.n + m.event.n }), () => told.push(mirror.value?.n));
  const reading = mirror.read();
  mirror.hear(message({ type: "add", n: 5 }, { seq: 7 }));
  assert.equal(mirror.value, null);
  answer({ n: 1 });
  await reading;
  assert.equal(mirror.value.n, 6);
  mirror.hear(message({ type: "add", n: 1 }, { seq: 8 }));
  assert.deepEqual(told, [6, 7]);
});
