/* Texts that change each second, written into the existing text node: a new node would make the browser recompute the
   styles of the whole page. */

/**
 * @param {Element} place
 * @param {string} text
 */
export function writeText(place, text) {
  const written = place.firstChild;
  if (!(written instanceof Text)) place.textContent = text;
  else if (written.data !== text) written.data = text;
}
