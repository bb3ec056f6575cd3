// The wall: what needs a supervisor now, seen from two metres; one call in detail beside it.

import { api, carry } from "../lib/api.js";
import { byId, el, fill, put, say } from "../lib/dom.js";
import { Feed } from "../lib/feed.js";
import { bind } from "../lib/keys.js";
import { Mirror } from "../lib/mirror.js";
import { askWhy, beforeSignOut, begin, refused, state, toast, watchConnection } from "../lib/page.js";
import { apply, applyCall, sentence, wallOf } from "./model.js";
import { makeOpen } from "./open.js";
import { makeAgents, makeQueues, makeTriggers } from "./people.js";
import { makeRows } from "./rows.js";

/** @typedef {import("./model.js").Wall} Wall */
/** @typedef {import("../lib/api.js").LiveCall} LiveCall */

/** Redrawn at most this often, in ms: nobody sees a difference below. */
const FRAME = 200;

const main = byId("main");
const me = await begin();
if (me.role !== "supervisor" && me.role !== "admin") fill(main, state("⊘", "The wall is for supervisors", "An admin can give you another role, on the page People."));
else open();

function open() {
  /** @type {string|null} */
  let opened = new URLSearchParams(location.search).get("call");
  let due = 0;
  const feed = new Feed({ message: hear, reset: () => { people.queues = people.agents = null; wall.read(); if (opened) call.read(); }, state: () => drawConnection(), shut: askWhy });
  const drawConnection = watchConnection(feed, () => "What you see is as it was then; calls go on.");
  const wall = new Mirror(readWall, (/** @type {Wall} */ value, message) => apply(value, message, Date.now()), () => later());
  /** @type {Mirror<LiveCall>} */
  const call = new Mirror(() => api.liveCall(opened ?? ""), applyCall, () => later());
  const title = el("h1", {}), rows = makeRows(choose), queues = makeQueues(), agents = makeAgents(), triggers = makeTriggers(), one = makeOpen(() => choose(null));
  const trouble = el("div", {});
  const side = el("div", { class: "stack" }, one.node, queues.node, agents.node, triggers.node);
  fill(main, el("div", { class: "wall stack" }, title, trouble, el("div", { class: "wall-columns" }, rows.node, side)));
  put(main, "aria-busy", "true");
  bind([{ key: "Escape", title: "Close the open call", act: () => choose(null), when: () => opened !== null }]);

  /** Queues and agents are told whole, so that the latest counts, whenever it came. @type {{queues: import("../lib/api.js").Queue[]|null, agents: import("../lib/api.js").AgentRow[]|null}} */
  const people = { queues: null, agents: null };
  /** Reads the rows. @returns {Promise<Wall>} */
  async function readWall() {
    const read = await api.liveCalls();
    const fresh = wallOf(read, Date.now());
    const before = wall.value;
    if (before) for (const [id, row] of fresh.rows) row.scores = [...(before.rows.get(id)?.scores ?? []), row.frustration];
    api.liveDesk().then(({ queues, agents }) => { people.queues ??= queues; people.agents ??= agents; later(); }, () => {});
    return carry(read, fresh);
  }

  /** @param {import("../lib/api.js").Message} message */
  function hear(message) {
    wall.hear(message);
    if (message.event.type === "queues") { people.queues = message.event.queues; later(); }
    if (message.event.type === "agents") { people.agents = message.event.agents; later(); }
    if (opened) call.hear(message);
    if (message.topic === "system" && message.event.type === "notice") toast(message.event.text);
  }

  /** @param {string|null} id */
  function choose(id) {
    if (opened) feed.unwatch(opened);
    call.drop();
    opened = opened === id ? null : id;
    history.replaceState(null, "", opened ? `/wall?call=${encodeURIComponent(opened)}` : "/wall");
    if (opened) {
      watchThenRead().then(() => { if (matchMedia("(max-width: 980px)").matches) one.focus(); });
    }
    draw();
  }

  /** What is said between the two would be missed if it were read first. */
  async function watchThenRead() {
    const id = opened;
    if (!id) return;
    await feed.watch(id);
    if (opened === id) await call.read();
  }

  function later() {
    due ||= window.setTimeout(() => { due = 0; draw(); }, FRAME);
  }

  function draw() {
    const { value } = wall;
    if (wall.trouble && !value) { put(main, "aria-busy", null); fill(trouble, refused(wall.trouble, "The wall can't be shown")); return; }
    if (!value) return;
    put(main, "aria-busy", null);
    fill(trouble);
    const all = [...value.rows.values()], now = Date.now();
    say(title, sentence(all, now));
    rows.draw(all, now, opened);
    queues.draw(people.queues, all, now);
    agents.draw(people.agents);
    if (call.trouble && opened) { toast(call.trouble.message, "fault"); choose(null); }
    one.show(opened ? call.value : null, people.queues ?? []);
    document.title = `${all.filter((row) => row.stage === "waiting" || row.stage === "ringing").length} waiting · Wall · Segue`;
  }

  beforeSignOut.push(() => one.stop());
  setInterval(draw, 1000);
  watchThenRead();
  wall.read();
  feed.connect();
}
