/* The bar above the symbol table: which rows and which columns are shown, and what to do where none is. */
(function () {
  "use strict";

  const WIDE_FROM = 640; // px of the table; 30-symbol-table.css has the same
  const DEFAULT_COLUMNS = {
    wide: ["venue_name", "last", "change", "day", "volume", "funding", "interest"],
    narrow: ["last", "change", "volume"],
  };
  const ROW_HEIGHT = { wide: 28, narrow: 44 };
  const HEADER_HEIGHT = { wide: 30, narrow: 38 };
  const NARROW_FIGURES = 280; // px of the star and the narrow layout's figures
  const SYMBOL_LEAST = 200; // px of the symbol's column in the wide layout
  const SYMBOL_AIR = 50; // px of its cell beside name and pair
  const SORT_ANEW_MS = 10000;

  const choice = window.symbolChoice;
  const search = () => document.getElementById("symbol-search");
  const searched = () => (search() ? search().value.trim() : "");

  let grid = null;
  let layout = "";
  let refusal = "";

  const isFiltered = () => Boolean(choice.venue()) || choice.onlyFavourites();

  const passes = ({ data }) =>
    (!choice.venue() || data.venue === choice.venue()) &&
    (!choice.onlyFavourites() || choice.isFavourite(data.id));

  function showChips() {
    for (const chip of document.querySelectorAll(".venue-chip")) {
      chip.setAttribute("aria-pressed", String(chip.dataset.venue === choice.venue()));
    }
    document.getElementById("only-favourites").setAttribute("aria-pressed", String(choice.onlyFavourites()));
  }

  function sentence(rows) {
    if (!rows) return "No symbol to show yet: no venue has answered. The lines above say why.";
    const chip = document.querySelector('.venue-chip[aria-pressed="true"]');
    const venue = choice.venue() && chip ? chip.textContent : "";
    const text = searched();
    if (text) {
      const where = (venue && ` at ${venue}`) + (choice.onlyFavourites() ? " among your favourites" : "");
      return `No symbol matches “${text}”${where}. Esc in the search clears it.`;
    }
    if (!choice.onlyFavourites()) return `${venue} has not told its symbols yet. The lines above say why.`;
    if (venue || choice.hasFavourites()) return `No favourite to show${venue && ` at ${venue}`} now.`;
    return "No favourite yet. The star beside a symbol makes it one.";
  }

  /* A text that stays is not said again. */
  function say(id, text) {
    const place = document.getElementById(id);
    if (place.textContent !== text) place.textContent = text;
  }

  function showCount() {
    const shown = grid.getDisplayedRowCount();
    let rows = 0;
    grid.forEachNode(() => (rows += 1));
    say("symbol-count", refusal || (shown === rows ? `${rows} symbols` : `${shown} of ${rows} symbols`));
    document.getElementById("symbol-count").toggleAttribute("data-refused", Boolean(refusal));
    document.getElementById("symbol-none").hidden = shown > 0;
    say("symbol-none-text", shown ? "" : sentence(rows));
    document.getElementById("symbol-none-reset").hidden = !rows;
  }

  function filterRows() {
    const at = document.activeElement.closest(".symbol-table .ag-cell") ? grid.getFocusedCell() : null;
    showChips();
    grid.onFilterChanged();
    if (!at) return;
    // The row in focus may have left: its neighbour takes its place.
    const row = Math.min(at.rowIndex, grid.getDisplayedRowCount() - 1);
    if (row >= 0) grid.setFocusedCell(row, at.column);
    else document.getElementById("only-favourites").focus();
  }

  function toggleFavourite(id) {
    refusal = "";
    if (choice.toggleFavourite(id)) return;
    refusal = `${choice.MOST_FAVOURITES} favourites at most: take one back first`;
    showCount();
  }

  function followChoice(what) {
    if (!grid) return;
    if (what === "favourites") grid.refreshCells({ columns: ["favourite"] });
    if (what === "filter" || choice.onlyFavourites()) filterRows();
    showCount();
  }

  /* A table whose venues tell no day has no such column. */
  const defaults = () => DEFAULT_COLUMNS[layout].filter((each) => grid.getColumn(each));

  function showColumns(columns) {
    for (const each of DEFAULT_COLUMNS.wide.filter((name) => grid.getColumn(name))) {
      const isChosen = columns.includes(each);
      if (grid.getColumn(each).isVisible() !== isChosen) grid.setColumnsVisible([each], isChosen);
    }
  }

  /* px that the longest name and pair take in the symbol's cell. */
  function longestSymbol() {
    const context = document.createElement("canvas").getContext("2d");
    const family = window.getComputedStyle(document.body).fontFamily;
    let longest = 0;
    grid.forEachNode(({ data }) => {
      context.font = `600 13px ${family}`;
      const name = context.measureText(data.symbol).width;
      context.font = `11px ${family}`;
      longest = Math.max(longest, name + context.measureText(data.pair).width);
    });
    return Math.ceil(longest) + SYMBOL_AIR;
  }

  /* As wide as its names, where the other columns leave so much. */
  function symbolWidth(width) {
    const others = grid.getAllGridColumns().filter((each) => each.getColId() !== "symbol" && each.isVisible());
    const taken = others.reduce((sum, each) => sum + (each.isPinned() ? each.getActualWidth() : each.getMinWidth()), 0);
    return Math.max(SYMBOL_LEAST, Math.min(longestSymbol(), width - taken));
  }

  /* The table's width decides the layout, and each layout has columns of its own. */
  function fit() {
    const width = document.querySelector(".symbol-table").clientWidth;
    if (!width) return;
    const fitting = width >= WIDE_FROM ? "wide" : "narrow";
    // One that floats over the rows takes no room.
    const bar = document.querySelector(".symbol-table .ag-body-vertical-scroll:not(.ag-scrollbar-invisible)");
    const room = width - (bar?.offsetWidth ?? 0);
    const symbol = fitting === "wide" ? symbolWidth(room) : Math.max(112, Math.min(150, room - NARROW_FIGURES));
    grid.setColumnWidths([{ key: "symbol", newWidth: symbol }]);
    if (fitting === layout) return;
    layout = fitting;
    grid.setGridOption("rowHeight", ROW_HEIGHT[layout]);
    grid.setGridOption("headerHeight", HEADER_HEIGHT[layout]);
    const columns = choice.columns(layout) || defaults();
    showColumns(columns);
    window.dash_clientside.set_props("symbol-columns", { value: columns });
  }

  function showAll() {
    window.dash_clientside.set_props("symbol-search", { value: "" });
    choice.choose({ venue: "", onlyFavourites: false });
    search().focus();
  }

  /* Rows keep their place while somebody points at them or has the focus there. */
  function sortAnew() {
    const isUsed = document.querySelector(".symbol-table:hover, .symbol-table:focus-within, .modal.show");
    if (grid && !isUsed && !document.hidden) grid.refreshClientSideRowModel("sort");
  }

  function closeMenuUnless(target) {
    const menu = document.querySelector(".column-menu[open]");
    if (menu && !menu.contains(target)) menu.open = false;
  }

  document.addEventListener("click", ({ target }) => {
    const chip = target.closest(".venue-chip");
    if (chip) choice.choose({ venue: chip.dataset.venue });
    if (target.closest("#only-favourites")) choice.choose({ onlyFavourites: !choice.onlyFavourites() });
    if (target.closest("#symbol-none-reset")) showAll();
    closeMenuUnless(target);
  });

  document.addEventListener("focusin", ({ target }) => closeMenuUnless(target));

  document.addEventListener("keydown", (event) => {
    const menu = event.key === "Escape" && event.target.closest(".column-menu[open]");
    if (!menu) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });

  window.symbolFilter = {
    toggleFavourite,

    begin: (api) => {
      grid = api;
      grid.setGridOption("isExternalFilterPresent", isFiltered);
      grid.setGridOption("doesExternalFilterPass", passes);
      grid.addEventListener("gridSizeChanged", fit);
      grid.addEventListener("rowDataUpdated", fit);
      grid.addEventListener("modelUpdated", showCount);
      choice.follow(followChoice);
      fit();
      filterRows();
      window.setInterval(sortAnew, SORT_ANEW_MS);
    },

    /* Filter by what the search field holds now. */
    search: () => {
      refusal = "";
      if (!grid) return;
      grid.setGridOption("quickFilterText", searched());
      showCount();
    },

    columns: (columns) => {
      if (!grid || !layout || !columns) return;
      const isDefault = [...columns].sort().join() === defaults().sort().join();
      choice.chooseColumns(layout, isDefault ? null : columns);
      showColumns(columns);
    },
  };
})();
