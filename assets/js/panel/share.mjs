/* The share menu of a panel: addresses that show the same view, and copying them. */

import { closest, find } from "../dom.mjs";

/** @typedef {Record<string, string>} View */

const COPIED_MS = 1500;

/* The root of the application, where each of its pages lies. */
const root = () => new URL("./", window.location.href).href;

/**
 * A value of an address; characters that may stay as they are stay readable.
 * @param {string} text
 */
export const encoded = (text) => encodeURIComponent(text).replaceAll("%3A", ":").replaceAll("%3D", "=");

/**
 * A view as one value of the address `/compare`: venue, symbol, timeframe, step, then its options.
 * @param {View} view
 */
export function panelText({ exchange, symbol, tf, step, ...options }) {
  const more = Object.entries(options).map(([name, value]) => `${name}=${value}`);
  return encoded([exchange, symbol, tf, step, ...more].join(":"));
}

/**
 * The address of the charts' figures as a table.
 * @param {View} view
 * @param {"candles" | "levels"} rows
 */
function exportAddress({ exchange, symbol, tf, step, lookback }, rows) {
  const query = { exchange, symbol, tf, step, ...(lookback && { lookback }), rows };
  return `${root()}api/export.csv?${new URLSearchParams(query)}`;
}

/** @param {string} text */
const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;");

/**
 * The frame, and the line that makes it as high as its panel.
 * @param {View} view
 * @param {string} theme
 */
function snippet(view, theme) {
  const source = `${root()}embed?${new URLSearchParams({ ...view, theme })}`;
  const title = `Order flow of ${view.symbol}`;
  return (
    `<iframe src="${escaped(source)}" title="${escaped(title)}" width="100%" height="760" ` +
    `style="border:0" allow="clipboard-write" loading="lazy"></iframe>\n` +
    `<script>addEventListener("message",({data:d,source:s})=>{if(d&&d.source==="orderflow_dash"&&d.type==="size")` +
    `for(const f of document.querySelectorAll("iframe"))if(f.contentWindow===s)f.style.height=d.height+"px"})</script>`
  );
}

/** @param {HTMLInputElement} field */
async function copy(field) {
  if (window.isSecureContext && navigator.clipboard) {
    await navigator.clipboard.writeText(field.value);
    return;
  }
  field.focus();
  field.select();
  document.execCommand("copy"); // the only way on an origin that is not secure
}

/** @param {HTMLElement} button */
async function copyField(button) {
  const row = /** @type {HTMLElement} */ (button.closest(".share-field"));
  const field = /** @type {HTMLInputElement} */ (find(row, "input, textarea"));
  try {
    await copy(field);
  } catch {
    field.focus(); // the browser refuses: select the text, to be copied by hand
    field.select();
    return;
  }
  button.dataset.copied = "";
  window.setTimeout(() => delete button.dataset.copied, COPIED_MS);
}

export function copyOnClick() {
  document.addEventListener("click", (event) => {
    const button = closest(event, ".share-copy");
    if (button) copyField(button);
  });
}

/* Clientside callbacks. */
export const share = {
  /**
   * Fill the menu.
   * @param {View} view
   * @param {string} theme
   */
  fill: (view, theme) => [
    `${root()}?${new URLSearchParams(view)}`,
    snippet(view, theme === "light" ? "light" : "dark"),
    `${root()}compare?panel=${panelText(view)}`,
    exportAddress(view, "candles"),
    exportAddress(view, "levels"),
  ],
};
