// Short, quiet tones made by WebAudio, different in pitch and rhythm. Each can be switched off, and the choice is kept.

import { kept } from "./dom.js";

/** @typedef {"ring"|"live"|"gone"|"muted"} Sound */
/** One note: frequency in Hz, begin and length in s. @typedef {[number, number, number]} Note */

/** @type {Record<Sound, {title: string, notes: Note[]}>} */
export const SOUNDS = {
  ring: { title: "A caller is offered", notes: [[659, 0, 0.16], [880, 0.2, 0.16], [659, 0.4, 0.16], [880, 0.6, 0.16]] },
  live: { title: "You are live", notes: [[523, 0, 0.09], [784, 0.1, 0.16]] },
  gone: { title: "The call is over", notes: [[440, 0, 0.14], [330, 0.18, 0.24]] },
  muted: { title: "You talk while muted", notes: [[196, 0, 0.08], [196, 0.14, 0.08], [196, 0.28, 0.08]] },
};
/** Peak of a note; 1 is as loud as can be. */
const QUIET = 0.12;
/** A ring comes again after this, in ms. */
const RING_EVERY = 3_000;

/** @type {AudioContext|null} */
let context = null;
let ringing = 0;

/** The page's one sound context. Browsers let it sound after a click or key. @returns {AudioContext} */
export function sound() {
  context ??= new AudioContext({ latencyHint: "interactive" });
  if (context.state === "suspended") context.resume().catch(() => {});
  return context;
}

/** @param {Sound} name */
export const isOn = (name) => kept.read(`sound.${name}`) !== "off";
/** @param {Sound} name @param {boolean} on */
export const turn = (name, on) => kept.write(`sound.${name}`, on ? "on" : "off");

/** Plays it once, where it is switched on. @param {Sound} name @param {boolean} [always] even if it is switched off */
export function play(name, always) {
  if (!always && !isOn(name)) return;
  const audio = sound(), begin = audio.currentTime + 0.02;
  for (const [hertz, at, length] of SOUNDS[name].notes) {
    const tone = audio.createOscillator(), gain = audio.createGain();
    tone.type = "sine";
    tone.frequency.value = hertz;
    gain.gain.setValueAtTime(0, begin + at);
    gain.gain.linearRampToValueAtTime(QUIET, begin + at + 0.015);
    gain.gain.setValueAtTime(QUIET, begin + at + length - 0.03);
    gain.gain.linearRampToValueAtTime(0, begin + at + length);
    tone.connect(gain).connect(audio.destination);
    tone.start(begin + at);
    tone.stop(begin + at + length + 0.02);
  }
}

/** Rings until told to stop. */
export function ring() {
  if (ringing) return;
  play("ring");
  ringing = window.setInterval(() => play("ring"), RING_EVERY);
}

export function stopRinging() {
  clearInterval(ringing);
  ringing = 0;
}

/** Notifications of the system while the page is in the background. */
export const notices = {
  /** @returns {"on"|"off"|"refused"|"none"} */
  state() {
    if (!("Notification" in window)) return "none";
    if (Notification.permission === "denied") return "refused";
    return Notification.permission === "granted" && kept.read("notices") !== "off" ? "on" : "off";
  },
  /** @param {boolean} on */
  async turn(on) {
    kept.write("notices", on ? "on" : "off");
    if (on && "Notification" in window && Notification.permission === "default") await Notification.requestPermission().catch(() => {});
  },
  /** Shows one if the page is not seen. @param {string} title @param {string} body @returns {Notification|null} */
  show(title, body) {
    if (this.state() !== "on" || document.visibilityState === "visible") return null;
    try {
      const note = new Notification(title, { body, tag: "segue-offer", requireInteraction: true });
      note.onclick = () => { window.focus(); note.close(); };
      return note;
    } catch {
      return null;
    }
  },
};
