// A line: one WebRTC connection that carries sound both ways. It stays while calls come and go, and finds its way again after
// the network has changed. Hold and mute are the server's; muting also stops the microphone here, at once. Between calls it rests.

/** `taken`: another window of the same agent has it now. @typedef {"none"|"connecting"|"up"|"lost"|"failed"|"taken"} LineState */
/** @typedef {{open: (sdp: string) => Promise<{sdp: string}>, restart?: (sdp: string) => Promise<{sdp: string}>, close: () => Promise<unknown>}} Signalling */
/** @typedef {{state: (state: LineState) => void, blocked: (blocked: boolean) => void, unplugged: () => void}} Heard */

import { ApiError } from "./api.js";
import { devices } from "./devices.js";

/** Candidates that come later than this are not waited for, in ms. */
const GATHER = 2_000;
/** A line that is down for so long is restarted, in ms; and how long between tries. */
const RESTART_AFTER = 1_500, RESTART_EVERY = 4_000;

export class Line {
  /** @type {RTCPeerConnection|null} */
  #peer = null;
  /** @type {MediaStream|null} */
  #stream = null;
  #timer = 0;
  #muted = false;
  #resting = false;
  #restarting = false;
  /** @type {RTCIceServer[]} */
  #servers = [];
  /** @type {LineState} */
  state = "none";

  /** @param {Signalling} signalling @param {Heard} heard */
  constructor(signalling, heard) {
    this.signalling = signalling;
    this.heard = heard;
    this.audio = new Audio();
    this.audio.autoplay = true;
    const again = () => this.#hurry();
    window.addEventListener("online", again);
    const network = /** @type {(EventTarget & {type?: string})|undefined} */ (Reflect.get(navigator, "connection"));
    // It also tells of every other guess at how fast the network is, which is no other network.
    let type = network?.type;
    network?.addEventListener?.("change", () => {
      if (network.type === type) return;
      type = network.type;
      again();
    });
  }

