/* The symbol table's cells, its theme, and its callbacks. */

import { compact as compactNumber } from "../chart/model/decimal.mjs";
import { chooseColumns, searchRows, startFilter, toggleFavorite } from "./filter.mjs";
import { followModal, openFromRow, startKeyboard } from "./keyboard.mjs";
import { isFavorite } from "./preferences.mjs";
import { DayCell, startSparklines } from "./sparkline.mjs";

/** @typedef {Record<string, any>} Row as web/symbols/rows.py makes it */

const NOTHING = "–";
const MONEY_PLACES = 2;
const TICK_MS = 1000;
const COVERED_TICK_MS = 30000; // a panel covers the table

/**
 * Amounts of money, short as on the whole page.
 * @param {number | null | undefined} value
 */
const compact = (value) => compactNumber(value ?? NaN, MONEY_PLACES);

/**
 * @param {number | null | undefined} value
 * @param {number} decimals
 * @param {boolean} signed
 */
function percent(value, decimals, signed) {
  if (value === null || value === undefined) return NOTHING;
  const text = value.toFixed(decimals);
  return signed && Number(text) > 0 ? `+${text}` : text.replace("-", "−");
}

/** @type {(textA: unknown, textB: unknown, nodeA: {data: Row}, nodeB: {data: Row}) => number} */
const byPrice = (_textA, _textB, nodeA, nodeB) => (nodeA.data.price ?? -1) - (nodeB.data.price ?? -1);

/** @param {{data: Row}} params */
const symbolSearchText = ({ data }) =>
  `${data.symbol} ${data.pair} ${data.venue} ${data.venue_name}${data.pre_market ? " pre-market" : ""}`;

/** @param {{column: any}} params */
const isStar = ({ column }) => column.getColId() === "favorite";

/** @param {{data: any, column: any, event: MouseEvent}} params */
function clickRow(params) {
  const { data, event } = params;
  if (isStar(params)) toggleFavorite(data.id);
  else if (!event.ctrlKey && !event.metaKey) openFromRow(data);
}

/** @param {{data: any, column: any, event: KeyboardEvent}} params */
function pressRow(params) {
  const { data, event } = params;
  if (isStar(params) && (event.key === "Enter" || event.key === " ")) {
    event.preventDefault();
    toggleFavorite(data.id);
  } else if (event.key === "Enter") openFromRow(data);
}

/** @param {any} quartz */
const symbolTheme = (quartz) =>
  quartz.withParams({
    accentColor: "var(--of-accent)",
    backgroundColor: "var(--of-surface)",
    foregroundColor: "var(--of-text)",
    borderColor: "var(--of-line)",
    rowBorder: { color: "var(--of-line)" },
    chromeBackgroundColor: "var(--of-surface)",
    headerBackgroundColor: "var(--of-surface)",
    headerTextColor: "var(--of-muted)",
    headerFontSize: 12,
    headerFontWeight: 500,
    headerColumnResizeHandleColor: "transparent",
    oddRowBackgroundColor: "transparent",
    rowHoverColor: "var(--of-raised)",
    fontFamily: "var(--of-font)",
    fontSize: 13,
    cellHorizontalPadding: 12,
    spacing: 6,
    wrapperBorder: false,
    wrapperBorderRadius: 0,
    browserColorScheme: "inherit",
  });

/* The functions that the columns of web/symbols/table.py name. */
export const gridFunctions = {
  compact,
  percent,
  byPrice,
  symbolSearchText,
  clickRow,
  pressRow,
  symbolTheme,
  /** @param {{value: unknown}} params */
  lastText: ({ value }) => value ?? NOTHING,
  noText: () => "",
  /** @param {{data: Row}} params */
  isFavorite: ({ data }) => isFavorite(data.id),
};

/** @type {(...args: unknown[]) => unknown} */
const element = (...args) => window.React.createElement(...args);

/**
 * Clicks and keys reach it through the grid's cell, which is larger.
 * @param {{data: Row, value: boolean}} params
 */
function StarCell({ data, value }) {
  const label = `Favorite: ${data.symbol}, ${data.venue_name}`;
  const attributes = { className: "star", "aria-pressed": String(value), "aria-label": label };
  return element("button", { type: "button", tabIndex: -1, ...attributes }, value ? "★" : "☆");
}

/** @param {MouseEvent} event */
function keepPage(event) {
  if (!event.ctrlKey && !event.metaKey && !event.shiftKey) event.preventDefault();
}

/** @param {{data: Row}} params */
function SymbolCell({ data }) {
  const href = `?${new URLSearchParams({ exchange: data.venue, symbol: data.symbol })}`;
  const venue = data.venue_name + (data.pre_market ? ", pre-market" : "");
  return element(
    "a",
    { className: "symbol-link", href, tabIndex: -1, onClick: keepPage },
    element(
      "span",
      { className: "live-dot", title: "The server streams this symbol now" },
      element("span", { className: "visually-hidden" }, "streams now"),
    ),
    element("span", { className: "symbol-name" }, data.symbol),
    element("span", { className: "symbol-pair" }, data.pair),
    element("span", { className: "symbol-venue" }, data.simulated ? "simulated" : venue),
  );
}

/** @param {{data: Row}} params */
function VenueCell({ data }) {
  return element(
    "span",
    { className: "venue-cell" },
    data.venue_name,
    data.simulated ? element("span", { className: "simulated-badge" }, "simulated") : null,
    data.pre_market ? element("span", { className: "pre-market-badge" }, "Pre-market") : null,
  );
}

export const gridCells = { StarCell, SymbolCell, VenueCell, DayCell };

/* Clientside callbacks. */
export const symbols = {
  /** @param {string} id of the grid */
  start: (id) => {
    window.dash_ag_grid.getApiAsync(id).then((grid) => {
      startKeyboard(grid);
      startSparklines(grid);
      startFilter(grid);
    });
  },
  search: () => searchRows(),
  /** @param {string[] | null} columns */
  columns: (columns) => chooseColumns(columns),
  /** @param {boolean} isOpen */
  modal: (isOpen) => followModal(isOpen),
  /** @param {boolean} isOpen */
  pace: (isOpen) => (isOpen ? COVERED_TICK_MS : TICK_MS),
};
