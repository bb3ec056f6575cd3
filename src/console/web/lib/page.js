// What every page has: the top with its links, one line for trouble with the connection, and passing news.

import { ApiError, api, on } from "./api.js";
import { byId, el, fill, say } from "./dom.js";
import { clock } from "./words.js";

/** @typedef {import("./api.js").Me} Me */
/** @typedef {import("./feed.js").Feed} Feed */

/** Passing news stays so long, in ms. */
const NEWS = 6_000;

/** Pages, and who has them. @type {{path: string, title: string, who: (me: Me) => boolean}[]} */
const PAGES = [
  { path: "/desk", title: "Desk", who: (me) => me.agent !== null },
  { path: "/wall", title: "Wall", who: (me) => me.role === "supervisor" || me.role === "admin" },
  { path: "/calls", title: "Calls", who: (me) => me.role !== "agent" },
  { path: "/admin", title: "People", who: (me) => me.role === "admin" },
  { path: "/api", title: "API", who: (me) => me.role === "admin" || me.role === "tester" },
];

/** Where somebody begins. @param {Me} me */
export const home = (me) => PAGES.find((page) => page.who(me))?.path ?? "/calls";

/** Where leaving costs more than it mends, such as a call, the page stays and says what to do. @type {{here: () => boolean}} */
export const stays = { here: () => false };

/** To the sign-in, and back here afterwards. */
export function toSignIn() {
  const address = `/sign-in?next=${encodeURIComponent(location.pathname + location.search)}`;
  if (!stays.here()) return location.assign(address);
  const place = byId("news");
  if (place.querySelector(".signed-out")) return;
  place.append(el("div", { class: "toast fault signed-out", role: "alert" }, el("span", { "aria-hidden": "true" }, "⚠"),
    el("span", { class: "said" }, "You are signed out. Sign in again in another window; this page then goes on."), el("a", { href: address, target: "_blank", rel: "noopener" }, "Sign in")));
}

/** Why the feed does not open: who is signed out is told by the answer. */
export const askWhy = () => { api.me().catch(() => {}); };

/** Whoever is signed in, with the page's top drawn; else goes to the sign-in. @returns {Promise<Me>} */
export async function begin() {
  on.signedOut = toSignIn;
  const main = byId("main");
  try {
    const me = await api.me();
    drawTop(me);
    main.removeAttribute("aria-busy");
    return me;
  } catch (error) {
    if (!(error instanceof ApiError && error.code === "signed_out")) {
      fill(main, state("✕", "Segue can't be reached", error instanceof Error ? error.message : "", again()));
      if (error instanceof ApiError && error.code === "offline") setTimeout(() => location.reload(), 5_000);
    }
    return new Promise(() => {});
  }
}

const again = () => el("button", { type: "button", class: "primary", on: { click: () => location.reload() } }, "Try again");

/** @param {Me} me */
function drawTop(me) {
  const here = location.pathname;
  const links = PAGES.filter((page) => page.who(me)).map((page) =>
    el("a", { href: page.path, "aria-current": here === page.path ? "page" : here.startsWith(`${page.path}/`) ? "true" : null }, page.title));
  const out = el("button", { type: "button", class: "plain", on: { click: signOut } }, "Sign out");
  fill(byId("top"), el("a", { class: "brand", href: home(me) }, el("span", { "aria-hidden": "true" }, "⇄"), " Segue"),
    links.length > 1 ? el("nav", { "aria-label": "Pages" }, ...links) : el("span", { class: "grow" }), el("span", { class: "who-am-i" }, me.title), out);
}

/** Pages may have something to do before: closing a line, for one. @type {(() => Promise<unknown>)[]} */
export const beforeSignOut = [];

async function signOut() {
  await Promise.allSettled(beforeSignOut.map((act) => act()));
  await api.signOut().catch(() => {});
  location.assign("/sign-in");
}

/** A state that fills its place: empty, refused, offline. @param {string} mark @param {string} title @param {string} text @param {...import("./dom.js").Child} more */
export function state(mark, title, text, ...more) {
  return el("div", { class: "state" }, el("span", { class: "shape", "aria-hidden": "true" }, mark), el("h2", {}, title), text && el("p", {}, text), ...more);
}

/** The state that stands for an error. @param {unknown} error @param {string} title */
export function refused(error, title) {
  const is = error instanceof ApiError ? error : null;
  const text = error instanceof Error ? error.message : String(error);
  if (is?.code === "offline") return state("⇅", "Segue can't be reached", text, again());
  return state(is?.status === 403 ? "⊘" : is?.status === 404 ? "∅" : "✕", is?.status === 403 ? "This is not for you" : title, text);
}

/** Passing news; faults stay until they are read. @param {string} text @param {"news"|"fault"} [tone] */
export function toast(text, tone = "news") {
  const place = byId("news");
  if ([...place.children].some((node) => node.querySelector(".said")?.textContent === text)) return;
  const close = el("button", { type: "button", class: "plain", "aria-label": "Dismiss", on: { click: () => node.remove() } }, "✕");
  const node = el("div", { class: `toast ${tone}` }, el("span", { "aria-hidden": "true" }, tone === "fault" ? "⚠" : "›"), el("span", { class: "said" }, text), close);
  place.append(node);
  while (place.childElementCount > 3) place.firstElementChild?.remove();
  setTimeout(() => node.remove(), tone === "fault" ? NEWS * 2 : NEWS);
}

/** Says at once that the feed is lost, with what still works. @param {Feed} feed @param {() => string} works */
export function watchConnection(feed, works) {
  const place = byId("trouble");
  const text = el("span", {});
  const line = el("div", { class: "trouble", role: "status" }, el("strong", {}, el("span", { "aria-hidden": "true" }, "⇅ "), "Connection lost"), text,
    el("button", { type: "button", on: { click: () => feed.retry() } }, "Try now"));
  const draw = () => {
    const isLost = feed.state === "lost" && feed.lostAt !== null;
    fill(place, isLost && line);
    document.documentElement.toggleAttribute("data-offline", isLost);
    if (isLost) say(text, ` ${clock((Date.now() - (feed.lostAt ?? 0)) / 1000)} ago. ${works()} Trying again.`);
    if (feed.state === "signed_out") toSignIn();
  };
  window.addEventListener("online", () => feed.retry());
  // Somebody may have signed in again in another window.
  window.addEventListener("focus", () => {
    if (feed.state === "signed_out") api.me().then(() => { byId("news").querySelector(".signed-out")?.remove(); feed.retry(); }, () => {});
  });
  setInterval(draw, 500);
  return draw;
}
