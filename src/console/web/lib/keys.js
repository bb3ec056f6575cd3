// Keys that act while no field has focus. Escape closes what is open and never ends a call.

import { el } from "./dom.js";

/** @typedef {{key: string, title: string, act: () => void, when?: () => boolean}} Binding */

/** Whether what has focus takes text, so that a letter is a letter. @param {Element|null} node */
export function takesText(node) {
  if (!(node instanceof HTMLElement)) return false;
  if (node.isContentEditable || node instanceof HTMLTextAreaElement || node instanceof HTMLSelectElement) return true;
  return node instanceof HTMLInputElement && !["button", "checkbox", "radio", "range", "submit"].includes(node.type);
}

/** @param {Binding[]} bindings */
export function bind(bindings) {
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || event.defaultPrevented) return;
    if (event.key !== "Escape" && takesText(document.activeElement)) return;
    const name = event.key.length === 1 ? event.key.toUpperCase() : event.key;
    const binding = bindings.find((one) => one.key === name && (one.when?.() ?? true));
    if (!binding) return;
    event.preventDefault();
    binding.act();
  });
}

/** The list of keys. @param {Binding[]} bindings */
export function list(bindings) {
  return el("dl", { class: "keys" }, ...bindings.filter((one) => one.title).map((one) =>
    el("div", {}, el("dt", {}, el("kbd", {}, one.key === "Escape" ? "Esc" : one.key)), el("dd", {}, one.title))));
}