  get stream() { return this.#stream; }

  /** Opens it; call this from a click or key, so that sound may play. @param {MediaStream} stream @param {RTCIceServer[]} servers */
  async open(stream, servers) {
    this.#drop();
    this.#servers = servers;
    this.#become("connecting");
    const peer = new RTCPeerConnection({ iceServers: servers, bundlePolicy: "max-bundle" });
    this.#peer = peer;
    peer.ontrack = (event) => this.#play(event.streams[0] ?? new MediaStream([event.track]));
    peer.onconnectionstatechange = () => { if (this.#peer === peer) this.#watch(peer); };
    this.#take(stream);
    const [track] = stream.getAudioTracks();
    peer.addTransceiver(track, { direction: "sendrecv", streams: [stream] });
    try {
      const answer = await this.signalling.open(await whole(peer, false));
      if (this.#peer !== peer) return null;
      await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
      await this.#say();
      return answer;
    } catch (error) {
      if (this.#peer === peer) { this.#drop(); this.#become("failed"); }
      throw error;
    }
  }

  /** Goes on with another microphone; nothing is negotiated anew. @param {MediaStream} stream */
  async change(stream) {
    const before = this.#stream;
    this.#take(stream);
    await this.#say();
    if (before !== stream) before?.getTracks().forEach((track) => track.stop());
  }

  /** Nothing leaves the microphone while it is muted. @param {boolean} on */
  mute(on) {
    this.#muted = on;
    this.#stream?.getAudioTracks().forEach((track) => { track.enabled = !on; });
  }

  /**
   * While it rests nothing is sent, and the line stays up: nobody is sent what is said between calls, and an idle line costs
   * the server next to nothing. Sound flows again at once; nothing is negotiated. @param {boolean} on
   */
  rest(on) {
    if (this.#resting === on) return;
    this.#resting = on;
    // Where there is no connection any more, none is needed.
    this.#say().catch(() => {});
  }

  /** What is to be sent now is sent. */
  async #say() {
    const track = this.#resting ? null : this.#stream?.getAudioTracks()[0] ?? null;
    await this.#peer?.getSenders()[0]?.replaceTrack(track);
  }

  /** Lets sound play that the browser has held back; call this from a click or key. */
  async unblock() {
    await this.audio.play().then(() => this.heard.blocked(false), () => this.heard.blocked(true));
  }

  /** Another window has it, and keeps it. */
  leave() {
    this.#drop();
    this.#become("taken");
  }

  async close() {
    this.#drop();
    this.#become("none");
    await this.signalling.close().catch(() => {});
  }

  /** How well it goes: round trip in s, share of packets lost, and whether by UDP. */
  async quality() {
    if (!this.#peer || this.state !== "up") return null;
    let trip = null, lost = 0, came = 0, by = "udp";
    const stats = await this.#peer.getStats();
    stats.forEach((stat) => {
      if (stat.type === "candidate-pair" && stat.nominated && stat.state === "succeeded") {
        trip = stat.currentRoundTripTime ?? null;
        by = stats.get(stat.localCandidateId)?.protocol ?? by;
      }
      if (stat.type === "inbound-rtp") { lost += stat.packetsLost ?? 0; came += stat.packetsReceived ?? 0; }
    });
    return { trip_s: /** @type {number|null} */ (trip), lost: came ? Math.max(0, lost) / (came + Math.max(0, lost)) : 0, by };
  }

  /** @param {MediaStream} stream */
  #take(stream) {
    this.#stream = stream;
    const [track] = stream.getAudioTracks();
    track.enabled = !this.#muted;
    track.onended = () => { if (this.#stream === stream) this.heard.unplugged(); };
  }

  /** @param {MediaStream} stream */
  async #play(stream) {
    this.audio.srcObject = stream;
    await devices.speakers(this.audio);
    await this.unblock();
  }

  /** @param {RTCPeerConnection} peer */
  #watch(peer) {
    clearTimeout(this.#timer);
    if (peer.connectionState === "connected") return this.#become("up");
    if (peer.connectionState === "disconnected" || peer.connectionState === "failed") {
      this.#become("lost");
      this.#timer = window.setTimeout(() => this.#restart(), peer.connectionState === "failed" ? 0 : RESTART_AFTER);
    }
  }

  /** The network is another one: don't wait until the loss is noticed. */
  #hurry() {
    if (this.#peer && (this.state === "up" || this.state === "lost")) {
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => this.#restart(), 300);
    }
  }

  async #restart() {
    const peer = this.#peer, restart = this.signalling.restart;
    if (!peer || !restart || this.#restarting) return;
    this.#restarting = true;
    try {
      const answer = await restart(await whole(peer, true));
      if (this.#peer === peer) await peer.setRemoteDescription({ type: "answer", sdp: answer.sdp });
    } catch (error) {
      this.#restarting = false;
      if (this.#peer !== peer) return;
      if (error instanceof ApiError && error.code === "no_line") return this.#anew();
      // The server has another line of ours: it was opened by another window, which keeps it.
      if (error instanceof ApiError && error.status === 422) return this.leave();
      // Anything else is tried again below; the call goes on at the server, which tells the caller.
    }
    this.#restarting = false;
    if (this.#peer === peer && peer.connectionState !== "connected") this.#timer = window.setTimeout(() => this.#restart(), RESTART_EVERY);
  }

  /** The server knows the line no more, as after its own restart. */
  async #anew() {
    const stream = this.#stream;
    if (!stream) return;
    await this.open(stream, this.#servers).catch(() => { this.#timer = window.setTimeout(() => this.#anew(), RESTART_EVERY); });
  }

  #drop() {
    clearTimeout(this.#timer);
    this.#peer?.close();
    this.#peer = null;
    this.audio.srcObject = null;
    this.#stream?.getTracks().forEach((track) => { track.onended = null; });
  }

  /** @param {LineState} state */
  #become(state) {
    if (this.state === state) return;
    this.state = state;
    this.heard.state(state);
  }
}

/** Our description with all its candidates. @param {RTCPeerConnection} peer @param {boolean} iceRestart @returns {Promise<string>} */
async function whole(peer, iceRestart) {
  await peer.setLocalDescription(await peer.createOffer({ iceRestart }));
  await new Promise((done) => {
    if (peer.iceGatheringState === "complete") return done(null);
    const timer = setTimeout(done, GATHER);
    peer.addEventListener("icegatheringstatechange", () => {
      if (peer.iceGatheringState === "complete") { clearTimeout(timer); done(null); }
    });
  });
  const { localDescription } = peer;
  if (!localDescription) throw new Error("the browser gave no description of the line");
  return localDescription.sdp;
}
