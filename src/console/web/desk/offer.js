// The card of a caller who is offered: who, what for, how upset, how long; one key takes them.

import { api } from "../lib/api.js";
import { asking, button, done } from "../lib/asked.js";
import { Ring } from "../lib/curve.js";
import { el, fill, put, say } from "../lib/dom.js";
import { HEADLINE, MOODS, capital, clock, mood, short } from "../lib/words.js";

/** @typedef {import("../lib/api.js").Offer} Offer */

/** Why an agent may decline. */
const REASONS = ["Not my topic", "I need a moment", "Technical trouble"];

/** How a caller feels: shape and word. @param {Element} node @param {string} which */
export function drawMood(node, which) {
  const is = mood(which);
  put(node, "class", `mood ${is}`);
  fill(node, el("span", { "aria-hidden": "true" }, MOODS[is].shape), MOODS[is].word);
}

/** @param {() => void} changed */
export function makeOffer(changed) {
  /** @type {{offer: Offer, ends: number, came: number}|null} */
  let now = null;
  const ring = new Ring();
  const headline = el("h2", { class: "headline", id: "offer-headline" }), feeling = el("span", {});
  const wait = el("li", {}), caller = el("li", {}), verified = el("li", {}), queue = el("li", {});
  const quote = el("blockquote", {}), summary = el("p", {});
  const accept = button({ word: "Accept", key: "A", mark: "☎", class: "go accept" }, () => take());
  const decline = button({ word: "Decline", key: "D", class: "decline" }, () => toggle());
  const reasons = el("div", { class: "row reasons", hidden: true, role: "group", "aria-label": "Why do you decline?" }, el("span", { class: "quiet" }, "Why?"),
    ...REASONS.map((reason) => { const one = button({ word: reason }, () => refuse(one, reason)); return one; }));
  const left = el("span", { class: "unseen", role: "status" });
  const node = el("section", { class: "offer", "aria-labelledby": "offer-headline" },
    el("div", { class: "offer-top" }, ring, el("div", { class: "stack tight grow" }, el("div", { class: "row" }, feeling, left), headline, el("ul", { class: "facts" }, wait, caller, verified, queue))),
    quote, summary, el("div", { class: "answers" }, accept, decline, reasons));

  async function take() {
    if (!now?.offer.offer) return;
    const { offer } = now.offer;
    put(decline, "aria-disabled", "true");
    if (!(await asking(accept, () => api.accept(offer), "Accepting"))) put(decline, "aria-disabled", null);
  }

  function toggle() {
    if (decline.getAttribute("aria-disabled")) return;
    reasons.hidden = !reasons.hidden;
    put(decline, "aria-expanded", String(!reasons.hidden));
    if (!reasons.hidden) reasons.querySelector("button")?.focus();
  }

  /** @param {HTMLButtonElement} one @param {string} reason */
  function refuse(one, reason) {
    const offer = now?.offer.offer;
    if (offer) asking(one, () => api.decline(offer, reason), "Declining");
  }

  /** @param {Offer|null} offer @returns {boolean} whether it is another one than before */
  function show(offer) {
    const isNew = Boolean(offer) && offer?.offer !== now?.offer.offer;
    if (!offer) {
      if (now) settle();
      now = null;
      return false;
    }
    if (isNew) {
      settle();
      now = { offer, ends: Date.now() + (offer.deadline_s ?? offer.ring_s) * 1000, came: Date.now() };
      ring.hidden = offer.deadline_s === null;
    } else if (now) now.offer = offer;
    say(headline, short(offer.headline, HEADLINE));
    drawMood(feeling, offer.mood);
    fill(caller, el("strong", {}, offer.caller ?? "Number withheld"));
    fill(verified, capital(offer.verified));
    fill(queue, "for ", el("strong", {}, offer.queue));
    fill(quote, el("p", {}, `“${offer.trigger_sentence}”`), el("footer", {}, capital(offer.reason)));
    quote.hidden = !offer.trigger_sentence;
    say(summary, offer.summary);
    tick();
    return isNew;
  }

  /** Once a second and more often: countdown and wait. */
  function tick() {
    if (!now) return;
    const secs = (now.ends - Date.now()) / 1000, { offer, came } = now;
    ring.show(secs, offer.ring_s);
    fill(wait, "waits ", el("strong", {}, clock(offer.waited_s + (Date.now() - came) / 1000)));
    if (Math.ceil(secs) === 10) say(left, "10 seconds left");
  }

  function settle() {
    done(accept);
    reasons.querySelectorAll("button").forEach((one) => done(one));
    put(decline, "aria-disabled", null);
    put(decline, "aria-expanded", "false");
    reasons.hidden = true;
    say(left, "");
    changed();
  }

  return { node, show, tick, accept: take, decline: toggle, close: () => { reasons.hidden = true; } };
}
