/* The bar above the symbol table: the shown rows and columns, and the text of an empty table. */

import { byId, closest, find, put } from "../dom.mjs";
import * as preferences from "./preferences.mjs";

/** @import {Change, Layout} from "./preferences.mjs" */

const WIDE_FROM = 640; // px of the table; symbol-table.css has the same
/** @type {Record<Layout, string[]>} */
const DEFAULT_COLUMNS = {
  wide: ["venue_name", "last", "change", "day", "volume", "funding", "interest"],
  narrow: ["last", "change", "volume"],
};
const ROW_HEIGHT = { wide: 28, narrow: 44 };
const HEADER_HEIGHT = { wide: 30, narrow: 38 };
const NARROW_FIGURES = 280; // px of the star and the narrow layout's figures
const SYMBOL_LEAST = 200; // px of the symbol's column in the wide layout
const SYMBOL_PADDING = 50; // px of its cell beside name and pair
const SORT_EVERY_MS = 10000;

const search = () => /** @type {HTMLInputElement | null} */ (document.getElementById("symbol-search"));
const searched = () => search()?.value.trim() ?? "";

/** @type {any} */
let grid = null;
/** @type {Layout | null} */
let layout = null;
let refusal = "";

const isFiltered = () => Boolean(preferences.venue()) || preferences.onlyFavorites();

/** @param {{data: {id: string, venue: string}}} node */
function passes({ data }) {
  const venue = preferences.venue();
  const isVenue = !venue || data.venue === venue;
  return isVenue && (!preferences.onlyFavorites() || preferences.isFavorite(data.id));
}

function showChips() {
  const venue = preferences.venue();
  /** @type {NodeListOf<HTMLElement>} */
  const chips = document.querySelectorAll(".venue-chip");
  for (const chip of chips) chip.setAttribute("aria-pressed", String(chip.dataset.venue === venue));
  byId("only-favorites").setAttribute("aria-pressed", String(preferences.onlyFavorites()));
}

/**
 * The text of an empty table.
 * @param {number} rows in all
 */
function emptyText(rows) {
  if (!rows) return "No symbols yet: no venue has answered. The lines above show why.";
  const chip = document.querySelector('.venue-chip[aria-pressed="true"]');
  const venue = preferences.venue() && chip ? (chip.textContent ?? "") : "";
  const text = searched();
  if (text) {
    const where = (venue && ` at ${venue}`) + (preferences.onlyFavorites() ? " among your favorites" : "");
    return `No symbol matches “${text}”${where}. Esc in the search clears it.`;
  }
  if (!preferences.onlyFavorites())
    return `${venue} has not listed its symbols yet. The lines above show why.`;
  if (venue || preferences.hasFavorites()) return `No favorite to show${venue && ` at ${venue}`} now.`;
  return "No favorites yet. Click the star beside a symbol to add one.";
}

function showCount() {
  const shown = grid.getDisplayedRowCount();
  let rows = 0;
  grid.forEachNode(() => {
    rows += 1;
  });
  const count = byId("symbol-count");
  put(count, "textContent", refusal || (shown === rows ? `${rows} symbols` : `${shown} of ${rows} symbols`));
  count.toggleAttribute("data-refused", Boolean(refusal));
  byId("symbol-none").hidden = shown > 0;
  put(byId("symbol-none-text"), "textContent", shown ? "" : emptyText(rows));
  byId("symbol-none-reset").hidden = !rows;
}

function filterRows() {
  const isFocused = document.activeElement?.closest(".symbol-table .ag-cell");
  const at = isFocused ? grid.getFocusedCell() : null;
  showChips();
  grid.onFilterChanged();
  if (!at) return;
  // The focused row may have left: its neighbor takes the focus.
  const row = Math.min(at.rowIndex, grid.getDisplayedRowCount() - 1);
  if (row >= 0) grid.setFocusedCell(row, at.column);
  else byId("only-favorites").focus();
}

/** @param {string} id */
export function toggleFavorite(id) {
  refusal = "";
  if (preferences.toggleFavorite(id)) return;
  refusal = `Limit of ${preferences.MOST_FAVORITES} favorites reached: remove one first`;
  showCount();
}

/** @param {Change} change */
function followPreferences(change) {
  if (!grid) return;
  if (change === "favorites") grid.refreshCells({ columns: ["favorite"] });
  if (change === "filter" || preferences.onlyFavorites()) filterRows();
  showCount();
}

/**
 * A layout's default columns; a table without sparklines lacks theirs.
 * @param {Layout} layout
 */
const defaultColumns = (layout) => DEFAULT_COLUMNS[layout].filter((each) => grid.getColumn(each));

/** @param {string[]} columns */
function applyColumns(columns) {
  for (const each of defaultColumns("wide")) {
    const isChosen = columns.includes(each);
    if (grid.getColumn(each).isVisible() !== isChosen) grid.setColumnsVisible([each], isChosen);
  }
}

