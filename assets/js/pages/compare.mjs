/* The page `/compare`: the address names every panel, and linked panels follow each other. */

import { encoded, panelText } from "../panel/share.mjs";
import { writeSearch } from "./address-bar.mjs";

/** @typedef {Record<string, string>} View */
/** @typedef {[string, View]} Panel id and view */

const EVENT = "orderflow:crosshair";
const LINKED = "link"; // source of a forwarded event
/** @type {string[]} */
let links = [];
/** @type {number | null} */
let shownPanels = null; // number of panels in the last address; null before the first
/** @type {Map<string, string>} */
const times = new Map(); // last known timeframe and lookback of each panel

/** @param {View} view */
const timeOf = (view) => `${view.tf} ${view.lookback ?? ""}`;

/**
 * @template Value
 * @param {Value[]} values
 * @param {{panel: string}[]} ids
 */
function byPanel(values, ids) {
  return new Map(ids.map(({ panel }, index) => [panel, values[index]]));
}

/**
 * The address of the panels in the order of their cells; a panel that could not be opened keeps its text.
 * @param {string[]} order
 * @param {Map<string, View>} views
 * @param {Map<string, string>} missing
 */
function address(order, views, missing) {
  const parts = order.flatMap((panel) => {
    const view = views.get(panel);
    const text = missing.get(panel);
    if (view) return [`panel=${panelText(view)}`];
    return text === undefined ? [] : [`panel=${encoded(text)}`];
  });
  if (links.length) parts.push(`link=${links.join(",")}`);
  return parts.length ? `?${parts.join("&")}` : "";
}

/**
 * Adding or removing a panel is a history entry, changing a setting is not.
 * @param {string} search
 * @param {number} count
 */
function write(search, count) {
  const isStep = shownPanels !== null && count !== shownPanels;
  shownPanels = count;
  writeSearch(search, isStep);
}

/**
 * The view that the others follow: the changed one, or the first when linking starts.
 * @param {Panel[]} panels
 * @param {boolean} starts
 */
function leader(panels, starts) {
  const changed = panels.find(([panel, view]) => times.has(panel) && times.get(panel) !== timeOf(view));
  if (changed) return changed[1];
  const differ = new Set(panels.map(([, view]) => timeOf(view))).size > 1;
  return differ && (starts || panels.some(([panel]) => !times.has(panel))) ? panels[0][1] : null;
}

/**
 * @param {Panel[]} panels in the order of the cells
 * @param {boolean} starts
 * @param {string} byDefault lookback
 */
function linkTime(panels, starts, byDefault) {
  const lead = links.includes("time") ? leader(panels, starts) : null;
  times.clear();
  for (const [panel, view] of panels) times.set(panel, timeOf(lead || view));
  if (!lead) return;
  const { tf, lookback } = lead;
  for (const [panel, view] of panels) {
    if (timeOf(view) === timeOf(lead)) continue;
    const { set_props } = window.dash_clientside;
    set_props({ type: "panel-timeframe", panel }, { value: tf });
    set_props({ type: "panel-option", panel, option: "lookback" }, { value: lookback ?? byDefault });
  }
}

export function linkCrosshairs() {
  document.addEventListener(
    EVENT,
    ({ target, detail }) => {
      if (!links.includes("crosshair") || !detail || detail.source === LINKED) return;
      for (const panel of document.querySelectorAll(".orderflow-panel")) {
        if (panel === target) continue;
        panel.dispatchEvent(new CustomEvent(EVENT, { detail: { open_ts: detail.open_ts, source: LINKED } }));
      }
    },
    true,
  );
}

/* Clientside callbacks. */
export const compare = {
  /**
   * Name the panels in the address bar and keep linked ones in step.
   * @param {View[]} viewed
   * @param {string[]} texts of panels that could not be opened
   * @param {string[] | null} chosen links
   * @param {{panel: string}[]} viewIds
   * @param {{panel: string}[]} textIds
   * @param {{panel: string}[]} cellIds
   * @param {View[]} defaults
   * @param {object | null} request
   */
  follow: (viewed, texts, chosen, viewIds, textIds, cellIds, defaults, request) => {
    if (!request) return window.dash_clientside.no_update;
    const [views, missing] = [byPanel(viewed, viewIds), byPanel(texts, textIds)];
    // Dash passes components in the order in which they appeared.
    const order = cellIds.map(({ panel }) => panel);
    const panels = order.flatMap((panel) => {
      const view = views.get(panel);
      return view ? [/** @type {Panel} */ ([panel, view])] : [];
    });
    const starts = !links.includes("time") && (chosen || []).includes("time");
    links = ["crosshair", "time"].filter((link) => (chosen || []).includes(link));
    linkTime(panels, starts, defaults[0]?.lookback);
    const count = views.size + missing.size;
    if (count || shownPanels !== null) write(address(order, views, missing), count);
    document.title = panels.length
      ? `${panels.map(([, { symbol }]) => symbol).join(", ")} · Order flow`
      : "Compare · Order flow";
    return window.location.search;
  },
};
