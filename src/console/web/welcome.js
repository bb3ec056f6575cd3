// The first admin, made once, by the link that `segue serve` prints.

import { api } from "./lib/api.js";
import { byId, el, fill } from "./lib/dom.js";
import { doorForm } from "./lib/door.js";
import { state } from "./lib/page.js";

/** Shortest password. */
const SHORTEST = 10;

const main = byId("main");
const key = new URLSearchParams(location.search).get("key");
main.removeAttribute("aria-busy");
if (key) {
  // The key need not stand in the address any longer than this.
  history.replaceState(null, "", "/welcome");
  const { node, begin } = doorForm({
    title: "Welcome to Segue", text: "Make the first admin. This link works once; you make everybody else on the page People.", word: "Make the admin",
    fields: [
      { name: "name", title: "Name to sign in with", autocomplete: "username" },
      { name: "password", title: "Password", type: "password", autocomplete: "new-password", hint: `At least ${SHORTEST} characters. A few words in a row are good.`, least: SHORTEST },
      { name: "again", title: "Password, once more", type: "password", autocomplete: "new-password", same: "password" },
    ],
    send: async ({ name, password }) => { await api.welcome(key, name, password); location.assign("/admin"); },
  });
  fill(main, node);
  begin();
} else {
  fill(main, state("⚿", "This link has no key", "Open the whole link that `segue serve` printed at its start. It is printed while there is nobody who may sign in.", el("a", { href: "/sign-in" }, "To the sign-in")));
}
