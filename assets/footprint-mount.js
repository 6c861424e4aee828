/* The footprint chart of a panel: drawn in its place, changed with the panel's view, ended with the panel. */
(function () {
  "use strict";

  const charts = new Map(); // element: chart

  /* The chart's name of an option, by the address's; and its values out of the address's text. */
  const OPTIONS = {
    lookback: ["lookback", Number],
    cells: ["content", String],
    colour: ["colouring", String],
    scale: ["scale", (text) => (/^\d+$/.test(text) ? Number(text) : text)],
    group: ["grouping", (text) => text === "1"],
    ratio: ["ratio", Number],
    min: ["minNotional", Number],
    zero: ["zeroOpposite", (text) => text === "1"],
    va: ["valueAreaRows", Number],
    units: ["units", String],
    swap: ["sideSwap", (text) => text === "1"],
    palette: ["palette", String],
  };

  function chartOptions(view, defaults) {
    const { exchange, symbol, tf, step } = view;
    const options = { exchange, symbol, tf, step };
    for (const [name, [chartName, read]] of Object.entries(OPTIONS)) {
      options[chartName] = read(view[name] ?? defaults[name]);
    }
    return options;
  }

  /* A key of the chart changed an option: the panel's control shows it, and so the address. */
  function passOn(panel, { detail }) {
    for (const [name, [chartName]] of Object.entries(OPTIONS)) {
      if (!(chartName in detail)) continue;
      const value = detail[chartName];
      const text = typeof value === "boolean" ? String(Number(value)) : String(value);
      window.dash_clientside.set_props({ type: "panel-option", panel, option: name }, { value: text });
    }
  }

  /* What has left the page must not keep its socket. */
  const gone = new MutationObserver(() => {
    for (const [element, chart] of charts) {
      if (element.isConnected) continue;
      chart.destroy();
      charts.delete(element);
    }
    if (!charts.size) gone.disconnect();
  });

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    footprint: {
      draw: (view, defaults, id) => {
        const element = document.querySelector(`[data-panel="${CSS.escape(id.panel)}"] .footprint-mount`);
        if (!element) return "";
        const options = chartOptions(view, defaults);
        const chart = charts.get(element);
        if (chart) chart.set(options);
        else {
          const help = window.orderflow.help.addresses(element.closest(".orderflow-panel"));
          charts.set(element, window.orderflow.footprintChart(element, { ...options, help }));
          element.addEventListener("orderflow:footprint-options", (event) => passOn(id.panel, event));
          gone.observe(document.body, { childList: true, subtree: true });
        }
        return "";
      },
    },
  });
})();
