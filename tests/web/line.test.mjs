// The line's own code over a real connection: two ends in one browser, sound both ways, another microphone, another network.

import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { launch, open } from "./browser.mjs";
import { start } from "../standins/console.mjs";

let browser, stand;
before(async () => { [browser, stand] = await Promise.all([launch(["--disable-features=WebRtcHideLocalIpsWithMdns"]), start()]); });
after(async () => { await browser?.close(); stand?.close(); });

test("a line carries sound both ways, rests, changes its microphone, and finds its way again", async () => {
  const page = await open(browser, { line: false });
  page.setDefaultTimeout(30_000);
  await page.goto(`${stand.url}/welcome`);
  const told = await page.evaluate(async () => {
    const { Line } = await import("/lib/line.js");
    const { devices, Level } = await import("/lib/devices.js");
    const far = new RTCPeerConnection();
    const audio = new AudioContext(), tone = audio.createOscillator(), out = audio.createMediaStreamDestination();
    tone.connect(out);
    tone.start();
    const answer = async (sdp) => {
      await far.setRemoteDescription({ type: "offer", sdp });
      if (!far.getSenders().some((sender) => sender.track)) far.getTransceivers()[0].sender.replaceTrack(out.stream.getAudioTracks()[0]);
      far.getTransceivers()[0].direction = "sendrecv";
      await far.setLocalDescription(await far.createAnswer());
      while (far.iceGatheringState !== "complete") await new Promise((done) => setTimeout(done, 20));
      return { sdp: far.localDescription.sdp };
    };
    const states = [], log = { restarts: 0, candidates: 0 };
    const line = new Line({
      open: async (sdp) => { log.candidates = sdp.split("a=candidate").length - 1; return answer(sdp); },
      restart: async (sdp) => { log.restarts++; return answer(sdp); }, close: async () => {},
    }, { state: (state) => states.push(state), blocked: () => {}, unplugged: () => {} });
    const until = async (what, is) => { for (let n = 0; n < 400; n++) { if (await is()) return; await new Promise((done) => setTimeout(done, 50)); } throw new Error(`not within 20 s: ${what}; ${states}`); };
    const flows = async (peer) => { let octets = 0; (await peer.getStats()).forEach((stat) => { if (stat.type === "inbound-rtp") octets += stat.bytesReceived; }); return octets; };
    await line.open(await devices.microphone(), []);
    await until("up", () => line.state === "up");
    await until("the far end hears", async () => await flows(far) > 500);
    const level = new Level(line.audio.srcObject);
    await until("we hear the far end's tone", () => level.now() > -40);
    const before = line.stream;
    await line.change(await devices.microphone());
    const heard = await flows(far);
    await until("the far end hears the other microphone", async () => await flows(far) > heard + 500);
    line.rest(true);
    await until("silence on the wire", async () => { const now = await flows(far); await new Promise((done) => setTimeout(done, 500)); return await flows(far) === now; });
    const isUp = line.state === "up", silent = await flows(far);
    line.rest(false);
    await until("the far end hears again", async () => await flows(far) > silent + 500);
    line.mute(true);
    const isShut = line.stream.getAudioTracks().every((track) => !track.enabled);
    window.dispatchEvent(new Event("online"));
    await until("a restart", () => log.restarts > 0 && far.connectionState === "connected");
    const quality = await line.quality();
    const { ApiError } = await import("/lib/api.js");
    line.signalling.restart = async () => { throw new ApiError(422, "bad_input", "It is for another line.", "sdp"); };
    window.dispatchEvent(new Event("online"));
    await until("another window has it", () => line.state === "taken");
    await line.close();
    return { states, ...log, isUp, isShut, isOther: before !== line.stream, quality };
  });
  assert.deepEqual(told.states, ["connecting", "up", "taken", "none"]);
  assert.ok(told.candidates > 0, "the offer is whole");
  assert.ok(told.isUp && told.isShut && told.isOther);
  assert.equal(told.quality.lost, 0);
  assert.deepEqual(page.faults, []);
});
