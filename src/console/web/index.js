// The first page: leads everybody to where they work.

import { api, ApiError } from "./lib/api.js";
import { byId, el, fill } from "./lib/dom.js";
import { home, refused } from "./lib/page.js";

try {
  location.replace(home(await api.me()));
} catch (error) {
  if (error instanceof ApiError && error.code === "signed_out") location.replace("/sign-in");
  else {
    const main = byId("main");
    main.removeAttribute("aria-busy");
    fill(main, refused(error, "Segue can't be shown"), el("p", {}, el("a", { href: "/sign-in" }, "To the sign-in")));
  }
}