/* Width of the longest name and pair in the symbol's cell, px. */
function longestSymbol() {
  const context = /** @type {CanvasRenderingContext2D} */ (document.createElement("canvas").getContext("2d"));
  const family = window.getComputedStyle(document.body).fontFamily;
  let longest = 0;
  grid.forEachNode((/** @type {{data: {symbol: string, pair: string}}} */ { data }) => {
    context.font = `600 13px ${family}`;
    const name = context.measureText(data.symbol).width;
    context.font = `11px ${family}`;
    longest = Math.max(longest, name + context.measureText(data.pair).width);
  });
  return Math.ceil(longest) + SYMBOL_PADDING;
}

/**
 * As wide as its names, if the other columns leave that much.
 * @param {number} width
 */
function symbolWidth(width) {
  /** @type {any[]} */
  const columns = grid.getAllGridColumns();
  const others = columns.filter((each) => each.getColId() !== "symbol" && each.isVisible());
  const taken = others.reduce(
    (sum, each) => sum + (each.isPinned() ? each.getActualWidth() : each.getMinWidth()),
    0,
  );
  return Math.max(SYMBOL_LEAST, Math.min(longestSymbol(), width - taken));
}

/* The table's width decides the layout, and each layout has columns of its own. */
function fit() {
  const table = find(document, ".symbol-table");
  const width = table.clientWidth;
  if (!width) return;
  const fitting = width >= WIDE_FROM ? "wide" : "narrow";
  // A scroll bar that floats over the rows takes no room.
  /** @type {HTMLElement | null} */
  const bar = table.querySelector(".ag-body-vertical-scroll:not(.ag-scrollbar-invisible)");
  const room = width - (bar?.offsetWidth ?? 0);
  const symbol = fitting === "wide" ? symbolWidth(room) : Math.max(112, Math.min(150, room - NARROW_FIGURES));
  grid.setColumnWidths([{ key: "symbol", newWidth: symbol }]);
  if (fitting === layout) return;
  layout = fitting;
  grid.setGridOption("rowHeight", ROW_HEIGHT[layout]);
  grid.setGridOption("headerHeight", HEADER_HEIGHT[layout]);
  const columns = preferences.columnsOf(layout) || defaultColumns(layout);
  applyColumns(columns);
  window.dash_clientside.set_props("symbol-columns", { value: columns });
}

function showAll() {
  window.dash_clientside.set_props("symbol-search", { value: "" });
  preferences.chooseFilter({ venue: "", onlyFavorites: false });
  search()?.focus();
}

/* Rows keep their place while a person points at them or has the focus there. */
function sortRows() {
  const isUsed = document.querySelector(".symbol-table:hover, .symbol-table:focus-within, .modal.show");
  if (grid && !isUsed && !document.hidden) grid.refreshClientSideRowModel("sort");
}

/** @returns {HTMLDetailsElement | null} */
const openMenu = () => document.querySelector(".column-menu[open]");

/** @param {Event} event */
function closeMenuUnless({ target }) {
  const menu = openMenu();
  if (menu && !menu.contains(/** @type {Node} */ (target))) menu.open = false;
}

/** @param {MouseEvent} event */
function handleClick(event) {
  const chip = closest(event, ".venue-chip");
  if (chip) preferences.chooseFilter({ venue: chip.dataset.venue });
  if (closest(event, "#only-favorites")) {
    preferences.chooseFilter({ onlyFavorites: !preferences.onlyFavorites() });
  }
  if (closest(event, "#symbol-none-reset")) showAll();
  closeMenuUnless(event);
}

/** @param {KeyboardEvent} event */
function handleKey(event) {
  const menu = event.key === "Escape" && closest(event, ".column-menu[open]") ? openMenu() : null;
  if (!menu) return;
  menu.open = false;
  menu.querySelector("summary")?.focus();
}

export function listenToBar() {
  document.addEventListener("click", handleClick);
  document.addEventListener("focusin", closeMenuUnless);
  document.addEventListener("keydown", handleKey);
}

/** @param {any} api of the grid */
export function startFilter(api) {
  grid = api;
  grid.setGridOption("isExternalFilterPresent", isFiltered);
  grid.setGridOption("doesExternalFilterPass", passes);
  grid.addEventListener("gridSizeChanged", fit);
  grid.addEventListener("rowDataUpdated", fit);
  grid.addEventListener("modelUpdated", showCount);
  preferences.onChange(followPreferences);
  fit();
  filterRows();
  window.setInterval(sortRows, SORT_EVERY_MS);
}

/* Filter by the text in the search field. */
export function searchRows() {
  refusal = "";
  if (!grid) return;
  grid.setGridOption("quickFilterText", searched());
  showCount();
}

/** @param {string[] | null} columns */
export function chooseColumns(columns) {
  if (!grid || !layout || !columns) return;
  const isDefault = [...columns].sort().join() === defaultColumns(layout).sort().join();
  preferences.chooseColumns(layout, isDefault ? null : columns);
  applyColumns(columns);
}
