/* Shows a panel's updates: in its charts, its table, and the elements that carry the name of a text (`data-live`), which
   React creates once and does not render again. The age of the last trade and how long a cause lasts are counted here. */

import { find, put } from "../dom.mjs";
import { showRows } from "./footprint-table.mjs";
import { showLatency } from "./latency.mjs";
import { showLevels } from "./level-table.mjs";
import { showFigure } from "./plotly-figure.mjs";
import { writeText } from "./text.mjs";
import { startUpdates, stopUpdates } from "./updates.mjs";

/** @import {FeedLatency} from "./latency.mjs" */
/** @import {Content as Levels} from "./level-table.mjs" */
/** @import {Figure} from "./plotly-figure.mjs" */

/** @typedef {Record<string, string>} Texts */
/** @typedef {{cursor: unknown, rows: Texts[], tooltips: unknown, figure: Figure, levels: Levels | null, texts: Texts}} Content */
/** @typedef {{cursor: unknown, figure: Figure, texts: Texts}} Profile */
/** @typedef {{tick: string, options: {label: string, value: string}[]}} Steps */
/** @typedef {{state: string, word: string, cause: string, age_ms: number | null, latency: FeedLatency | null, cursor: unknown}} Status */

const COUNT_MS = 1000;
/** @type {WeakMap<HTMLElement, AbortController>} waits of step menus, by panel */
const pendingSteps = new WeakMap();
/** @type {WeakMap<HTMLElement, number>} time of the last trade by this clock, ms, by panel */
const trades = new WeakMap();
/** @type {WeakMap<HTMLElement, {text: string, at: number}>} causes and when they came by this clock, ms, by panel */
const causes = new WeakMap();

/** @param {number} ms */
export function ageText(ms) {
  if (ms < 10000) return `${(Math.max(ms, 0) / 1000).toFixed(1)} s`;
  if (ms < 120000) return `${Math.floor(ms / 1000)} s`;
  return ms < 7200000 ? `${Math.floor(ms / 60000)} min` : `${Math.floor(ms / 3600000)} h`;
}

/**
 * A cause some time later: its duration has grown.
 * @param {string} cause
 * @param {number} ms
 */
export function causeAfter(cause, ms) {
  return cause.replace(/\bfor (\d+) s\b/, (_, seconds) => `for ${Number(seconds) + Math.floor(ms / 1000)} s`);
}

/**
 * @param {HTMLElement} panel
 * @param {Texts} texts
 */
function writeAll(panel, texts, prefix = "") {
  for (const [name, text] of Object.entries(texts)) {
    for (const place of panel.querySelectorAll(`[data-live="${prefix}${name}"]`)) writeText(place, text);
  }
}

/**
 * @param {string} type
 * @param {HTMLElement} panel
 */
const idOf = (type, panel) => ({ type, panel: panel.dataset.panel ?? "" });

/** @type {Set<HTMLElement>} panels whose times are counted, all in one frame */
const counted = new Set();
let counting = 0;

/** @param {HTMLElement} panel */
function startCounting(panel) {
  counted.add(panel);
  counting ||= window.setInterval(() => counted.forEach(showTimes), COUNT_MS);
}

/** @param {HTMLElement} panel */
function stopCounting(panel) {
  counted.delete(panel);
  if (counted.size) return;
  window.clearInterval(counting);
  counting = 0;
}

/** @param {HTMLElement} panel */
function showTimes(panel) {
  if ("serverLost" in document.documentElement.dataset) return; // frozen figures do not age
  const now = Date.now();
  const at = trades.get(panel);
  const cause = causes.get(panel);
  writeAll(panel, {
    age: at === undefined ? "" : `${ageText(now - at)} ago`,
    cause: cause === undefined ? "" : causeAfter(cause.text, now - cause.at),
  });
}

/**
 * @param {HTMLElement} panel
 * @param {Status} status
 */
