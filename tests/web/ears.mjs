// What a page hears: its incoming sound is recorded in the page, and brought out as a WAV of 8 kHz.

import { writeFileSync } from "node:fs";

/** In the page, before its own scripts: every track that comes in is recorded. */
export function ears() {
  const Real = window.RTCPeerConnection, takes = [];
  window.RTCPeerConnection = class extends Real {
    constructor(...args) {
      super(...args);
      window.lines = [...(window.lines ?? []), this];
      this.addEventListener("track", ({ track }) => {
        const recorder = new MediaRecorder(new MediaStream([track]), { mimeType: "audio/webm;codecs=opus", audioBitsPerSecond: 64_000 });
        const take = { recorder, parts: [] };
        recorder.ondataavailable = ({ data }) => take.parts.push(data);
        recorder.start(500);
        takes.push(take);
      });
    }
  };
  const loud = 0.01;
  /** What the latest line heard, at 8 kHz. */
  window.heard = async () => {
    const take = takes.at(-1);
    if (!take || !take.parts.length) return new Float32Array(0);
    const sound = await new Blob(take.parts).arrayBuffer();
    const audio = new OfflineAudioContext(1, 1, 8000);
    // A recording that has only just begun may be nothing but its head.
    return audio.decodeAudioData(sound).then((heard) => heard.getChannelData(0), () => new Float32Array(0));
  };
  /** For how long somebody was heard, in s. */
  window.heardFor = async () => {
    const samples = await window.heard(), block = 800;
    let blocks = 0;
    for (let at = 0; at + block <= samples.length; at += block) {
      let sum = 0;
      for (let n = at; n < at + block; n++) sum += samples[n] ** 2;
      if (Math.sqrt(sum / block) > loud) blocks++;
    }
    return blocks * block / 8000;
  };
}

/** Writes what a page heard. */
export async function heard(page, file) {
  const octets = Buffer.from(await page.evaluate(async () => {
    const samples = Int16Array.from(await window.heard(), (x) => Math.max(-1, Math.min(1, x)) * 32767);
    let text = "";
    for (const octet of new Uint8Array(samples.buffer)) text += String.fromCharCode(octet);
    return btoa(text);
  }), "base64");
  const head = Buffer.alloc(44);
  head.write("RIFF", 0);
  head.writeUInt32LE(36 + octets.length, 4);
  head.write("WAVEfmt ", 8);
  for (const [at, value] of [[16, 16], [24, 8000], [28, 16000], [40, octets.length]]) head.writeUInt32LE(value, at);
  for (const [at, value] of [[20, 1], [22, 1], [32, 2], [34, 16]]) head.writeUInt16LE(value, at);
  head.write("data", 36);
  writeFileSync(file, Buffer.concat([head, octets]));
}
