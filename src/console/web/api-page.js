// The API as its own document says: every request, what it takes, what it gives.

import { byId, el, fill } from "./lib/dom.js";
import { request } from "./lib/api.js";
import { refused, state } from "./lib/page.js";
import { api } from "./lib/api.js";

const main = byId("main");
/** Where the document leads for a type. @param {any} schema @returns {string} */
export function typeOf(schema) {
  if (!schema) return "";
  if (schema.$ref) return String(schema.$ref).split("/").at(-1) ?? "";
  if (schema.type === "array") return `[${typeOf(schema.items)}]`;
  if (schema.enum) return schema.enum.map((/** @type {string} */ one) => `"${one}"`).join(" | ");
  const options = schema.oneOf ?? schema.anyOf ?? schema.allOf;
  if (options) return options.map(typeOf).join(" | ");
  return Array.isArray(schema.type) ? schema.type.join(" | ") : schema.type ?? "object";
}

try {
  // The top is drawn for whoever is signed in; the document is for everybody.
  api.me().then(async () => (await import("./lib/page.js")).begin(), () => {});
  show(await request("GET", "/openapi.json"));
} catch (error) {
  fill(main, refused(error, "The API's document can't be shown"));
}
main.removeAttribute("aria-busy");

/** @param {any} document */
function show(document) {
  const paths = Object.entries(document.paths ?? {});
  if (!paths.length) return fill(main, state("∅", "The document lists no request", ""));
  /** @type {Map<string, HTMLElement[]>} */
  const groups = new Map();
  for (const [path, methods] of paths) for (const [method, operation] of Object.entries(/** @type {Record<string, any>} */ (methods))) {
    const tag = operation.tags?.[0] ?? "other";
    groups.set(tag, [...(groups.get(tag) ?? []), entry(path, method, operation)]);
  }
  const about = new Map((document.tags ?? []).map((/** @type {any} */ tag) => [tag.name, tag.description]));
  fill(main, el("div", { class: "stack" }, el("h1", {}, `The API: ${[...groups.values()].flat().length} requests, by which everything on these pages is done`), el("p", { class: "quiet" }, document.info?.description ?? ""),
    el("p", {}, el("a", { href: "/api/v1/openapi.json", download: "segue-openapi.json" }, "Download the OpenAPI document")),
    ...[...groups].map(([tag, entries]) => el("section", { class: "stack" }, el("h2", {}, tag), about.get(tag) && el("p", { class: "hint" }, String(about.get(tag))), ...entries)),
    el("section", { class: "stack" }, el("h2", {}, "Types"), ...Object.entries(document.components?.schemas ?? {}).map(([name, schema]) => type(name, schema)))));
}

/** @param {string} path @param {string} method @param {any} operation */
function entry(path, method, operation) {
  const body = operation.requestBody?.content?.["application/json"]?.schema;
  const parameters = (operation.parameters ?? []).map((/** @type {any} */ one) => el("li", {}, el("code", {}, one.name), ` in ${one.in}: ${typeOf(one.schema)}${one.description ? `. ${one.description}` : ""}`));
  const answers = Object.entries(operation.responses ?? {}).map(([status, answer]) => {
    const given = Object.values(/** @type {any} */ (answer).content ?? {})[0];
    return el("li", {}, el("strong", {}, status), ` ${/** @type {any} */ (answer).description ?? ""} `, given && el("code", {}, typeOf(/** @type {any} */ (given).schema)));
  });
  return el("details", { class: "request" }, el("summary", {}, el("span", { class: "method" }, method.toUpperCase()), " ", el("code", {}, path), " ", el("span", { class: "hint" }, operation.summary ?? operation.description ?? "")),
    el("ul", {}, ...parameters, body && el("li", {}, "body: ", el("code", {}, typeOf(body))), ...answers));
}

/** @param {string} name @param {any} schema */
function type(name, schema) {
  return el("details", {}, el("summary", {}, el("code", {}, name), " ", el("span", { class: "hint" }, schema.description ?? "")), el("pre", { tabindex: "0" }, JSON.stringify(schema, null, 2)));
}
