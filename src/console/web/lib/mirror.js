// A copy of something of the server's: read once, kept by events. What comes while it is being read is applied afterwards,
// unless the answer has it already, so that nothing is missed and nothing is counted twice.

import { seqOf } from "./api.js";

/** @typedef {import("./api.js").Message} Message */

/** Tries again after this, in ms. */
const AGAIN = 3_000;

/** @template T */
export class Mirror {
  /** @type {T|null} */
  value = null;
  /** @type {Error|null} */
  trouble = null;
  #seq = 0;
  #turn = 0;
  /** @type {Message[]|null} */
  #waiting = null;

  /**
   * @param {() => Promise<T>} read
   * @param {(value: T, message: Message) => T} apply
   * @param {() => void} changed
   */
  constructor(read, apply, changed) {
    this.ask = read;
    this.apply = apply;
    this.changed = changed;
  }

  /** Reads it anew. */
  async read() {
    const turn = ++this.#turn;
    this.#waiting ??= [];
    try {
      const value = await this.ask();
      if (turn !== this.#turn) return;
      this.value = value;
      this.trouble = null;
      this.#seq = seqOf(/** @type {object} */ (value));
    } catch (error) {
      if (turn !== this.#turn) return;
      this.trouble = /** @type {Error} */ (error);
      const { status } = /** @type {{status?: number}} */ (error);
      if (!status || status >= 500) setTimeout(() => turn === this.#turn && this.read(), AGAIN);
    }
    const waiting = this.#waiting ?? [];
    this.#waiting = null;
    waiting.forEach((message) => this.#take(message));
    this.changed();
  }

  /** @param {Message} message */
  hear(message) {
    if (this.#waiting) this.#waiting.push(message);
    else if (this.#take(message)) this.changed();
  }

  /** Forgets it. */
  drop() {
    this.#turn++;
    this.#waiting = null;
    this.value = null;
    this.trouble = null;
  }

  /** @param {Message} message */
  #take(message) {
    if (this.value === null || message.seq <= this.#seq) return false;
    const before = this.value;
    this.value = this.apply(before, message);
    return this.value !== before;
  }
}
