/* The levels of one candle: a click or Enter on a row of the footprint table opens them, Escape closes them. React
   renders `.level-table` empty and never updates it: rows are drawn here, and only their changes written. */

import { closest, createElement, find, put } from "../dom.mjs";
import { helpAddresses, helpLabel } from "../pages/help-links.mjs";
import { candleOf, rowOf, rowsOf } from "./footprint-table.mjs";

/**
 * A level: price, bid, ask, delta, trades, bid bar and ask bar in percent, names of marks.
 * @typedef {[string, string, string, string, string, string, string, string]} Level
 */

/** @typedef {{open_ts: number, title: string, unit: string, note: string, tip: string, swap: boolean, rows: Level[]}} Content */

const COLUMNS = [
  ["price", "Price", "Price of the level"],
  ["bid", "Bid", "Volume whose aggressor sold"],
  ["ask", "Ask", "Volume whose aggressor bought"],
  ["delta", "Delta", "Ask less bid"],
  ["n", "n", "Trade records"],
  ["bar", "Volume", "Bid and ask, against the largest level"],
];
const MARKS = [
  [
    "stacked-buy",
    "buy",
    "▸▸",
    "Stacked buying: three or more levels in a row outweigh the bids one step below",
  ],
  ["buy", "buy", "▸", "Buying outweighs the bids one step below"],
  [
    "stacked-sell",
    "sell",
    "▸▸",
    "Stacked selling: three or more levels in a row outweigh the asks one step above",
  ],
  ["sell", "sell", "▸", "Selling outweighs the asks one step above"],
];

/**
 * @param {HTMLElement} panel
 * @param {string} openTs "" for none
 */
function pick(panel, openTs) {
  const id = { type: "panel-candle", panel: panel.dataset.panel ?? "" };
  window.dash_clientside.set_props(id, { data: openTs });
}

// -- the footprint table's rows -----------------------------------------------------------------

/** @param {HTMLElement} panel */
function isOpen(panel) {
  /** @type {HTMLElement | null} */
  const section = panel.querySelector(".level-section");
  return section !== null && !section.hidden;
}

/** @param {Element} element */
const panelOf = (element) => /** @type {HTMLElement} */ (element.closest(".orderflow-panel"));

/** @param {HTMLTableRowElement} row */
function toggle(row) {
  const panel = panelOf(row);
  const openTs = candleOf(row);
  const shown = find(panel, ".level-table").dataset.openTs;
  pick(panel, isOpen(panel) && shown === openTs ? "" : openTs);
}

/** @param {HTMLElement} panel */
function close(panel) {
  const { openTs } = find(panel, ".level-table").dataset;
  pick(panel, "");
  const row = rowOf(find(panel, ".footprint-rows"), openTs ?? "");
  if (row) row.focus({ preventScroll: true });
}

/** @param {Event} event */
function rowUnder(event) {
  const row = closest(event, ".footprint-rows tr");
  return row?.querySelector("td") ? /** @type {HTMLTableRowElement} */ (row) : null;
}

/**
 * @param {HTMLTableRowElement} row
 * @param {number} by
 */
function moveFocus(row, by) {
  const rows = rowsOf(/** @type {HTMLElement} */ (row.closest(".footprint-rows")));
  rows[rows.indexOf(row) + by]?.focus();
}

/**
 * Escape closes the levels of the focused panel, or of the only panel; then whatever lies around it.
 * @param {Event} event
 */
function panelToClose(event) {
  /** @type {NodeListOf<HTMLElement>} */
  const panels = document.querySelectorAll(".orderflow-panel");
  const panel = closest(event, ".orderflow-panel") || (panels.length === 1 ? panels[0] : null);
  return panel && isOpen(panel) ? panel : null;
}

/**
 * Returns whether the key was used.
 * @param {KeyboardEvent} event
 */
function handleKey(event) {
  const row = rowUnder(event);
  if (row && (event.key === "Enter" || event.key === " ")) toggle(row);
  else if (row && event.key === "ArrowDown") moveFocus(row, 1);
  else if (row && event.key === "ArrowUp") moveFocus(row, -1);
  else {
    const panel = event.key === "Escape" ? panelToClose(event) : null;
    if (panel) close(panel);
    return panel !== null;
  }
  return true;
}

export function openLevelsOnClick() {
  document.addEventListener("click", (event) => {
    const row = rowUnder(event);
    if (row) toggle(row);
    const closer = closest(event, ".level-close");
    if (closer) close(panelOf(closer));
  });
  window.addEventListener(
    "keydown",
    (event) => {
      if (handleKey(event)) {
        event.preventDefault();
        event.stopImmediatePropagation();
        return;
      }
      // The table would use them to select cells, and move the focus.
      const isSelection = ["Tab", "Enter"].includes(event.key) && closest(event, ".footprint-rows");
      if (isSelection) event.stopImmediatePropagation();
    },
    true,
  );
}

// -- the levels ---------------------------------------------------------------------------------

