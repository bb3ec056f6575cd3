// Coming in by a link that works once, and then on to where it leads.

import { ApiError, api } from "./lib/api.js";
import { byId, el, fill } from "./lib/dom.js";
import { home, state } from "./lib/page.js";
import { ownPath } from "./lib/words.js";

const main = byId("main");
const asked = new URLSearchParams(location.search);
const next = ownPath(asked.get("next"));
// The key need not stand in the address any longer than this.
history.replaceState(null, "", "/enter");

/** @param {import("./lib/api.js").Me} me */
const go = (me) => location.replace(next ?? home(me));

/** @param {unknown} error */
function refuse(error) {
  const isUsed = error instanceof ApiError && error.code === "wrong_key";
  const text = isUsed ? "It was used already, or is none. Whoever started Segue can start it again for a new one." : error instanceof Error ? error.message : "";
  main.removeAttribute("aria-busy");
  fill(main, state("⚿", isUsed ? "This link works once" : "You could not be let in", text, el("a", { href: "/sign-in" }, "To the sign-in")));
}

// Whoever is signed in already, as after going back to the link, need not use it up.
api.me().then(go, () => api.enter(asked.get("key") ?? "").then(go, refuse));
