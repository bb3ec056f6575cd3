// The live feed: one WebSocket that goes on where it was after it was cut off. Nothing is told twice, nothing is missed:
// what can't be told any more is a `reset`, after which the page reads everything anew.

/** @typedef {import("./api.js").Message} Message */
/** @typedef {"connecting"|"open"|"lost"|"signed_out"} FeedState */

/** First and longest pause before another try, in ms. */
const FIRST_PAUSE = 500, LONGEST_PAUSE = 8_000;
/** A connection that says nothing is asked this often, and given up if it does not answer within another, in ms. */
const ASK_EVERY = 10_000, ANSWER_WITHIN = 6_000;
/** The server closes with this when the session is over (RFC 6455, 7.4.1). */
const SIGNED_OUT = 1008;

/** The pause before try number `n` (from 0), in ms; a little chance keeps pages from coming all at once. @param {number} n @param {number} chance 0..1 */
export const pause = (n, chance) => Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** n) * (0.75 + 0.5 * chance);

/** Tells each message once, in order. */
export class Feed {
  /** @type {WebSocket|null} */
  #socket = null;
  /** @type {number|null} */
  #seen = null;
  #tries = 0;
  #timer = 0;
  #asking = 0;
  #asked = 0;
  #lastAsked = 0;
  #closed = false;
  #hasOpened = false;
  /** Who waits until the server watches what it was asked to. @type {{n: number, done: () => void}[]} */
  #waiting = [];
  /** @type {Set<string>} */
  #watched = new Set();
  /** @type {FeedState} */
  state = "connecting";
  /** How long the last answer took, in ms. @type {number|null} */
  delay = null;
  /** When it was lost, or null. @type {number|null} */
  lostAt = null;

  /**
   * `shut` is told when a connection was not opened, as it is not to who is signed out: a browser does not say why.
   * @param {{message: (message: Message) => void, reset: () => void, state: (state: FeedState) => void, shut?: () => void}} heard
   * @param {string} [path]
   * @param {(url: string) => WebSocket} [open]
   */
  constructor(heard, path = "/api/v1/live", open = (url) => new WebSocket(url)) {
    this.heard = heard;
    this.path = path;
    this.open = open;
  }

  connect() {
    const base = globalThis.location ? globalThis.location.href : "http://localhost/";
    const url = new URL(this.path, base);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const socket = this.open(url.href);
    this.#socket = socket;
    socket.onopen = () => this.#begin(socket);
    socket.onmessage = (event) => { if (this.#socket === socket) this.#hear(String(event.data)); };
    socket.onclose = (event) => { if (this.#socket === socket) this.#lose(event.code); };
    return this;
  }

  close() {
    this.#closed = true;
    clearTimeout(this.#timer);
    clearInterval(this.#asking);
    this.#socket?.close();
  }

  /** Tries at once, as when the network is back. */
  retry() {
    const isOut = this.state === "signed_out";
    if (!isOut && (this.state !== "lost" || this.#closed)) return;
    clearTimeout(this.#timer);
    this.#tries = 0;
    this.#closed = false;
    if (isOut) this.#become("lost");
    this.connect();
  }

  /**
   * Watches a call. What is read once this is kept misses nothing: events come from then on. Where there is no connection, what
   * is read then is made good when there is one again.
   * @param {string} call
   * @returns {Promise<void>}
   */
  watch(call) {
    this.#watched.add(call);
    if (this.#socket?.readyState !== 1) return Promise.resolve();
    const n = this.#number();
    this.#send({ watch: { call }, ping: n });
    return new Promise((done) => { this.#waiting.push({ n, done }); });
  }

  /** A number for a question, larger than any before; the time as a rule. */
  #number() {
    this.#lastAsked = Math.max(Date.now(), this.#lastAsked + 1);
    return this.#lastAsked;
  }

  /** @param {string} call */
  unwatch(call) {
    if (this.#watched.delete(call)) this.#send({ unwatch: { call } });
  }

  /** @param {object} words */
  #send(words) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(words));
  }

  /** @param {WebSocket} socket */
  #begin(socket) {
    const [first, ...rest] = this.#watched;
    socket.send(JSON.stringify({ ...(this.#seen === null ? {} : { resume: this.#seen }), ...(first ? { watch: { call: first } } : {}) }));
    rest.forEach((call) => this.#send({ watch: { call } }));
    this.#tries = 0;
    this.#hasOpened = true;
    this.lostAt = null;
    this.#asked = 0;
    clearInterval(this.#asking);
    this.#asking = Number(setInterval(() => this.#ask(), ASK_EVERY));
    this.#ask();
    this.#become("open");
  }

  #ask() {
    if (this.#asked && Date.now() - this.#asked > ANSWER_WITHIN) return this.#socket?.close();
    this.#asked ||= this.#number();
    this.#send({ ping: this.#asked });
  }

  /** @param {string} text */
  #hear(text) {
    /** @type {Message} */
    const message = JSON.parse(text);
    const { type } = message.event;
    if (type === "pong") {
      const n = Number(message.event.n);
      this.delay = Math.max(0, Date.now() - n);
      if (n >= this.#asked) this.#asked = 0;
      this.#waiting.filter((one) => one.n <= n).forEach((one) => one.done());
      this.#waiting = this.#waiting.filter((one) => one.n > n);
    } else if (type === "reset") {
      this.#seen = message.seq;
      this.heard.reset();
    } else if (type === "replaced") {
      this.heard.message(message);
    } else if (this.#seen === null || message.seq > this.#seen) {
      this.#seen = message.seq;
      this.heard.message(message);
    }
  }

  /** @param {number} code */
  #lose(code) {
    clearInterval(this.#asking);
    this.#socket = null;
    // What is watched is said first when there is a connection again.
    this.#waiting.splice(0).forEach((one) => one.done());
    if (this.#closed) return;
    if (code === SIGNED_OUT) {
      this.#closed = true;
      return this.#become("signed_out");
    }
    if (!this.#hasOpened) this.heard.shut?.();
    this.#hasOpened = false;
    this.lostAt ??= Date.now();
    this.#become("lost");
    this.#timer = Number(setTimeout(() => this.connect(), pause(this.#tries++, Math.random())));
  }

  /** @param {FeedState} state */
  #become(state) {
    this.state = state;
    this.heard.state(state);
  }
}
