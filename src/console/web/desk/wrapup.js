// After the call: what came of it, filled in already, saved by one key.

import { api } from "../lib/api.js";
import { asking, button, done } from "../lib/asked.js";
import { el, fill, keep, say } from "../lib/dom.js";
import { ApiError } from "../lib/api.js";
import { clock, endedBy, words, capital } from "../lib/words.js";

/** @typedef {import("./model.js").View} View */

export function makeWrapUp() {
  /** @type {string|null} */
  let call = null;
  let touched = false;
  const said = el("p", { class: "lead" });
  const summary = el("textarea", { rows: "5", on: { input: () => { touched = true; } } });
  const dispositions = el("div", { class: "row" });
  const resolved = el("div", { class: "row" }, radio("resolved", "yes", "Yes"), radio("resolved", "no", "Not yet"));
  const wrong = el("p", { class: "error", role: "alert" });
  const save = button({ word: "Save", key: "S", class: "primary big" }, () => store());
  const node = el("section", { class: "wrap stack", "aria-label": "Wrap-up" }, said, el("label", {}, "Summary", summary),
    el("fieldset", {}, el("legend", {}, "How it ended"), dispositions), el("fieldset", {}, el("legend", {}, "Is it solved?"), resolved), wrong, el("div", { class: "row" }, save));
  node.addEventListener("keydown", (event) => { if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) store(); });

  /** @param {string} name */
  const value = (name) => /** @type {HTMLInputElement|null} */ (node.querySelector(`input[name="${name}"]:checked`))?.value ?? "";

  async function store() {
    const disposition = value("disposition"), solved = value("resolved");
    const missing = !disposition ? "Say how it ended." : !solved ? "Say whether it is solved." : "";
    say(wrong, missing);
    if (missing) return /** @type {HTMLElement|null} */ (node.querySelector(`input[name="${disposition ? "resolved" : "disposition"}"]`))?.focus();
    await asking(save, async () => {
      try {
        await api.wrapUp({ summary: summary.value.trim(), disposition, resolved: solved === "yes" });
      } catch (error) {
        if (error instanceof ApiError && error.field) say(wrong, error.message);
        throw error;
      }
    }, "Saving");
  }

  /** @param {View} view */
  function draw(view) {
    const id = view.call?.id ?? view.wrap?.summary ?? "";
    if (call !== id) {
      call = id;
      touched = false;
      say(wrong, "");
      node.querySelectorAll("input").forEach((input) => { input.checked = false; });
    }
    const talked = view.call ? (Date.parse(view.since ?? "") - Date.parse(view.call.since)) / 1000 : NaN;
    fill(said, el("strong", {}, endedBy(view.endedBy)), Number.isFinite(talked) && talked > 0 ? ` after ${clock(talked)}.` : ".", " What is known is filled in; change what is not right.");
    if (!touched) summary.value = view.wrap?.summary ?? view.call?.packet?.summary ?? "";
    const all = view.wrap?.dispositions ?? view.dispositions;
    const before = dispositions.childElementCount;
    keep(dispositions, all, (one) => one, (one) => radio("disposition", one, capital(words(one))));
    if (!before) choose("disposition", all[0]);
    if (!value("resolved")) choose("resolved", "yes");
    if (!value("disposition")) choose("disposition", all[0]);
  }

  /** @param {string} name @param {string|undefined} wanted */
  function choose(name, wanted) {
    const input = [...node.querySelectorAll("input")].find((one) => one.name === name && one.value === wanted);
    if (input) input.checked = true;
  }

  return { node, draw, save: store, settle: () => done(save) };
}

/** @param {string} name @param {string} value @param {string} title */
function radio(name, value, title) {
  return el("label", { class: "choice" }, el("input", { type: "radio", name, value }), title);
}
