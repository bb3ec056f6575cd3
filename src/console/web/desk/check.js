// Sound before duty: microphone with a meter, speakers with a tone, network. Choices are remembered.

import { el, fill, put, say } from "../lib/dom.js";
import { asking, button, done } from "../lib/asked.js";
import { SPEECH, TROUBLES, devices, share } from "../lib/devices.js";
import { SOUNDS, isOn, notices, play, turn } from "../lib/sounds.js";

/** @typedef {import("./ear.js").Ear} Ear */
/** @typedef {import("../lib/feed.js").Feed} Feed */

/** Answers that take longer than this make talking hard, in ms. */
const SLOW = 300;

/** A level meter: a bar that is dim below speech. */
export class Meter {
  constructor() {
    this.bar = el("span", { class: "bar" });
    this.node = el("div", { class: "meter", role: "img", "aria-label": "Level of the microphone" }, this.bar);
  }

  /** @param {number} dbfs */
  show(dbfs) {
    this.bar.style.width = `${Math.round(share(dbfs) * 100)}%`;
    this.bar.classList.toggle("speech", dbfs > SPEECH);
  }
}

/** A choice of devices. @param {"audioinput"|"audiooutput"} kind @param {string} title @param {() => void} chosen */
function choice(kind, title, chosen) {
  const select = el("select", { on: { change: () => { devices.choose(kind, select.value); chosen(); } } });
  const node = el("label", {}, title, select);
  const draw = async () => {
    const all = await devices.list(kind);
    node.hidden = all.length === 0;
    const options = all.map((device, n) => el("option", { value: device.deviceId }, device.label || `${title} ${n + 1}`));
    const known = all.some((device) => device.deviceId === devices.chosen(kind));
    if (kind === "audiooutput" && !known) options.unshift(el("option", { value: "" }, "As the system has it"));
    if (select !== document.activeElement) {
      select.replaceChildren(...options);
      if (known) select.value = devices.chosen(kind);
    }
  };
  return { node, draw };
}

