/* The address bar and the modal. A request to open a panel goes into the store "address"; an open panel writes its name
   into the address bar. Opening a row adds a history entry, changing a control does not. */

/** @typedef {{search: string, at: number}} Request */

let pushNext = false;
let shown = ""; // the search that names the open panel

/**
 * @param {string} search
 * @returns {Request}
 */
function request(search) {
  return { search, at: Date.now() };
}

/**
 * Show a search in the address bar, as a new history entry if `push`.
 * @param {string} search
 * @param {boolean} push
 */
export function writeSearch(search, push) {
  if (search === window.location.search) return;
  const url = window.location.pathname + search + window.location.hash;
  if (push) window.history.pushState(null, "", url);
  else window.history.replaceState(null, "", url);
}

/**
 * Open a symbol's panel.
 * @param {string} exchange
 * @param {string} symbol
 */
export function openSymbol(exchange, symbol) {
  pushNext = true;
  const search = `?${new URLSearchParams({ exchange, symbol })}`;
  window.dash_clientside.set_props("address", { data: request(search) });
}

export function followHistory() {
  window.addEventListener("popstate", () => {
    pushNext = false;
    window.dash_clientside.set_props("address", { data: request(window.location.search) });
  });
}

/* Clientside callbacks. */
export const address = {
  /** The request that the address bar of a loaded page names. */
  read: () => request(window.location.search),

  /**
   * Name the open panel in the address bar.
   * @param {Record<string, string>[] | null} views of all panels of the page
   */
  follow: (views) => {
    const view = (views || [])[0];
    document.title = view ? `${view.symbol} ${view.tf} · Order flow` : "Order flow";
    if (view) {
      shown = `?${new URLSearchParams(view)}`;
      writeSearch(shown, pushNext);
      pushNext = false;
    }
    return window.location.search;
  },

  /**
   * Repeat a request with each tick of the page until the venue has answered.
   * @param {number} _tick
   * @param {boolean} due
   */
  retry: (_tick, due) => {
    const { no_update } = window.dash_clientside;
    return due ? [{ ...request(window.location.search), again: true }, false] : [no_update, no_update];
  },

  /**
   * Remove a closed panel from the address bar. An address that opened no panel stays.
   * @param {boolean} isOpen
   */
  closed: (isOpen) => {
    if (isOpen || !shown || window.location.search !== shown) return window.dash_clientside.no_update;
    shown = "";
    writeSearch("", true);
    return request("");
  },
};
