// A visitor calls from the browser: am I heard, what happens next, a person.

import { ApiError, api } from "./lib/api.js";
import { asking, button, done } from "./lib/asked.js";
import { Level, SPEECH, TROUBLES, devices, share, troubleOf } from "./lib/devices.js";
import { byId, el, fill, put, say } from "./lib/dom.js";
import { Feed } from "./lib/feed.js";
import { Line } from "./lib/line.js";
import { clock } from "./lib/words.js";

/** What happens, in the visitor's words, until the server says it better. @type {Record<string, string>} */
const SENTENCES = {
  calling: "Connecting you…", greeting: "You are connected.", bot: "You are talking with our assistant.", waiting: "We are getting a person for you.", ringing: "We are getting a person for you.",
  briefing: "A person is about to join you.", bridged: "You are talking with a person.", ended: "The call is over. Thank you for calling.",
};
const SHAPES = /** @type {Record<string, string>} */ ({ calling: "◔", greeting: "◌", bot: "○", waiting: "◔", ringing: "◑", briefing: "◕", bridged: "●", ended: "■" });
/** Captions that stay. */
const CAPTIONS = 40;
/** @type {Record<string, string>} */
const WHO = { caller: "You", bot: "Assistant", agent: "Person", supervisor: "Person" };

const main = byId("main");
const entry = new URLSearchParams(location.search).get("entry") ?? "main";
let token = "", stage = "", muted = false, began = 0, leaving = false;
/** @type {Level|null} */
let level = null;
/** @type {Feed|null} */
let feed = null;
let wasTold = "";

const shape = el("span", { class: "shape", "aria-hidden": "true" }), sentence = el("h1", { role: "status" }), timer = el("p", { class: "hint" });
const heard = el("span", { class: "bar" }), meter = el("div", { class: "meter", role: "img", "aria-label": "How loud you are" }, heard), isHeard = el("p", { class: "hint" });
const trouble = el("div", { role: "alert" });
const captions = el("ol", { class: "captions", tabindex: "0", "aria-label": "Captions" });
const call = button({ word: "Call now", mark: "☎", class: "go big" }, begin);
const mute = button({ word: "Mute", mark: "⊘" }, () => { muted = !muted; line.mute(muted); put(mute, "aria-pressed", String(muted)); say(/** @type {Element} */ (mute.querySelector(".word")), muted ? "Unmute" : "Mute"); });
const person = button({ word: "Talk to a person", mark: "☺", class: "primary" }, () => asking(person, () => api.visitPerson(token)));
const hangUp = button({ word: "Hang up", mark: "✕", class: "danger" }, () => asking(hangUp, () => { leaving = true; return api.visitHangUp(token); }, "Hanging up"));
const keys = el("details", { class: "pad" }, el("summary", {}, "Keys"), el("div", { class: "digits" }, ..."123456789*0#".split("").map((key) => el("button", { type: "button", on: { click: () => api.visitKey(token, key).catch((error) => warn("#", error.message)) } }, key))));
const bar = el("div", { class: "bar-bottom" }, person, mute, hangUp);
const start = el("div", { class: "start stack" }, call, el("p", { class: "hint" }, "Your browser asks for your microphone. The call is transcribed, so that a person can see what it is about."));
const line = new Line({ open: async (sdp) => { const answer = await api.visit(entry, sdp); token = answer.token; return answer; }, restart: again, close: async () => {} },
  { state: (state) => onLine(state), blocked: (blocked) => (blocked ? warn("♪", "The browser holds the sound back.", button({ word: "Let me hear", class: "primary" }, () => line.unblock())) : warn()), unplugged: () => warn("⚡", "Your microphone is gone. Plug it in again, then call once more.") });

main.removeAttribute("aria-busy");
fill(main, el("div", { class: "visit" }, el("div", { class: "now" }, shape, el("div", {}, sentence, timer)), trouble, start, el("div", { class: "mine" }, meter, isHeard), captions, keys, bar));
draw();
setInterval(tick, 100);
// Who closes the page has left; the call need not wait for them.
window.addEventListener("pagehide", () => { if (isOn()) api.visitLeave(token); });

function isOn() {
  return stage !== "" && stage !== "ended";
}

/** Goes on over another network. @param {string} sdp */
async function again(sdp) {
  try {
    return await api.visitRestart(token, sdp);
  } catch (error) {
    // There is no other line for this call: it is over, and calling again is the visitor's to decide.
    if (error instanceof ApiError && error.status === 409) over();
    throw new Error("not restarted");
  }
}

