// People who may sign in, keys of programs, and who did what.

import { api, ApiError } from "./lib/api.js";
import { byId, el, fill, say } from "./lib/dom.js";
import { begin, refused, state, toast } from "./lib/page.js";
import { ago, capital, moment, words } from "./lib/words.js";

/** @typedef {import("./lib/api.js").User} User */

/** What somebody may do. @type {Record<string, string>} */
const ROLES = { agent: "Agent: takes calls", supervisor: "Supervisor: watches and helps", admin: "Admin: everything", tester: "Tester: reads calls and reports" };

const main = byId("main");
const me = await begin();
if (me.role !== "admin") fill(main, state("⊘", "This page is for admins", "Ask one if you need a password or another role."));
else {
  const users = el("div", { class: "loading" }), keys = el("div", { class: "loading" }), acts = el("div", { class: "loading" });
  fill(main, el("div", { class: "stack" }, el("h1", {}, "Who may sign in, and what they did"),
    el("section", { class: "stack" }, el("h2", {}, "People"), users, newUser(() => readUsers())),
    el("section", { class: "stack" }, el("h2", {}, "Keys of programs"), keys, newKey(() => readKeys())),
    el("section", { class: "stack" }, el("h2", {}, "What was done"), acts)));
  const readUsers = () => read(users, async () => table(["Name", "Role", "Agent", "Since", ""], (await api.users()).map((user) => userRow(user, readUsers))));
  const readKeys = () => read(keys, async () => {
    const all = await api.keys();
    return all.length ? table(["Name", "Since", ""], all.map((key) => [key.name, when(key.created), sure("Delete", () => api.deleteKey(key.name), readKeys, key.name)])) : el("p", { class: "empty" }, "No program has a key.");
  });
  const readActs = () => read(acts, async () => {
    const all = await api.audit();
    return all.length ? table(["When", "Who", "What", "About"], all.map((act) => [when(act.at), act.who, capital(words(act.what)), [act.about, act.detail].filter(Boolean).join(" · ")])) : el("p", { class: "empty" }, "Nothing yet.");
  });
  readUsers();
  readKeys();
  readActs();
}

/** @param {HTMLElement} place @param {() => Promise<Node>} ask */
async function read(place, ask) {
  try {
    fill(place, await ask());
  } catch (error) {
    fill(place, refused(error, "That can't be shown"));
  }
  place.classList.remove("loading");
}

/** @param {string} at */
function when(at) {
  return el("span", { title: moment(at) }, ago(at, Date.now()));
}

/** On a narrow page each row is a card, and what a cell is stands before it. @param {string[]} heads @param {import("./lib/dom.js").Child[][]} rows */
function table(heads, rows) {
  return el("div", { class: "scroll", tabindex: "0", role: "group", "aria-label": `Table: ${heads[0]}` }, el("table", { class: "cards" }, el("thead", {}, el("tr", {}, ...heads.map((head) => (head ? el("th", { scope: "col" }, head) : el("td", {}))))),
    el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((cell, n) => el("td", { "data-head": heads[n] || null }, cell)))))));
}

/** A button that is pressed twice. @param {string} word @param {() => Promise<unknown>} act @param {() => unknown} after @param {string} about */
function sure(word, act, after, about) {
  let asked = false;
  const one = el("button", { type: "button", class: "danger", "aria-label": `${word} ${about}`, on: { click: async () => {
    if (!asked) {
      asked = true;
      one.classList.add("sure");
      say(one, "Press again");
      return setTimeout(() => { asked = false; one.classList.remove("sure"); say(one, word); }, 4_000);
    }
    try { await act(); after(); } catch (error) { toast(error instanceof Error ? error.message : "", "fault"); }
  } } }, word);
  return one;
}

/** @param {User} user @param {() => unknown} after */
function userRow(user, after) {
  const role = el("select", { "aria-label": `Role of ${user.title}`, on: { change: async () => {
    try { await api.updateUser(user.name, { role: role.value }); toast(`${user.title} is now ${role.value}.`); } catch (error) { toast(error instanceof Error ? error.message : "", "fault"); }
    after();
  } } }, ...Object.keys(ROLES).map((name) => el("option", { value: name, ".selected": name === user.role }, capital(name))));
  const password = el("button", { type: "button", "aria-label": `New password for ${user.title}`, on: { click: () => change() } }, "New password");
  const input = el("input", { type: "password", autocomplete: "new-password", "aria-label": `New password for ${user.title}` });
  const form = el("form", { class: "row", hidden: true, on: { submit: async (/** @type {Event} */ event) => {
    event.preventDefault();
    try { await api.updateUser(user.name, { password: input.value }); toast(`${user.title} has a new password.`); input.value = ""; form.hidden = true; password.hidden = false; } catch (error) { toast(error instanceof Error ? error.message : "", "fault"); }
  } } }, input, el("button", { type: "submit", class: "primary" }, "Set"));
  const change = () => { form.hidden = false; password.hidden = true; input.focus(); };
  return [el("span", {}, el("strong", {}, user.title), user.title !== user.name && el("span", { class: "hint" }, ` ${user.name}`)), role, user.agent ?? "–", when(user.created),
    el("div", { class: "row" }, password, form, user.name === me.name ? el("span", { class: "hint" }, "You") : sure("Delete", () => api.deleteUser(user.name), after, user.title))];
}

/** @param {() => unknown} after */
function newUser(after) {
  const wrong = el("p", { class: "error", role: "alert" });
  const input = (/** @type {string} */ name, /** @type {string} */ title, /** @type {object} */ more) => el("label", {}, title, el("input", { name, autocomplete: "off", ...more }));
  const form = el("form", { class: "grid", on: { submit: async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    say(wrong, "");
    const data = new FormData(form), text = (/** @type {string} */ name) => String(data.get(name) ?? "").trim();
    try {
      await api.createUser({ name: text("name"), title: text("title") || null, role: text("role"), agent: text("agent") || null, password: String(data.get("password")) });
      toast(`${text("title") || text("name")} may sign in now.`);
      form.reset();
      after();
    } catch (error) {
      say(wrong, error instanceof Error ? error.message : "");
      if (error instanceof ApiError && error.field) /** @type {HTMLElement|null} */ (form.querySelector(`[name="${CSS.escape(error.field)}"]`))?.focus();
    }
  } } }, input("name", "Name to sign in with", { required: true }), input("title", "What others call them", {}),
  el("label", {}, "Role", el("select", { name: "role" }, ...Object.entries(ROLES).map(([name, title]) => el("option", { value: name }, title)))),
  input("agent", "Agent in the configuration, if any", {}), input("password", "Password", { type: "password", autocomplete: "new-password", required: true }), el("button", { type: "submit", class: "primary" }, "Add"), wrong);
  return el("details", {}, el("summary", {}, "Add somebody"), form);
}

/** @param {() => unknown} after */
function newKey(after) {
  const name = el("input", { required: true, autocomplete: "off", "aria-label": "Name of the program", placeholder: "Name of the program" }), made = el("div", { role: "status" });
  const form = el("form", { class: "row", on: { submit: async (/** @type {Event} */ event) => {
    event.preventDefault();
    try {
      const key = await api.createKey(name.value.trim());
      fill(made, el("p", {}, "Copy it now; it is shown this once: ", el("code", {}, key.key ?? "")));
      name.value = "";
      after();
    } catch (error) { toast(error instanceof Error ? error.message : "", "fault"); }
  } } }, name, el("button", { type: "submit" }, "Make a key"));
  return el("div", { class: "stack" }, form, made);
}
