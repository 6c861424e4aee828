/* From the search to a panel and back without a mouse: "/" searches, Enter opens, Escape returns to where one was. */
(function () {
  "use strict";

  const TYPED_IN = "input:not([type=checkbox]):not([type=radio]), textarea, select, [contenteditable]";

  let grid = null;
  let cameFrom = null; // what opened the panel: "search", or the id of a row

  const field = () => document.getElementById("symbol-search");

  function open(row, from) {
    cameFrom = from;
    window.dash_clientside.address.open(row.venue, row.symbol);
  }

  function focusRow(node) {
    const at = grid.getFocusedCell();
    grid.ensureIndexVisible(node.rowIndex);
    grid.setFocusedCell(node.rowIndex, at ? at.column : "symbol");
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
      grid.ensureIndexVisible(0);
      grid.setFocusedCell(0, "symbol");
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
    if (node && node.displayed) focusRow(node);
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
