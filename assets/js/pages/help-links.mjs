/* Labels that link to their explanation, for texts that the browser draws. A panel carries the addresses (`data-help`:
   {label: address}); the server draws the other links. */

import { find } from "../dom.mjs";

/**
 * @param {HTMLElement | null} panel
 * @returns {Record<string, string>}
 */
export const helpAddresses = (panel) => JSON.parse(panel?.dataset.help || "{}");

/** @param {string} address */
function createLink(address) {
  const link = document.createElement("a");
  link.href = address;
  link.target = "_blank";
  link.rel = "noopener";
  return link;
}

/**
 * A label as a link, or as plain text without an explanation.
 * @param {Record<string, string>} help
 * @param {string} name
 */
export function helpLabel(help, name) {
  if (!help[name]) return document.createTextNode(name);
  const link = createLink(help[name]);
  link.className = "help-label";
  link.textContent = name;
  return link;
}

/**
 * Lay a link over each head of the footprint table, whose text Dash draws.
 * @param {HTMLElement} panel
 */
export function labelHeads(panel) {
  const help = helpAddresses(panel);
  for (const head of panel.querySelectorAll(".footprint-table th")) {
    const name = find(head, ".column-header-name").textContent ?? ""; // innerText would force a layout
    /** @type {HTMLAnchorElement} */
    const link = head.querySelector("a.help-over") ?? head.appendChild(createLink(""));
    if (link.dataset.label === name) continue;
    link.className = "help-over";
    link.dataset.label = name;
    link.href = help[name];
    link.setAttribute("aria-label", `Help on ${name} (opens in a new tab)`);
  }
}
