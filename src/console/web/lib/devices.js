// Microphone and speakers: which there are, which was chosen last time, how loud one speaks, and what is wrong.

import { kept } from "./dom.js";
import { sound } from "./sounds.js";

/** @typedef {"insecure"|"refused"|"missing"|"busy"|"failed"} Trouble */

/** What is wrong with the microphone, and what to do. @type {Record<Trouble, {title: string, text: string}>} */
export const TROUBLES = {
  insecure: { title: "This page may not use a microphone", text: "Browsers allow it on https:// addresses and on this machine only. Open Segue by its https:// address, or ask an admin for one." },
  refused: { title: "The microphone is blocked", text: "Click the icon left of the address, allow the microphone for this page, then try again." },
  missing: { title: "No microphone found", text: "Plug in a headset. It is used as soon as it is there." },
  busy: { title: "The microphone can't be opened", text: "Another program may hold it. Close that program, or choose another microphone." },
  failed: { title: "The microphone does not work", text: "Try another one. If none works, restart the browser." },
};

/** @param {unknown} error @returns {Trouble} */
export function troubleOf(error) {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError" || name === "SecurityError") return "refused";
  if (name === "NotFoundError" || name === "OverconstrainedError") return "missing";
  return name === "NotReadableError" || name === "AbortError" ? "busy" : "failed";
}

/** Speech at an ordinary distance is above this, in dBFS. */
export const SPEECH = -45;
/** The lowest level that a meter shows, in dBFS. */
const FLOOR = -70;

export const devices = {
  can: () => Boolean(navigator.mediaDevices?.getUserMedia),

  /** @param {"audioinput"|"audiooutput"} kind @returns {Promise<MediaDeviceInfo[]>} */
  async list(kind) {
    if (!navigator.mediaDevices?.enumerateDevices) return [];
    const all = await navigator.mediaDevices.enumerateDevices();
    return all.filter((device) => device.kind === kind && device.deviceId !== "");
  },

  /** @param {"audioinput"|"audiooutput"} kind */
  chosen: (kind) => kept.read(`device.${kind}`) ?? "",
  /** @param {"audioinput"|"audiooutput"} kind @param {string} id */
  choose: (kind, id) => kept.write(`device.${kind}`, id),

  /** The chosen microphone, else another one; echo is cancelled by the browser. @returns {Promise<MediaStream>} */
  async microphone() {
    if (!devices.can()) throw Object.assign(new Error("no microphone on this address"), { trouble: "insecure" });
    const id = devices.chosen("audioinput");
    const wish = { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 };
    return navigator.mediaDevices.getUserMedia({ audio: id ? { ...wish, deviceId: { ideal: id } } : wish });
  },

  /** @param {() => void} act @returns {() => void} stops it */
  onChange(act) {
    navigator.mediaDevices?.addEventListener?.("devicechange", act);
    return () => navigator.mediaDevices?.removeEventListener?.("devicechange", act);
  },

  /** Plays through the chosen speakers, where the browser can. @param {HTMLAudioElement} audio */
  async speakers(audio) {
    const id = devices.chosen("audiooutput");
    if ("setSinkId" in audio) await audio.setSinkId(id).catch(() => audio.setSinkId("").catch(() => {}));
  },
};

/** How loud a stream is. It looks at a copy of the track, so that it hears a muted speaker too. */
export class Level {
  /** @param {MediaStream} stream */
  constructor(stream) {
    const audio = sound();
    this.copy = new MediaStream(stream.getAudioTracks().map((track) => track.clone()));
    this.copy.getTracks().forEach((track) => { track.enabled = true; });
    this.source = audio.createMediaStreamSource(this.copy);
    this.analyser = audio.createAnalyser();
    this.analyser.fftSize = 1024;
    this.samples = new Float32Array(this.analyser.fftSize);
    this.source.connect(this.analyser);
  }

  /** In dBFS, not below -100. */
  now() {
    this.analyser.getFloatTimeDomainData(this.samples);
    const power = this.samples.reduce((sum, sample) => sum + sample * sample, 0) / this.samples.length;
    return Math.max(-100, 10 * Math.log10(power + 1e-10));
  }

  close() {
    this.source.disconnect();
    this.copy.getTracks().forEach((track) => track.stop());
  }
}

/** A level as a share of a meter, 0..1. @param {number} dbfs */
export const share = (dbfs) => Math.min(1, Math.max(0, (dbfs - FLOOR) / -FLOOR));
