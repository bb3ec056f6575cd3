// The agent's sound: microphone, line and speakers, and what is wrong with them.

import { api } from "../lib/api.js";
import { Level, SPEECH, devices, troubleOf } from "../lib/devices.js";
import { Line } from "../lib/line.js";
import { play, sound } from "../lib/sounds.js";

/** @typedef {"unknown"|"asking"|"on"|"without"|import("../lib/devices.js").Trouble} Mic */

/** How often the level is looked at, in ms; and how much of it must be speech to count as talking, in looks. */
const LOOK = 100, TALK_LOOKS = 4;
/** Talking while muted shows for so long after the last word, and sounds at most this often, in ms. */
const TALK_STAYS = 2_000, TALK_SOUNDS = 5_000;
/** A microphone below this gives nothing, in dBFS; it shows after so long, in ms. */
const DEAD = -88, DEAD_AFTER = 6_000;

export class Ear {
  /** @type {Mic} */
  mic = "unknown";
  line = new Line({ open: api.openLine, restart: api.restartLine, close: api.closeLine }, {
    state: () => this.changed(),
    blocked: (blocked) => { this.blocked = blocked; this.changed(); },
    unplugged: () => this.#unplugged(),
  });
  blocked = false;
  unplugged = false;
  muted = false;
  talking = false;
  silent = false;
  /** In dBFS. */
  level = -100;
  /** Name of the line, by which one listens. @type {string|null} */
  name = null;
  /** @type {Awaited<ReturnType<Line["quality"]>>} */
  quality = null;
  /** @type {Level|null} */
  #meter = null;
  #looks = 0;
  #talkedAt = 0;
  #soundedAt = 0;
  #heardAt = 0;
  /** @type {MediaStream|null} */
  #stream = null;

  /** @param {() => void} changed @param {(dbfs: number) => void} metered */
  constructor(changed, metered) {
    this.changed = changed;
    this.metered = metered;
    devices.onChange(() => this.#plugged());
    setInterval(() => this.#look(), LOOK);
    setInterval(() => this.#ask(), 2_000);
  }

  /** Whether calls can reach this page. */
  get ready() { return this.line.state === "up"; }

  /** Opens the microphone. */
  async listen() {
    this.mic = "asking";
    this.changed();
    try {
      const stream = await devices.microphone();
      this.#meter?.close();
      const before = this.#stream;
      this.#stream = stream;
      this.#meter = new Level(stream);
      stream.getAudioTracks()[0].addEventListener("ended", () => this.#unplugged());
      this.mic = "on";
      this.unplugged = false;
      this.#heardAt = Date.now();
      if (this.line.state === "up" || this.line.state === "connecting" || this.line.state === "lost") await this.line.change(stream);
      else before?.getTracks().forEach((track) => track.stop());
    } catch (error) {
      const { trouble } = /** @type {{trouble?: import("../lib/devices.js").Trouble}} */ (error);
      this.mic = trouble ?? troubleOf(error);
    }
    this.changed();
    return this.mic === "on";
  }

  /** No microphone: the agent hears callers and is not heard. For trying things out. */
  goWithout() {
    this.#stream = sound().createMediaStreamDestination().stream;
    this.mic = "without";
    this.changed();
  }

  /** Opens the line; call this from a click or key. */
  async connect() {
    sound();
    if (this.mic !== "on" && this.mic !== "without" && !(await this.listen())) return false;
    if (this.line.state === "up" || this.line.state === "connecting" || !this.#stream) return this.#stream !== null;
    const { ice_servers: servers } = await api.rtc().catch(() => ({ ice_servers: [] }));
    const answer = await this.line.open(this.#stream, servers ?? []);
    this.name = answer && "line" in answer ? String(answer.line) : null;
    return true;
  }

  async disconnect() {
    await this.line.close();
    this.#meter?.close();
    this.#meter = null;
    this.#stream?.getTracks().forEach((track) => track.stop());
    this.#stream = null;
    this.mic = "unknown";
    this.changed();
  }

  /** @param {boolean} on */
  mute(on) {
    this.muted = on;
    this.line.mute(on);
    if (!on) this.talking = false;
  }

  /** Whether the browser would give the microphone without asking. */
  async mayListen() {
    try {
      const { state } = await navigator.permissions.query({ name: /** @type {PermissionName} */ ("microphone") });
      return state === "granted";
    } catch {
      return false;
    }
  }

  #unplugged() {
    this.unplugged = true;
    this.changed();
    // Another microphone is taken, if there is one.
    this.listen();
  }

  async #plugged() {
    const isBroken = this.mic === "missing" || this.mic === "busy" || (this.unplugged && this.mic !== "on");
    if (isBroken) await this.listen();
    await devices.speakers(this.line.audio);
    this.changed();
  }

  async #ask() {
    const quality = await this.line.quality().catch(() => null);
    if (JSON.stringify(quality) !== JSON.stringify(this.quality)) { this.quality = quality; this.changed(); }
  }

  #look() {
    if (!this.#meter) return;
    const now = Date.now();
    this.level = this.#meter.now();
    this.metered(this.level);
    const wasTalking = this.talking, wasSilent = this.silent;
    this.#looks = this.level > SPEECH ? Math.min(this.#looks + 1, 2 * TALK_LOOKS) : Math.max(0, this.#looks - 1);
    if (this.muted && this.#looks >= TALK_LOOKS) this.#talkedAt = now;
    this.talking = this.muted && now - this.#talkedAt < TALK_STAYS;
    if (this.talking && now - this.#soundedAt > TALK_SOUNDS) { this.#soundedAt = now; play("muted"); }
    if (this.level > DEAD) this.#heardAt = now;
    this.silent = now - this.#heardAt > DEAD_AFTER;
    if (wasTalking !== this.talking || wasSilent !== this.silent) this.changed();
  }
}
