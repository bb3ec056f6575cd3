// Small words for building pages. Text is always a text node; markup is never built from strings.

/** @typedef {Node|string|number|null|undefined|false} Child */

/**
 * An element with attributes and children. `class`, `on` (events) and properties that begin with `.` are special.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} tag
 * @param {Record<string, any>} [attributes]
 * @param {...Child} children
 * @returns {HTMLElementTagNameMap[K]}
 */
export function el(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (key === "class") node.className = value;
    else if (key === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, /** @type {EventListener} */ (act));
    else if (key.startsWith(".")) Reflect.set(node, key.slice(1), value);
    else node.setAttribute(key, value === true ? "" : String(value));
  }
  node.append(...children.filter(shown).map(text));
  return node;
}

/** @param {Child} child @returns {child is Node|string|number} */
const shown = (child) => child !== null && child !== undefined && child !== false;
/** @param {Node|string|number} child */
const text = (child) => (typeof child === "number" ? String(child) : child);

const SVG = "http://www.w3.org/2000/svg";
/**
 * An element of a drawing.
 * @param {string} tag
 * @param {Record<string, string|number>} [attributes]
 * @param {...Child} children
 * @returns {SVGElement}
 */
export function svg(tag, attributes, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [key, value] of Object.entries(attributes ?? {})) node.setAttribute(key, String(value));
  node.append(...children.filter(shown).map(text));
  return /** @type {SVGElement} */ (node);
}

/** Children, anew; does nothing where they are the same. @param {Element} parent @param {...Child} children */
export function fill(parent, ...children) {
  const wanted = children.filter(shown).map(text);
  const now = [...parent.childNodes];
  const same = now.length === wanted.length && wanted.every((child, n) => (typeof child === "string" ? now[n].nodeType === 3 && now[n].textContent === child : child === now[n]));
  if (!same) parent.replaceChildren(...wanted);
}

/** Text, if it differs: so that selections and screen readers are left in peace. @param {Element} node @param {string} value */
export function say(node, value) {
  if (node.textContent !== value) node.textContent = value;
}

/** An attribute, if it differs. @param {Element} node @param {string} name @param {string|null|false} value */
export function put(node, name, value) {
  if (value === null || value === false) { if (node.hasAttribute(name)) node.removeAttribute(name); }
  else if (node.getAttribute(name) !== value) node.setAttribute(name, value);
}

/**
 * Keeps one node for each item: made once, updated in place, in the order of the items.
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => HTMLElement} make
 * @param {(node: HTMLElement, item: T) => void} [update]
 */
export function keep(parent, items, key, make, update) {
  const had = new Map([...parent.children].map((node) => [/** @type {HTMLElement} */ (node).dataset.key ?? "", /** @type {HTMLElement} */ (node)]));
  let place = parent.firstElementChild;
  for (const item of items) {
    const name = key(item);
    let node = had.get(name);
    if (node) had.delete(name);
    else { node = make(item); node.dataset.key = name; }
    update?.(node, item);
    if (node === place) place = place.nextElementSibling;
    else parent.insertBefore(node, place);
  }
  had.forEach((node) => node.remove());
}

/** The element with this id, which the page has. @param {string} id @returns {HTMLElement} */
export function byId(id) {
  const node = document.getElementById(id);
  if (!node) throw new Error(`the page has no #${id}`);
  return node;
}

/** A kept choice of this browser; none where it keeps nothing. */
export const kept = {
  /** @param {string} name @returns {string|null} */
  read(name) {
    try { return localStorage.getItem(`segue.${name}`); } catch { return null; }
  },
  /** @param {string} name @param {string} value */
  write(name, value) {
    try { localStorage.setItem(`segue.${name}`, value); } catch { /* kept nowhere, asked again next time */ }
  },
};
