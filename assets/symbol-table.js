/* The symbol table's cells, its theme, and its wiring. */
(function () {
  "use strict";

  const NOTHING = "–";
  const MONEY_PLACES = 2;
  const TICK_MS = 1000;
  const COVERED_TICK_MS = 30000; // a panel lies over the table, which is dimmed and out of reach

  const withMinus = (text) => text.replace("-", "−");

  /* Amounts of money, as the whole page writes them short. */
  const compact = (value) => window.orderflow.footprint.decimal.compact(value ?? NaN, MONEY_PLACES);

  function percent(value, decimals, signed) {
    if (value === null || value === undefined) return NOTHING;
    const text = value.toFixed(decimals);
    return signed && Number(text) > 0 ? "+" + text : withMinus(text);
  }

  function byPrice(_textA, _textB, nodeA, nodeB) {
    return (nodeA.data.price ?? -1) - (nodeB.data.price ?? -1);
  }

  const isStar = ({ column }) => column.getColId() === "favourite";

  window.dashAgGridFunctions = Object.assign(window.dashAgGridFunctions || {}, {
    compact,
    percent,
    byPrice,
    lastText: (params) => params.value ?? NOTHING,
    noText: () => "",
    symbolSearchText: ({ data }) => `${data.symbol} ${data.pair} ${data.venue} ${data.venue_name}${data.pre_market ? " pre-market" : ""}`,
    isFavourite: ({ data }) => window.symbolChoice.isFavourite(data.id),
    clickRow: (params) => {
      const { data, event } = params;
      if (isStar(params)) window.symbolFilter.toggleFavourite(data.id);
      else if (!event.ctrlKey && !event.metaKey) window.symbolKeys.openFromRow(data);
    },
    pressRow: (params) => {
      const { data, event } = params;
      if (isStar(params) && (event.key === "Enter" || event.key === " ")) {
        event.preventDefault();
        window.symbolFilter.toggleFavourite(data.id);
      } else if (event.key === "Enter") {
        window.symbolKeys.openFromRow(data);
      }
    },
    symbolTheme: (quartz) =>
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
      }),
  });

  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});
  const el = (...args) => window.React.createElement(...args);

  /* Clicks and keys reach it through the grid's cell, which is larger. */
  cells.StarCell = ({ data, value }) =>
    el(
      "button",
      {
        type: "button",
        className: "star",
        tabIndex: -1,
        "aria-pressed": String(value),
        "aria-label": `Favourite: ${data.symbol}, ${data.venue_name}`,
      },
      value ? "★" : "☆"
    );

  cells.SymbolCell = ({ data }) => {
    const query = new URLSearchParams({ exchange: data.venue, symbol: data.symbol });
    return el(
      "a",
      {
        className: "symbol-link",
        href: "?" + query,
        tabIndex: -1,
        onClick: (event) => {
          if (!event.ctrlKey && !event.metaKey && !event.shiftKey) event.preventDefault();
        },
      },
      el(
        "span",
        { className: "live-dot", title: "The server streams this symbol now" },
        el("span", { className: "visually-hidden" }, "streams now")
      ),
      el("span", { className: "symbol-name" }, data.symbol),
      el("span", { className: "symbol-pair" }, data.pair),
      el("span", { className: "symbol-venue" }, data.simulated ? "simulated" : data.venue_name + (data.pre_market ? ", pre-market" : ""))
    );
  };

  cells.VenueCell = ({ data }) =>
    el(
      "span",
      { className: "venue-cell" },
      data.venue_name,
      data.simulated ? el("span", { className: "simulated-badge" }, "simulated") : null,
      data.pre_market ? el("span", { className: "pre-market-badge" }, "Pre-market") : null
    );

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    symbols: {
      begin: (id) => {
        window.dash_ag_grid.getApiAsync(id).then((grid) => {
          window.symbolKeys.begin(grid);
          window.symbolDay.begin(grid);
          window.symbolFilter.begin(grid);
        });
      },
      search: () => window.symbolFilter.search(),
      columns: (columns) => window.symbolFilter.columns(columns),
      modal: (isOpen) => window.symbolKeys.modal(isOpen),
      pace: (isOpen) => (isOpen ? COVERED_TICK_MS : TICK_MS),
    },
  });
})();
