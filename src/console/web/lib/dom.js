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
 * Keeps one node for each item: made once, updated in place, in the order of the items. As few as can be are moved.
 * @template T
 * @param {Element} parent
 * @param {readonly T[]} items
 * @param {(item: T) => string} key
 * @param {(item: T) => HTMLElement} make
 * @param {(node: HTMLElement, item: T) => void} [update]
 */
export function keep(parent, items, key, make, update) {
  const had = new Map([...parent.children].map((node, place) => [/** @type {HTMLElement} */ (node).dataset.key ?? "", { node: /** @type {HTMLElement} */ (node), place }]));
  const wanted = items.map((item) => {
    const name = key(item), known = had.get(name), node = known?.node ?? make(item);
    had.delete(name);
    node.dataset.key = name;
    return { node, item, place: known?.place ?? -1 };
  });
  had.forEach(({ node }) => node.remove());
  const stays = staying(wanted.map(({ place }) => place));
  let next = /** @type {Element|null} */ (null);
  for (let n = wanted.length - 1; n >= 0; n--) {
    const { node } = wanted[n];
    if (!stays.has(n)) parent.insertBefore(node, next);
    next = node;
  }
  wanted.forEach(({ node, item }) => update?.(node, item));
}

/** Which of these need not move, so that the fewest move: a longest run of rising places (patience sorting). New ones have a place
 * below 0. @param {readonly number[]} places @returns {Set<number>} */
export function staying(places) {
  /** @type {number[]} */
  const tops = [], before = places.map(() => -1);
  places.forEach((place, n) => {
    if (place < 0) return;
    let low = 0, high = tops.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (places[tops[middle]] < place) low = middle + 1;
      else high = middle;
    }
    before[n] = low > 0 ? tops[low - 1] : -1;
    tops[low] = n;
  });
  const stays = new Set();
  for (let n = tops.at(-1) ?? -1; n >= 0; n = before[n]) stays.add(n);
  return stays;
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
