/* The symbol table's cells, its theme, and how a row is opened. */
(function () {
  "use strict";

  const UNITS = [
    [1e12, "T"],
    [1e9, "B"],
    [1e6, "M"],
    [1e3, "k"],
  ];
  const NOTHING = "–";

  /* Three significant digits with k, M, B or T. */
  function compact(value) {
    if (value === null || value === undefined) return NOTHING;
    const size = Math.abs(value);
    for (const [unit, letter] of UNITS) {
      if (size >= unit * 0.9995) {
        const scaled = value / unit;
        const decimals = Math.abs(scaled) < 9.995 ? 2 : Math.abs(scaled) < 99.95 ? 1 : 0;
        return scaled.toFixed(decimals) + letter;
      }
    }
    return value.toFixed(size < 10 ? 2 : size < 100 ? 1 : 0);
  }

  function percent(value, decimals, signed) {
    if (value === null || value === undefined) return NOTHING;
    const text = value.toFixed(decimals);
    return signed && Number(text) > 0 ? "+" + text : text;
  }

  function byPrice(_textA, _textB, nodeA, nodeB) {
    return (nodeA.data.price ?? -1) - (nodeB.data.price ?? -1);
  }

  function open(row) {
    window.dash_clientside.address.open(row.venue, row.symbol);
  }

  /* On a narrow screen the venue moves into the symbol's cell (30-symbol-table.css). */
  function fitColumns(grid) {
    const wide = document.querySelector(".symbol-table").clientWidth >= 640;
    if (grid.getColumn("venue_name").isVisible() !== wide) grid.setColumnsVisible(["venue_name"], wide);
  }

  const api = () => window.dash_ag_grid.getApi("symbols");

  window.dashAgGridFunctions = Object.assign(window.dashAgGridFunctions || {}, {
    compact,
    percent,
    byPrice,
    lastText: (params) => params.value ?? NOTHING,
    noText: () => "",
    symbolSearchText: ({ data }) => `${data.symbol} ${data.pair} ${data.venue} ${data.venue_name}`,
    openRow: ({ data, event }) => {
      if (data && !(event && (event.ctrlKey || event.metaKey))) open(data);
    },
    openRowByKey: ({ data, event }) => {
      if (data && event && event.key === "Enter") open(data);
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
      el("span", { className: "symbol-name" }, data.symbol),
      el("span", { className: "symbol-pair" }, data.pair),
      el("span", { className: "symbol-venue" }, data.simulated ? "simulated" : data.venue_name)
    );
  };

  cells.VenueCell = ({ data }) =>
    el(
      "span",
      { className: "venue-cell" },
      data.venue_name,
      data.simulated ? el("span", { className: "simulated-badge" }, "simulated") : null
    );

  document.addEventListener("keydown", (event) => {
    const field = document.getElementById("symbol-search");
    const typing = event.target.closest("input, textarea, select, [contenteditable]");
    if (event.key !== "/" || typing || !field || document.querySelector(".modal.show")) return;
    event.preventDefault();
    field.focus();
    field.select();
  });

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    symbols: {
      fit: (id) => {
        window.dash_ag_grid.getApiAsync(id).then((grid) => {
          fitColumns(grid);
          grid.addEventListener("gridSizeChanged", () => fitColumns(grid));
        });
      },

      search: (text) => {
        api().setGridOption("quickFilterText", text || "");
      },
    },
  });
})();
