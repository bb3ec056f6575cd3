// A form at the door: a few fields, one button, and what is wrong beside the field that it is about.

import { ApiError } from "./api.js";
import { el, put, say } from "./dom.js";

/** @typedef {{name: string, title: string, type?: string, autocomplete: string, hint?: string, least?: number, same?: string}} Field */

/** @param {{title: string, text: string, word: string, fields: Field[], send: (values: Record<string, string>) => Promise<void>, hint?: string}} asked */
export function doorForm({ title, text, word, fields, send, hint }) {
  const wrong = el("p", { class: "error", role: "alert" });
  const rows = fields.map((field) => {
    const error = el("p", { class: "error", id: `${field.name}-error` });
    const input = el("input", { name: field.name, type: field.type ?? "text", autocomplete: field.autocomplete, required: true, "aria-describedby": `${field.name}-error`, spellcheck: "false", autocapitalize: "none" });
    return { field, input, error, node: el("div", {}, el("label", {}, field.title, input), field.hint && el("p", { class: "hint" }, field.hint), error) };
  });
  const button = el("button", { type: "submit", class: "primary" }, word);

  /** @param {string} name @param {string} message */
  function blame(name, message) {
    const row = rows.find((one) => one.field.name === name);
    if (!row) return say(wrong, message);
    say(row.error, message);
    put(row.input, "aria-invalid", "true");
    row.input.focus();
  }

  /** @returns {[string, string]|null} */
  function mistake() {
    for (const { field, input } of rows) {
      if (!input.value) return [field.name, "This is needed."];
      if (field.least && [...input.value].length < field.least) return [field.name, `It has at least ${field.least} characters.`];
      if (field.same && input.value !== rows.find((one) => one.field.name === field.same)?.input.value) return [field.name, "It is not the same as above."];
    }
    return null;
  }

  /** @param {Event} event */
  async function submit(event) {
    event.preventDefault();
    say(wrong, "");
    rows.forEach(({ error, input }) => { say(error, ""); put(input, "aria-invalid", null); });
    const found = mistake();
    if (found) return blame(...found);
    button.disabled = true;
    say(button, "Asked…");
    try {
      await send(Object.fromEntries(rows.map(({ field, input }) => [field.name, input.value])));
    } catch (error) {
      if (error instanceof ApiError && error.field) blame(error.field, error.message);
      else say(wrong, error instanceof Error ? error.message : String(error));
      button.disabled = false;
      say(button, word);
    }
  }

  const node = el("form", { class: "door card stack", novalidate: true, on: { submit } }, el("p", { class: "brand" }, el("span", { "aria-hidden": "true" }, "⇄"), " Segue"),
    el("h1", {}, title), el("p", { class: "quiet" }, text), wrong, ...rows.map((row) => row.node), button, hint && el("p", { class: "hint" }, hint));
  return { node, begin: () => rows[0].input.focus() };
}
