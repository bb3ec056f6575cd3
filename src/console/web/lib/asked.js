// Buttons that ask the server: *asked* until an event says *done*. A refusal says what to do.

import { el, put, say } from "./dom.js";
import { toast } from "./page.js";

/** An answer by event that takes longer than this is doubted, in ms. */
const DOUBT = 6_000;

/** @typedef {HTMLButtonElement & {done?: () => void}} AskButton */

/** What a button asks, kept until it is done. @type {WeakMap<HTMLButtonElement, {timer: number, label: string}>} */
const open = new WeakMap();

/**
 * Asks once; the button says so until `done` is called.
 * @param {HTMLButtonElement} button
 * @param {() => Promise<unknown>} ask
 * @param {string} [word] what it says meanwhile
 * @returns {Promise<boolean>} whether it was taken
 */
export async function asking(button, ask, word = "Asked") {
  if (open.has(button) || button.getAttribute("aria-disabled") === "true") return false;
  const label = button.querySelector(".word");
  open.set(button, { timer: 0, label: label?.textContent ?? "" });
  put(button, "aria-busy", "true");
  if (label) say(label, `${word}…`);
  try {
    await ask();
    const kept = open.get(button);
    if (kept) kept.timer = window.setTimeout(() => { done(button); toast("That was asked, but nothing has happened yet. Try once more.", "fault"); }, DOUBT);
    return true;
  } catch (error) {
    done(button);
    toast(error instanceof Error ? error.message : String(error), "fault");
    return false;
  }
}

/** What was asked is done, or is not wanted any more. @param {HTMLButtonElement} button */
export function done(button) {
  const kept = open.get(button);
  if (!kept) return;
  clearTimeout(kept.timer);
  open.delete(button);
  put(button, "aria-busy", null);
  const label = button.querySelector(".word");
  if (label && label.textContent?.endsWith("…")) say(label, kept.label);
}

/**
 * A button with a word, a mark and a key.
 * @param {{word: string, mark?: string, key?: string, class?: string, title?: string}} look
 * @param {(event: Event) => void} act
 */
export function button(look, act) {
  return el("button", { type: "button", class: look.class ?? null, title: look.title ?? null, "aria-keyshortcuts": look.key ?? null, on: { click: act } },
    look.mark && el("span", { class: "mark", "aria-hidden": "true" }, look.mark), el("span", { class: "word" }, look.word), look.key && el("kbd", { "aria-hidden": "true" }, look.key));
}