/** The check as a section. @param {Ear} ear @param {Feed} feed @param {() => Promise<void>} goWithout on duty without a microphone */
export function makeCheck(ear, feed, goWithout) {
  const meter = new Meter();
  const mic = choice("audioinput", "Microphone", () => ear.listen());
  const out = choice("audiooutput", "Speakers", () => devices.speakers(ear.line.audio));
  const steps = {
    mic: step("Microphone"), out: step("Speakers"), net: step("Network"),
  };
  const tryMic = button({ word: "Try the microphone" }, () => ear.listen());
  const tone = button({ word: "Play a tone" }, async () => { await devices.speakers(ear.line.audio); play("live", true); heard = true; draw(); });
  const without = button({ word: "Go on duty without one", class: "plain", title: "You hear callers; they don't hear you. For trying things out." }, () => asking(without, goWithout));
  fill(steps.mic.body, mic.node, meter.node, el("div", { class: "row" }, tryMic, without));
  fill(steps.out.body, out.node, tone);
  const node = el("section", { class: "check" }, el("h2", {}, "Your sound"), steps.mic.node, steps.out.node, steps.net.node);
  let heard = false, heardVoice = false, drawn = "";

  /** @param {number} dbfs */
  const metered = (dbfs) => {
    meter.show(dbfs);
    if (dbfs > SPEECH && !heardVoice) { heardVoice = true; draw(); }
  };

  const draw = () => {
    const trouble = ear.mic in TROUBLES ? TROUBLES[/** @type {keyof typeof TROUBLES} */ (ear.mic)] : null;
    if (trouble) steps.mic.show("bad", trouble.title, trouble.text);
    else if (ear.mic === "asking") steps.mic.show("wait", "Waiting for your permission", "Allow the microphone in the box that your browser shows.");
    else if (ear.mic === "without") steps.mic.show("bad", "You have none", "You hear callers; they don't hear you.");
    else if (ear.mic === "on" && ear.silent) steps.mic.show("bad", "The microphone gives no sound", "It may be switched off at the headset, or be the wrong one.");
    else if (ear.mic === "on") steps.mic.show(heardVoice ? "good" : "wait", heardVoice ? "You are heard" : "Say something", heardVoice ? "" : "The bar moves as you speak.");
    else steps.mic.show("wait", "Not tried yet", "Your browser asks for permission the first time.");
    meter.node.hidden = ear.mic !== "on";
    tryMic.hidden = ear.mic === "on" || ear.mic === "asking" || ear.mic === "insecure";
    without.hidden = !trouble;
    if (without.hidden) done(without);
    say(/** @type {Element} */ (tryMic.querySelector(".word")), trouble ? "Try again" : "Try the microphone");
    steps.out.show(heard ? "good" : "wait", heard ? "A tone was played" : "Play a tone", heard ? "If you heard nothing, choose other speakers or turn them up." : "You hear callers by these.");
    const delay = feed.delay;
    if (feed.state !== "open") steps.net.show("bad", "Segue can't be reached", "Check your network. The page tries again by itself.");
    else if (delay === null) steps.net.show("wait", "Measuring", "");
    else if (ear.line.state === "failed") steps.net.show("bad", "The line can't be opened", "Sound needs UDP to the server. Ask your network's admin, or try another network.");
    else if (ear.line.state === "up" && ear.quality) steps.net.show(ear.quality.lost > 0.03 ? "bad" : "good", `Line is up${ear.quality.by === "tcp" ? " by TCP" : ""}`, `${ear.quality.trip_s === null ? "" : `Answers in ${Math.round(ear.quality.trip_s * 1000)} ms. `}${(ear.quality.lost * 100).toFixed(1)} % lost.`);
    else steps.net.show(delay < SLOW ? "good" : "bad", delay < SLOW ? "Good" : "Slow", `Answers in ${Math.round(delay)} ms.${delay < SLOW ? "" : " Try a cable, or another network."}`);
    const devicesKnown = `${ear.mic}|${ear.unplugged}`;
    if (devicesKnown !== drawn) { drawn = devicesKnown; mic.draw(); out.draw(); }
  };
  devices.onChange(() => { mic.draw(); out.draw(); });
  return { node, draw, metered };
}

const SHAPES = { good: "✓", bad: "✕", wait: "○" };

/** @param {string} title */
function step(title) {
  const shape = el("span", { class: "shape", "aria-hidden": "true" }), state = el("strong", {}), text = el("p", { class: "hint" }), body = el("div", { class: "stack tight" });
  const node = el("div", { class: "step" }, shape, el("div", { class: "stack tight" }, el("h3", {}, `${title}: `, state), text, body));
  return {
    node, body,
    /** @param {"good"|"bad"|"wait"} tone @param {string} word @param {string} more */
    show(tone, word, more) {
      put(node, "class", `step ${tone}`);
      say(shape, SHAPES[tone]);
      say(state, word);
      say(text, more);
      text.hidden = !more;
    },
  };
}

/** Which sounds there are, each with a switch; and notifications. */
export function makeSounds() {
  const rows = /** @type {(keyof typeof SOUNDS)[]} */ (Object.keys(SOUNDS)).map((name) => {
    const box = el("input", { type: "checkbox", ".checked": isOn(name), on: { change: () => turn(name, box.checked) } });
    return el("div", { class: "row between" }, el("label", { class: "row" }, box, SOUNDS[name].title), el("button", { type: "button", class: "plain", "aria-label": `Play: ${SOUNDS[name].title}`, on: { click: () => play(name, true) } }, "♪ Play"));
  });
  const note = el("p", { class: "hint" });
  const box = el("input", { type: "checkbox", on: { change: async () => { await notices.turn(box.checked); draw(); } } });
  const draw = () => {
    const state = notices.state();
    box.checked = state === "on";
    box.disabled = state === "refused" || state === "none";
    say(note, state === "refused" ? "Your browser blocks notifications for this page." : state === "none" ? "This browser has no notifications." : "Shown while this page is in the background.");
  };
  draw();
  return el("div", { class: "stack tight" }, ...rows, el("label", { class: "row" }, box, "Notify me of callers"), note);
}
