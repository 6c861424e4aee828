/* Small helpers for elements. */

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} [className]
 * @param {Record<string, string>} [attributes]
 */
export function createElement(tag, className = "", attributes = {}) {
  const element = document.createElement(tag);
  if (className) element.className = className;
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

/**
 * Set a property if it differs: setting an equal value would still make the browser recompute styles.
 * @template {object} T
 * @template {keyof T} K
 * @param {T} target
 * @param {K} name
 * @param {T[K]} value
 */
export function put(target, name, value) {
  if (target[name] !== value) target[name] = value;
}

/**
 * The element that matches; for elements that the server always renders.
 * @param {ParentNode} parent
 * @param {string} css
 */
export function find(parent, css) {
  return /** @type {HTMLElement} */ (parent.querySelector(css));
}

/**
 * The nearest ancestor of an event's target that matches.
 * @param {Event} event
 * @param {string} css
 * @returns {HTMLElement | null}
 */
export function closest({ target }, css) {
  return target instanceof Element ? target.closest(css) : null;
}

/**
 * @param {string} id
 */
export const byId = (id) => /** @type {HTMLElement} */ (document.getElementById(id));