/** @param {HTMLElement} place */
function build(place) {
  const head = createElement("div", "level-head");
  const closer = createElement("button", "level-close btn-close", {
    type: "button",
    "aria-label": "Close the levels",
  });
  head.append(createElement("h3", "level-title"), createElement("span", "section-note level-note"), closer);
  const scroll = createElement("div", "level-scroll", { tabindex: "0" });
  const table = createElement("table");
  table.append(createElement("thead"), createElement("tbody"));
  scroll.append(table);
  place.replaceChildren(head, scroll);
}

/** @param {boolean} swap */
const orderedColumns = (swap) =>
  (swap ? [0, 2, 1, 3, 4, 5] : [0, 1, 2, 3, 4, 5]).map((index) => COLUMNS[index]);

/**
 * @param {HTMLElement} place
 * @param {Content} content
 */
function writeHead(place, content) {
  put(find(place, ".level-title"), "textContent", `Levels ${content.title}`);
  const note = find(place, ".level-note");
  put(note, "textContent", `${content.unit}, ${content.note}`);
  put(note, "title", content.tip);
  if (place.dataset.swap === String(content.swap)) return;
  place.dataset.swap = String(content.swap);
  const row = createElement("tr");
  const help = helpAddresses(panelOf(place));
  for (const [name, label, tip] of orderedColumns(content.swap)) {
    const cell = createElement("th", `level-${name}`);
    cell.append(helpLabel(help, label));
    cell.title = tip;
    row.append(cell);
  }
  find(place, "thead").replaceChildren(row);
  find(place, "tbody").replaceChildren();
}

/** @param {boolean} swap */
function createRow(swap) {
  const row = createElement("tr");
  for (const [name] of orderedColumns(swap)) row.append(createElement("td", `level-${name}`));
  find(row, ".level-bar").append(createElement("i", "bar-bid"), createElement("i", "bar-ask"));
  return row;
}

/**
 * @param {HTMLElement} cell
 * @param {string} text
 * @param {string[]} names
 * @param {"buy" | "sell"} side
 */
function writeMarked(cell, text, names, side) {
  const found = MARKS.find(([name, of]) => of === side && names.includes(name));
  put(cell, "textContent", found ? `${found[2]} ${text}` : text);
  put(cell, "title", found ? found[3] : "");
}

/**
 * @param {HTMLTableRowElement} row
 * @param {Level} level
 */
function writeRow(row, [price, bid, ask, delta, n, bidBar, askBar, marks]) {
  const names = marks ? marks.split(" ") : [];
  /** @param {string} name */
  const cell = (name) => find(row, `.level-${name}`);
  put(row, "className", names.map((name) => `is-${name}`).join(" "));
  put(cell("price"), "textContent", price);
  writeMarked(cell("bid"), bid, names, "sell");
  writeMarked(cell("ask"), ask, names, "buy");
  put(cell("delta"), "textContent", delta);
  cell("delta").dataset.side = delta.startsWith("−") ? "bid" : delta.startsWith("+") ? "ask" : "";
  put(cell("n"), "textContent", n);
  put(find(row, ".bar-bid").style, "width", `${bidBar}%`);
  put(find(row, ".bar-ask").style, "width", `${askBar}%`);
}

/**
 * Rows are kept by price, so that a new level moves the others and rewrites none of them.
 * @param {HTMLElement} place
 * @param {Content} content
 */
function writeRows(place, content) {
  const body = /** @type {HTMLTableSectionElement} */ (find(place, "tbody"));
  const gone = new Map([...body.rows].map((row) => [row.dataset.price, row]));
  let at = body.firstElementChild;
  for (const level of content.rows) {
    const [price] = level;
    const row = gone.get(price) || createRow(content.swap);
    row.dataset.price = price;
    gone.delete(price);
    writeRow(row, level);
    if (row === at) at = at.nextElementSibling;
    else body.insertBefore(row, at);
  }
  for (const row of gone.values()) row.remove();
}

/** @param {HTMLElement} place */
function showPoc(place) {
  const scroll = find(place, ".level-scroll");
  /** @type {HTMLElement | null} */
  const poc = place.querySelector("tr.is-poc");
  if (poc) scroll.scrollTop = poc.offsetTop - (scroll.clientHeight - poc.offsetHeight) / 2;
}

/**
 * @param {HTMLElement} place
 * @param {Content} content
 */
function draw(place, content) {
  if (!place.firstElementChild) build(place);
  const isAnother = place.dataset.openTs !== String(content.open_ts);
  place.dataset.openTs = String(content.open_ts);
  writeHead(place, content);
  writeRows(place, content);
  if (isAnother) window.requestAnimationFrame(() => showPoc(place));
}

/**
 * Show the levels of the open candle; closed without content.
 * @param {HTMLElement} panel
 * @param {Content | null} content
 */
export function showLevels(panel, content) {
  const place = find(panel, ".level-table");
  find(panel, ".level-section").hidden = !content;
  if (content) {
    draw(place, content);
    return;
  }
  delete place.dataset.openTs;
  delete place.dataset.swap;
  place.replaceChildren();
}
