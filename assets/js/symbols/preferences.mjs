/* A person's choices in the symbol table: favorites, venue, columns. Kept in this browser and shared with its other
   tabs. Stored values may come from another version or another script, so all of them are read as unknown. */

const FAVORITES = "symbol-favorites";
const ONLY_FAVORITES = "symbol-only-favorites";
const VENUE = "symbol-venue";
const COLUMNS = "symbol-columns";
export const MOST_FAVORITES = 200;
const ROW_ID = /^[a-z]{1,20}:[^\s:]{1,40}$/;
const NAME = /^[a-z_]{1,20}$/;

/** @typedef {"favorites" | "filter"} Change */
/** @typedef {"wide" | "narrow"} Layout */

/** @type {((change: Change) => void)[]} */
const listeners = [];

/** @type {Record<string, unknown>} values where storage is blocked for this page */
const fallback = {};

/** @param {string} key */
function read(key) {
  try {
    return JSON.parse(window.localStorage.getItem(key) ?? "null") ?? fallback[key];
  } catch {
    return fallback[key];
  }
}

/**
 * @param {string} key
 * @param {unknown} value
 */
function write(key, value) {
  fallback[key] = value;
  try {
    window.localStorage.setItem(key, JSON.stringify(value));
  } catch {
    return; // blocked or full: the choice lasts as long as the page
  }
}

/**
 * The valid texts of a stored list.
 * @param {unknown} value
 * @param {RegExp} form
 * @param {number} most
 * @returns {string[]}
 */
function texts(value, form, most) {
  const list = Array.isArray(value) ? value : [];
  return list.filter((each) => typeof each === "string" && form.test(each)).slice(0, most);
}

const readFavorites = () => new Set(texts(read(FAVORITES), ROW_ID, MOST_FAVORITES));
let favorites = new Set();

/** @param {Change} change */
function notify(change) {
  for (const listener of listeners) listener(change);
}

/* Read the stored choices, and follow changes of the favorites in other tabs; venue and columns are each tab's own. */
export function startPreferences() {
  favorites = readFavorites();
  window.addEventListener("storage", ({ key }) => {
    if (key !== FAVORITES && key !== null) return; // null: the storage was cleared
    delete fallback[FAVORITES];
    favorites = readFavorites();
    notify("favorites");
  });
}

/**
 * Call a function after each change.
 * @param {(change: Change) => void} listener
 */
export function onChange(listener) {
  listeners.push(listener);
}

/** @param {string} id */
export const isFavorite = (id) => favorites.has(id);

export const hasFavorites = () => favorites.size > 0;

/**
 * Add or remove a favorite; false at the limit. Favorites of venues that are not served stay stored.
 * @param {string} id
 */
export function toggleFavorite(id) {
  favorites = readFavorites(); // another tab may have written, with its event still pending
  if (!favorites.delete(id)) {
    if (favorites.size >= MOST_FAVORITES) return false;
    favorites.add(id);
  }
  write(FAVORITES, [...favorites]);
  notify("favorites");
  return true;
}

export const onlyFavorites = () => read(ONLY_FAVORITES) === true;

/* The name of the only venue that is shown, "" for all. One that is not served here counts as none. */
export function venue() {
  const name = read(VENUE);
  if (typeof name !== "string" || !NAME.test(name)) return "";
  return document.querySelector(`.venue-chip[data-venue="${name}"]`) ? name : "";
}

/** @param {{venue?: string, onlyFavorites?: boolean}} filter */
export function chooseFilter({ venue: name, onlyFavorites: isOnly }) {
  if (name !== undefined) write(VENUE, name);
  if (isOnly !== undefined) write(ONLY_FAVORITES, isOnly);
  notify("filter");
}

/**
 * The columns chosen for a layout; null for its defaults.
 * @param {Layout} layout
 */
export function columnsOf(layout) {
  const chosen = read(COLUMNS)?.[layout];
  return Array.isArray(chosen) ? texts(chosen, NAME, 20) : null;
}

/**
 * @param {Layout} layout
 * @param {string[] | null} columns
 */
export function chooseColumns(layout, columns) {
  write(COLUMNS, { wide: columnsOf("wide"), narrow: columnsOf("narrow"), [layout]: columns });
}