function showStatus(panel, { state, word, cause, age_ms: age, latency }) {
  showLatency(panel, latency);
  put(find(panel, ".feed-status"), "className", `feed-status is-${state}`);
  writeAll(panel, { word, cause });
  causes.set(panel, { text: cause, at: Date.now() });
  if (age === null) trades.delete(panel);
  else trades.set(panel, Date.now() - age);
  showTimes(panel);
}

/**
 * @param {string} type
 * @param {HTMLElement} panel
 * @param {Figure} figure
 */
function showChart(type, panel, figure) {
  const plot = panel.querySelector(`.${type === "panel-chart" ? "cvd" : "profile"}-chart .js-plotly-plot`);
  showFigure(idOf(type, panel), plot, figure);
}

/**
 * @param {HTMLElement} panel
 * @param {Content} content
 */
function showContent(panel, { rows, tooltips, figure, levels, texts }) {
  showRows(panel, idOf("panel-table", panel), rows, tooltips);
  writeAll(panel, texts);
  put(find(panel, ".cvd-now").dataset, "side", texts.now.startsWith("−") ? "bid" : "ask");
  showLevels(panel, levels);
  showChart("panel-chart", panel, figure);
}

/**
 * @param {HTMLElement} panel
 * @param {Profile} profile
 */
function showProfile(panel, { figure, texts }) {
  writeAll(panel, texts, "profile-");
  showChart("profile-chart", panel, figure);
}

/**
 * Show the step menu of another tick. The chosen step stays in it; a menu with the focus may be open, and would close
 * under the pointer: it changes after a choice or when it loses the focus.
 * @param {HTMLElement} panel
 * @param {Steps} steps
 */
function showSteps(panel, { options }) {
  const select = /** @type {HTMLSelectElement} */ (find(panel, ".panel-controls > .control > select"));
  const write = () => {
    const chosen = [...select.options].find(({ value }) => value === select.value);
    const has = !chosen?.value || options.some(({ value }) => value === chosen.value);
    const all = has ? [...options] : [...options, { label: chosen.label, value: chosen.value }];
    all.sort((one, other) => Number(one.value) - Number(other.value));
    window.dash_clientside.set_props(idOf("panel-step", panel), { options: all });
  };
  pendingSteps.get(panel)?.abort();
  if (document.activeElement !== select) {
    write();
    return;
  }
  const pending = new AbortController();
  pendingSteps.set(panel, pending);
  const once = () => {
    pending.abort();
    write();
  };
  for (const event of ["blur", "change"]) select.addEventListener(event, once, { signal: pending.signal });
}

/**
 * @param {{status: Status, content: Content, profile: Profile, tick: string}} props those of the Python class of the
 *   same name: what the panel's other parts show at first
 */
export function PanelLive({ status, content, profile, tick }) {
  const { createElement, useLayoutEffect, useRef } = window.React;
  const ref = useRef(null);
  useLayoutEffect(() => {
    /** @type {HTMLElement} */
    const panel = ref.current.closest(".orderflow-panel");
    const stop = new AbortController();
    panel.addEventListener(
      "orderflow:update",
      ({ detail }) => {
        if (detail.content) showContent(panel, detail.content);
        if (detail.profile) showProfile(panel, detail.profile);
        if (detail.steps) showSteps(panel, detail.steps);
      },
      { signal: stop.signal },
    );
    panel.addEventListener("orderflow:status", ({ detail }) => showStatus(panel, detail), {
      signal: stop.signal,
    });
    panel.dispatchEvent(new CustomEvent("orderflow:status", { detail: status, bubbles: true }));
    showContent(panel, content);
    showProfile(panel, profile);
    const id = panel.dataset.panel ?? "";
    startUpdates(id, { status: status.cursor, content: content.cursor, profile: profile.cursor, tick });
    startCounting(panel);
    return () => {
      stopCounting(panel);
      stop.abort();
      stopUpdates(id);
    };
  }, []);
  return createElement("span", { ref, hidden: true });
}
