// Signing in, and then on to where one was going.

import { api, ApiError } from "./lib/api.js";
import { byId, el, fill } from "./lib/dom.js";
import { doorForm } from "./lib/door.js";
import { home } from "./lib/page.js";
import { ownPath } from "./lib/words.js";

const main = byId("main");
const next = ownPath(new URLSearchParams(location.search).get("next"));

/** @param {import("./lib/api.js").Me} me */
const go = (me) => location.assign(next ?? home(me));

main.removeAttribute("aria-busy");
const { node, begin } = doorForm({
  title: "Sign in", text: next ? "Then you go on where you were." : "Calls that need a person, with the reason why.", word: "Sign in",
  fields: [
    { name: "name", title: "Name", autocomplete: "username" },
    { name: "password", title: "Password", type: "password", autocomplete: "current-password" },
  ],
  send: async ({ name, password }) => go(await api.signIn(name, password)),
  hint: "Forgot it? An admin sets a new one on the page People.",
});
fill(main, node);
begin();
// Whoever is signed in already need not do it again.
api.me().then(go, (error) => {
  if (error instanceof ApiError && error.code === "offline") node.prepend(el("p", { class: "error", role: "alert" }, error.message));
});
