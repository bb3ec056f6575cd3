// Queues as bars of waiting callers by age, agents as dots by state, triggers with what they do.

import { api } from "../lib/api.js";
import { el, fill, keep, put, say } from "../lib/dom.js";
import { toast } from "../lib/page.js";
import { STATES, agentState, clock, moment, words, capital } from "../lib/words.js";
import { wait } from "./model.js";

/** @typedef {import("./model.js").Row} Row */
/** @typedef {import("./model.js").Queue} Queue */
/** @typedef {import("./model.js").AgentRow} AgentRow */

/** Bars are as long as this wait, in s, at most. */
const FULL = 180;

export function makeQueues() {
  const list = el("ul", { class: "queues" });
  const empty = el("p", { class: "empty" }, "No queue has told of itself yet.");
  const node = el("section", { class: "stack tight" }, el("h2", {}, "Queues"), empty, list);

  /** @param {Queue[]|null} queues @param {Row[]} rows @param {number} now in ms */
  function draw(queues, rows, now) {
    const all = queues ?? guess(rows, now);
    empty.hidden = all.length > 0;
    keep(list, all, (queue) => queue.name, () => el("li", {}, el("div", { class: "head" }, el("strong", {}), el("span", { class: "hint" })), el("div", { class: "bars", role: "img" })), (item, queue) => {
      const [head, bars] = item.children;
      const waits = rows.filter((row) => (row.queue === queue.title || row.queue === queue.name) && (row.stage === "waiting" || row.stage === "ringing"))
        .map((row) => wait(row, now) ?? 0).toSorted((a, b) => b - a);
      say(head.children[0], queue.title);
      say(head.children[1], `${queue.waiting} waiting · ${queue.on_duty} on duty${queue.waiting > 0 && queue.on_duty === 0 ? " · nobody is there" : ""}`);
      put(head.children[1], "class", queue.waiting > 0 && queue.on_duty === 0 ? "hint fault" : "hint");
      put(bars, "aria-label", waits.length ? `Waiting: ${waits.map((secs) => clock(secs)).join(", ")}` : "Nobody waits");
      const shown = waits.length ? waits : queue.oldest_s !== null && queue.waiting ? [queue.oldest_s] : [], told = shown.map((secs) => clock(secs)).join(" ");
      if (item.dataset.shown === told) return;
      item.dataset.shown = told;
      fill(bars, ...(shown.length ? shown.map(bar) : [el("span", { class: "hint" }, "Nobody waits")]));
    });
  }
  return { node, draw };
}

/** @param {number} secs */
function bar(secs) {
  const node = el("span", { class: `wait ${secs > 120 ? "frustrated" : secs > 60 ? "rising" : "calm"}`, title: `Waits ${clock(secs)}` }, clock(secs));
  node.style.inlineSize = `${Math.max(18, Math.min(100, (secs / FULL) * 100))}%`;
  return node;
}

/** Until the queues have told of themselves: what the rows say. @param {Row[]} rows @param {number} now @returns {Queue[]} */
function guess(rows, now) {
  const names = [...new Set(rows.flatMap((row) => (row.queue ? [row.queue] : [])))];
  return names.map((name) => {
    const waits = rows.filter((row) => row.queue === name && (row.stage === "waiting" || row.stage === "ringing")).map((row) => wait(row, now) ?? 0);
    return { name, title: name, waiting: waits.length, oldest_s: waits.length ? Math.max(...waits) : null, on_duty: 0 };
  });
}

export function makeAgents() {
  const list = el("ul", { class: "agents" }), told = el("ul", { class: "facts" });
  const empty = el("p", { class: "empty" }, "No agent has gone on duty yet.");
  const node = el("section", { class: "stack tight" }, el("h2", {}, "Agents"), told, empty, list);
  const order = ["ringing", "on_call", "wrap_up", "available", "break", "offline"], names = new Intl.Collator();
  /** What is drawn. @type {AgentRow[]|null|undefined} */
  let shown;

  /** All are told whenever one has changed; nothing else changes them. @param {AgentRow[]|null} agents */
  function draw(agents) {
    if (agents === shown) return;
    shown = agents;
    const all = (agents ?? []).toSorted((a, b) => order.indexOf(a.state) - order.indexOf(b.state) || names.compare(a.title, b.title));
    empty.hidden = all.length > 0;
    fill(told, ...order.flatMap((state) => {
      const n = all.filter((agent) => agent.state === state).length;
      return n ? [el("li", {}, el("span", { class: `dot-${state}`, "aria-hidden": "true" }, `${STATES[state].shape} `), el("strong", {}, String(n)), ` ${STATES[state].word.toLowerCase()}`)] : [];
    }));
    keep(list, all, (agent) => agent.name, () => el("li", {}, el("span", { "aria-hidden": "true" }), el("span", { class: "name" }), el("span", { class: "unseen" })), (item, agent) => {
      const is = agentState(agent.state), [shape, name, more] = item.children;
      const told = `${agent.title} ${agent.state} ${agent.since}`;
      if (item.dataset.told === told) return;
      item.dataset.told = told;
      put(item, "class", `dot-${agent.state}`);
      put(item, "title", `${agent.title}: ${is.word}${agent.since ? `, since ${moment(agent.since)}` : ""}`);
      say(shape, is.shape);
      say(name, agent.title);
      say(more, is.word);
    });
  }
  return { node, draw };
}

/** What triggers do; a change is in force once the server has said so. */
export function makeTriggers() {
  const body = el("div", { class: "triggers" });
  const node = el("details", { class: "card" }, el("summary", {}, "Triggers"), el("p", { class: "hint" }, "For calls that begin from now on, until the configuration is read again. Changes are kept in the audit."), body);
  node.addEventListener("toggle", () => { if (node.open) read(); });

  async function read() {
    body.classList.toggle("loading", !body.childElementCount);
    try {
      const all = await api.triggers();
      body.classList.remove("loading");
      fill(body, ...(all.length ? all.map(row) : [el("p", { class: "empty" }, "No triggers are configured.")]));
    } catch (error) {
      body.classList.remove("loading");
      fill(body, el("p", { class: "error" }, error instanceof Error ? error.message : ""));
    }
  }

  /** @param {import("../lib/api.js").Trigger} trigger */
  function row(trigger) {
    const select = el("select", { "aria-label": `What ${words(trigger.name)} does`, on: { change: async () => {
      select.disabled = true;
      try {
        await api.setTrigger(trigger.name, select.value);
        toast(`${capital(words(trigger.name))}: ${select.selectedOptions[0].textContent?.toLowerCase()}, for calls from now on.`);
      } catch (error) {
        toast(error instanceof Error ? error.message : "", "fault");
      }
      await read();
    } } }, ...[["transfer", "Brings a person at once"], ["offer", "Asks the caller first"], ["off", "Off"]].map(([mode, title]) =>
      el("option", { value: mode, ".selected": mode === trigger.mode }, title)));
    return el("div", { class: "row between" }, el("span", {}, el("strong", {}, capital(words(trigger.name))), trigger.queue && el("span", { class: "hint" }, ` to ${trigger.queue}`)), select);
  }
  return { node };
}
