// What agents and queues are called, for pages that get their names in the configuration.

import { api } from "./api.js";
import { capital } from "./words.js";

/** Reads them; who may not see the wall, or sees somebody who has left, sees names. */
export async function readTitles() {
  const { agents, queues } = await api.liveDesk().catch(() => ({ agents: [], queues: [] }));
  const of = (/** @type {{name: string, title: string}[]} */ all) => (/** @type {string} */ name) => { const one = all.find((known) => known.name === name); return one ? capital(one.title) : name; };
  return { agent: of(agents), queue: of(queues) };
}
