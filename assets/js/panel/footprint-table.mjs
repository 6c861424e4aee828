/* The rows of the footprint table, in addition to Dash's DataTable: their candles, the length of their delta bars, and
   their focus. Redrawing the table each second took an eighth of the main thread: where only figures changed,
   they are written into the existing cells. */

import { find } from "../dom.mjs";
import { labelHeads } from "../pages/help-links.mjs";
import { writeText } from "./text.mjs";

/** @typedef {Record<string, string>} Row */

const FIGURES = ["bid", "ask", "delta", "cvd", "levels"]; // columns
const MOVING = [...FIGURES, "bar"];

/** @type {WeakMap<HTMLElement, Row[]>} by place */
const shown = new WeakMap();
/** @type {WeakSet<HTMLElement>} places that the next frame updates */
const pending = new WeakSet();

/**
 * @param {HTMLElement} place
 * @returns {HTMLTableRowElement[]}
 */
export const rowsOf = (place) => [...place.querySelectorAll("tr")].filter((row) => row.querySelector("td"));

/**
 * The open of a row's candle.
 * @param {HTMLTableRowElement} row
 */
export function candleOf(row) {
  const place = /** @type {HTMLElement} */ (row.closest(".footprint-rows"));
  return (place.dataset.opens || "").split(" ")[rowsOf(place).indexOf(row)] || "";
}

/**
 * The row of a candle, else the first.
 * @param {HTMLElement} place
 * @param {string} openTs
 */
export function rowOf(place, openTs) {
  const index = (place.dataset.opens || "").split(" ").indexOf(openTs);
  return rowsOf(place)[Math.max(index, 0)];
}

/**
 * The part of the rows that only a redraw of the table can change.
 * @param {{data: Row[], tooltip_data: unknown}} props
 */
const fixedPart = ({ data, tooltip_data }) =>
  JSON.stringify([data, tooltip_data], (name, value) => (MOVING.includes(name) ? undefined : value));

/**
 * Write a row's figures and its bar, in percent of its cell from the middle: selling (below zero) to the left, buying to
 * the right.
 * @param {HTMLTableRowElement} row
 * @param {Row} texts
 */
function applyRow(row, texts) {
  const length = Number(texts.bar);
  row.style.setProperty("--of-bar-start", `${50 + Math.min(length, 0)}%`);
  row.style.setProperty("--of-bar-end", `${50 + Math.max(length, 0)}%`);
  for (const column of FIGURES) {
    /** @type {HTMLElement | null} */
    const cell = row.querySelector(`[data-dash-column="${column}"] > *`);
    if (cell) writeText(cell, texts[column]);
  }
  const label = `Levels of ${row.cells[0].textContent?.slice(0, 5)}`;
  if (row.getAttribute("aria-label") === label) return;
  row.tabIndex = 0;
  row.setAttribute("aria-label", label);
}

/**
 * Apply the rows in the next frame: the table writes only what differs from its own last drawing. A deferred table is
 * looked for in each frame until it appears.
 * @param {HTMLElement} panel
 * @param {HTMLElement} place
 */
function applyRowsSoon(panel, place) {
  if (pending.has(place) || !place.isConnected) return;
  pending.add(place);
  window.requestAnimationFrame(() => {
    pending.delete(place);
    const [rows, drawn] = [shown.get(place) ?? [], rowsOf(place)];
    if (rows.length && !drawn.length) {
      applyRowsSoon(panel, place);
      return;
    }
    labelHeads(panel);
    drawn.forEach((row, index) => {
      if (rows[index]) applyRow(row, rows[index]);
    });
  });
}

/**
 * Show rows, new to old, with their tooltips in the panel's table.
 * @param {HTMLElement} panel
 * @param {Record<string, string>} id of the table
 * @param {Row[]} rows
 * @param {unknown} tooltips
 */
export function showRows(panel, id, rows, tooltips) {
  const place = find(panel, ".footprint-rows");
  shown.set(place, rows);
  place.dataset.opens = rows.map(({ id: open }) => open).join(" ");
  const wanted = { data: rows, tooltip_data: tooltips };
  const drawn = window.dash_component_api.getLayout(id)?.props;
  if (fixedPart(wanted) !== fixedPart(drawn)) window.dash_clientside.set_props(id, wanted);
  applyRowsSoon(panel, place);
}
