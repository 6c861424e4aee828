/* From the search to a panel and back without a mouse: "/" searches, Enter opens, Escape returns to the origin. */

import { byId } from "../dom.mjs";
import { openSymbol } from "../pages/address-bar.mjs";
import { searchRows } from "./filter.mjs";

const TYPED_IN = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";
const FRAMES_TO_DRAW = 30;

/** @typedef {{id: string, venue: string, symbol: string}} Row */

/** @type {any} */
let grid = null;
/** @type {string | null} the opener of the panel: "search", or the id of a row */
let origin = null;

const field = () => /** @type {HTMLInputElement | null} */ (document.getElementById("symbol-search"));

/**
 * @param {Row} row
 * @param {string} from
 */
function open(row, from) {
  origin = from;
  openSymbol(row.venue, row.symbol);
}

/**
 * Focus a row. One out of sight is drawn some frames after scrolling, and takes no focus before.
 * @param {any} node
 * @param {unknown} column
 */
function focusRow(node, column, frames = FRAMES_TO_DRAW) {
  grid.ensureIndexVisible(node.rowIndex);
  const row = document.querySelector(`.symbol-table .ag-row[row-id="${CSS.escape(node.id)}"]`);
  if (row) grid.setFocusedCell(node.rowIndex, column);
  const isFocused = row && document.activeElement?.closest(".ag-row") === row;
  if (!isFocused && frames) window.requestAnimationFrame(() => focusRow(node, column, frames - 1));
}

/**
 * @param {KeyboardEvent} event
 * @param {HTMLInputElement} search
 */
function handleSearchKey(event, search) {
  if (!grid || event.isComposing) return;
  if (event.key === "Escape" && search.value) {
    event.preventDefault();
    window.dash_clientside.set_props("symbol-search", { value: "" });
    return;
  }
  if (event.key !== "Enter" && event.key !== "ArrowDown") return;
  event.preventDefault();
  searchRows();
  const first = grid.getDisplayedRowAtIndex(0);
  if (!first) return;
  if (event.key === "Enter") open(first.data, "search");
  else focusRow(first, "symbol");
}

/** @param {KeyboardEvent} event */
function handleKey(event) {
  const search = field();
  if (!search) return;
  if (event.target === search) {
    handleSearchKey(event, search);
    return;
  }
  const isPlain = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
  const isTyping = event.target instanceof Element && event.target.closest(TYPED_IN);
  if (!isPlain || isTyping || document.querySelector(".modal.show")) return;
  event.preventDefault();
  search.focus();
  search.select();
}

/**
 * Call a function once an element has left the page.
 * @param {string} css
 * @param {() => void} then
 */
function whenGone(css, then) {
  const check = () => {
    if (document.querySelector(css)) return false;
    observer.disconnect();
    then();
    return true;
  };
  const observer = new MutationObserver(check);
  if (!check()) observer.observe(document.body, { childList: true });
}

function goBack() {
  const from = origin;
  origin = null;
  if (from === null) return; // opened by the address
  const node = from === "search" ? null : grid.getRowNode(from);
  const at = grid.getFocusedCell();
  if (node?.displayed) focusRow(node, at ? at.column : "symbol");
  else byId("symbol-search").focus();
}

export function listenForKeys() {
  document.addEventListener("keydown", handleKey);
}

/** @param {any} api of the grid */
export function startKeyboard(api) {
  grid = api;
}

/** @param {Row} row */
export const openFromRow = (row) => open(row, row.id);

/**
 * The modal opened or closed. A closing modal still holds the focus.
 * @param {boolean} isOpen
 */
export function followModal(isOpen) {
  if (!isOpen) whenGone(".orderflow-modal", goBack);
}