/** The call is over, though nobody could say so. */
function over() {
  if (!isOn()) return;
  stage = "ended";
  wasTold = "The call is over.";
  end();
  draw();
}

function draw() {
  say(sentence, wasTold || (stage ? SENTENCES[stage] ?? "" : "Call us from here. No phone needed."));
  say(shape, SHAPES[stage] ?? "☎");
  put(main, "data-stage", stage || "none");
  start.hidden = isOn();
  say(/** @type {Element} */ (call.querySelector(".word")), stage === "ended" ? "Call again" : "Call now");
  bar.hidden = !isOn();
  keys.hidden = !isOn();
  person.hidden = stage === "bridged";
  meter.hidden = isHeard.hidden = !isOn();
  captions.hidden = stage === "" || captions.childElementCount === 0;
}

/** @param {string} [mark] @param {string} [text] @param {...Node} more */
function warn(mark, text, ...more) {
  fill(trouble, text && el("div", { class: "alert" }, el("span", { class: "shape", "aria-hidden": "true" }, mark), el("span", {}, text), ...more));
}

/** @param {unknown} error */
function refuse(error) {
  stage = "";
  if (error instanceof ApiError) {
    const isOff = error.status === 404 || error.status === 403 || error.status === 501;
    warn("⊘", isOff ? "This line takes no calls from a browser. Please call by phone." : error.message);
  } else {
    const { title, text } = TROUBLES[/** @type {keyof typeof TROUBLES} */ (/** @type {any} */ (error)?.trouble ?? troubleOf(error))];
    warn("⊘", `${title}. ${text}`);
  }
  draw();
}

async function begin() {
  if (isOn()) return;
  warn();
  leaving = false;
  captions.replaceChildren();
  stage = "calling";
  wasTold = "";
  draw();
  try {
    const stream = await devices.microphone();
    level = new Level(stream);
    // Without them it may go well all the same; what else is wrong, calling says.
    const { ice_servers: servers } = await api.visitRtc(entry).catch(() => ({ ice_servers: [] }));
    await line.open(stream, servers);
    began = Date.now();
    feed?.close();
    feed = new Feed({ message: hear, reset: () => {}, state: (state) => (state === "signed_out" ? over() : state === "lost" && isOn() && !leaving ? warn("⇅", "The captions are cut off for a moment. You still hear each other.") : warn()) }, `/api/v1/visit/live?token=${encodeURIComponent(token)}`);
    feed.connect();
  } catch (error) {
    end();
    refuse(error);
  }
}

/** @param {import("./lib/line.js").LineState} state */
function onLine(state) {
  if (state === "lost" && isOn() && !leaving) warn("⇅", "Your connection is weak. Stay on: it may come back.");
  if (state === "up") warn();
}

/** @param {import("./lib/api.js").Message} message */
function hear({ event }) {
  if (event.type === "caption") caption(event.who, event.text, event.final);
  if (event.type === "state") {
    if (event.stage !== stage) done(person);
    stage = event.stage;
    wasTold = event.sentence ?? "";
    if (stage === "ended") end();
    draw();
  }
}

/** @param {string} who @param {string|null} text @param {boolean} isFinal */
function caption(who, text, isFinal) {
  if (!text) return;
  const last = /** @type {HTMLElement|null} */ (captions.lastElementChild);
  const isSame = last && last.dataset.who === who && last.dataset.final === "no";
  const item = isSame ? last : el("li", { class: who === "caller" ? "caller" : who === "bot" ? "bot" : "person", "data-who": who }, el("span", { class: "who" }, WHO[who] ?? who), el("p", {}));
  say(/** @type {Element} */ (item.lastElementChild), text);
  item.dataset.final = isFinal ? "yes" : "no";
  if (!isSame) captions.append(item);
  while (captions.childElementCount > CAPTIONS) captions.firstElementChild?.remove();
  draw();
  captions.scrollTop = captions.scrollHeight;
}

function tick() {
  if (!level || !stage || stage === "ended") return;
  const dbfs = level.now();
  heard.style.width = `${Math.round(share(muted ? -100 : dbfs) * 100)}%`;
  heard.classList.toggle("speech", dbfs > SPEECH && !muted);
  say(isHeard, muted ? "⊘ You are muted: nobody hears you." : dbfs > SPEECH ? "● You are heard." : "○ Speak; the bar moves as you are heard.");
  say(timer, began ? clock((Date.now() - began) / 1000) : "");
}

function end() {
  feed?.close();
  feed = null;
  done(hangUp);
  done(person);
  const { stream } = line;
  line.close();
  stream?.getTracks().forEach((track) => track.stop());
  level?.close();
  level = null;
  if (muted) mute.click();
}
