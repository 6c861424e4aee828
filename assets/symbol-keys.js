/* From the search to a panel and back without a mouse: "/" searches, Enter opens, Escape returns to where one was. */
(function () {
  "use strict";

  const TYPED_IN = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";

  const FRAMES_TO_DRAW = 30;

  let grid = null;
  let cameFrom = null; // what opened the panel: "search", or the id of a row

  const field = () => document.getElementById("symbol-search");

  function open(row, from) {
    cameFrom = from;
    window.dash_clientside.address.open(row.venue, row.symbol);
  }

  /* A row that was out of sight is drawn some frames after it was scrolled to, and takes no focus before. */
  function focusRow(node, column, frames = FRAMES_TO_DRAW) {
    grid.ensureIndexVisible(node.rowIndex);
    const row = document.querySelector(`.symbol-table .ag-row[row-id="${CSS.escape(node.id)}"]`);
    if (row) grid.setFocusedCell(node.rowIndex, column);
    const isFocused = row && document.activeElement.closest(".ag-row") === row;
    if (!isFocused && frames) window.requestAnimationFrame(() => focusRow(node, column, frames - 1));
  }

  function inSearch(event) {
    if (!grid || event.isComposing) return;
    if (event.key === "Escape" && field().value) {
      event.preventDefault();
      window.dash_clientside.set_props("symbol-search", { value: "" });
      return;
    }
    if (event.key !== "Enter" && event.key !== "ArrowDown") return;
    event.preventDefault();
    window.symbolFilter.search();
    const first = grid.getDisplayedRowAtIndex(0);
    if (!first) return;
    if (event.key === "Enter") {
      open(first.data, "search");
    } else {
      focusRow(first, "symbol");
    }
  }

  document.addEventListener("keydown", (event) => {
    if (event.target === field()) {
      inSearch(event);
      return;
    }
    const isPlain = event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey;
    if (!isPlain || !field() || event.target.closest(TYPED_IN) || document.querySelector(".modal.show")) return;
    event.preventDefault();
    field().focus();
    field().select();
  });

  function whenGone(css, then) {
    const check = () => {
      if (document.querySelector(css)) return false;
      watch.disconnect();
      then();
      return true;
    };
    const watch = new MutationObserver(check);
    if (!check()) watch.observe(document.body, { childList: true });
  }

  function goBack() {
    const from = cameFrom;
    cameFrom = null;
    if (from === null) return; // opened by the address: nobody came from the table
    const node = from === "search" ? null : grid.getRowNode(from);
    const at = grid.getFocusedCell();
    if (node && node.displayed) focusRow(node, at ? at.column : "symbol");
    else field().focus();
  }

  window.symbolKeys = {
    begin: (api) => {
      grid = api;
    },

    openFromRow: (row) => open(row, row.id),

    /* The modal opened or closed. While it closes it still holds the focus. */
    modal: (isOpen) => {
      if (!isOpen) whenGone(".orderflow-modal", goBack);
    },
  };
})();
