/* The footprint chart of a panel: mounted in its place, updated with the panel's view, destroyed with the panel. */

import { footprintChart } from "../chart/chart.mjs";
import { helpAddresses } from "../pages/help-links.mjs";

/** @typedef {Record<string, string>} View */

/** @type {Map<HTMLElement, ReturnType<typeof footprintChart>>} by element */
const charts = new Map();

/** @param {string} text */
const isOne = (text) => text === "1";

/**
 * The chart's name of an address's option, and how to read its text.
 * @type {Record<string, [string, (text: string) => unknown]>}
 */
const OPTIONS = {
  lookback: ["lookback", Number],
  cells: ["content", String],
  color: ["coloring", String],
  scale: ["scale", (text) => (/^\d+$/.test(text) ? Number(text) : text)],
  group: ["grouping", isOne],
  ratio: ["ratio", Number],
  min: ["minNotional", Number],
  zero: ["zeroOpposite", isOne],
  va: ["valueAreaRows", Number],
  units: ["units", String],
  swap: ["sideSwap", isOne],
  palette: ["palette", String],
};

/**
 * @param {View} view
 * @param {View} defaults
 */
function chartOptions(view, defaults) {
  const { exchange, symbol, tf, step } = view;
  /** @type {Record<string, unknown>} */
  const options = { exchange, symbol, tf, step };
  for (const [name, [chartName, read]] of Object.entries(OPTIONS)) {
    options[chartName] = read(view[name] ?? defaults[name]);
  }
  return options;
}

/**
 * Set the panel's control to an option that a key of the chart changed, and with it the address.
 * @param {string} panel
 * @param {CustomEvent} event
 */
function updateControls(panel, { detail }) {
  for (const [name, [chartName]] of Object.entries(OPTIONS)) {
    if (!(chartName in detail)) continue;
    const value = detail[chartName];
    const text = typeof value === "boolean" ? String(Number(value)) : String(value);
    window.dash_clientside.set_props({ type: "panel-option", panel, option: name }, { value: text });
  }
}

/** @type {MutationObserver | null} */
let removals = null;

/* Destroy charts that have left the page, so that their sockets close. */
function watchRemovals() {
  removals ??= new MutationObserver(() => {
    for (const [element, chart] of charts) {
      if (element.isConnected) continue;
      chart.destroy();
      charts.delete(element);
    }
    if (!charts.size) removals?.disconnect();
  });
  removals.observe(document.body, { childList: true, subtree: true });
}

/* Clientside callbacks. */
export const footprint = {
  /**
   * Draw the chart of a panel's view.
   * @param {View} view
   * @param {View} defaults
   * @param {{panel: string}} id
   */
  draw: (view, defaults, id) => {
    /** @type {HTMLElement | null} */
    const element = document.querySelector(`[data-panel="${CSS.escape(id.panel)}"] .footprint-mount`);
    if (!element) return "";
    const options = chartOptions(view, defaults);
    const chart = charts.get(element);
    if (chart) chart.set(options);
    else {
      const help = helpAddresses(element.closest(".orderflow-panel"));
      charts.set(element, footprintChart(element, { ...options, help }));
      element.addEventListener("orderflow:footprint-options", (event) => updateControls(id.panel, event));
      watchRemovals();
    }
    return "";
  },
};
