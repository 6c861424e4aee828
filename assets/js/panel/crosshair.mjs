/* The crosshair that a panel's charts share: the event `orderflow:crosshair` on the panel, detail {open_ts, source}. The
   CVD chart shows it as a line, and sends it for the candle under the pointer. */

import { closest, createElement, find } from "../dom.mjs";

const EVENT = "orderflow:crosshair";
const SOURCE = "cvd";

/** @typedef {HTMLElement & {data: any[], _fullLayout: any, on(event: string, listener: () => void): void}} Plot */

/** @type {WeakMap<HTMLElement, {openTs: number | null, isOwn: boolean}>} by panel */
const positions = new WeakMap();
/** @type {WeakSet<Plot>} plots whose redraws move the line */
const watched = new WeakSet();
/** @type {{panel: HTMLElement, openTs: number | null} | null} */
let sent = null; // last position of the pointer

/**
 * @param {ParentNode} parent
 * @param {string} css
 */
function plotIn(parent, css) {
  /** @type {Plot | null} */
  const plot = parent.querySelector(css);
  return plot?.data && plot._fullLayout?.xaxis ? plot : null;
}

/**
 * Opens of the candles, old to new.
 * @param {Plot} plot
 * @returns {number[]}
 */
const opensOf = (plot) => plot.data[0]?.x ?? [];

/**
 * Index of the candle that holds a time: the newest that opens at or before it.
 * @param {number[]} opens
 * @param {number} time
 */
function candleAt(opens, time) {
  const index = opens.findLastIndex((open) => open <= time);
  return index < 0 && opens.length ? 0 : index;
}

/**
 * @param {number[]} opens
 * @param {number} time
 */
function nearest(opens, time) {
  let best = -1;
  opens.forEach((open, index) => {
    if (best < 0 || Math.abs(open - time) < Math.abs(opens[best] - time)) best = index;
  });
  return best;
}

/** @param {Plot} plot */
function lineOf(plot) {
  const place = /** @type {HTMLElement} */ (plot.closest(".chart-section"));
  const found = place.querySelector(".crosshair-line");
  if (found instanceof HTMLElement) return found;
  const line = createElement("div", "crosshair-line");
  line.append(createElement("span"));
  place.append(line);
  return line;
}

/** @param {HTMLElement} panel */
function show(panel) {
  const plot = plotIn(panel, ".cvd-chart .js-plotly-plot");
  if (!plot) return;
  const { openTs, isOwn } = positions.get(panel) || { openTs: null, isOwn: false };
  const opens = opensOf(plot);
  const index = openTs === null ? -1 : candleAt(opens, openTs);
  const line = lineOf(plot);
  line.hidden = index < 0;
  if (index < 0) return;
  if (!watched.has(plot)) {
    watched.add(plot);
    for (const event of ["plotly_afterplot", "plotly_animated"]) plot.on(event, () => show(panel));
  }
  const { xaxis, yaxis } = plot._fullLayout;
  const x = xaxis._offset + xaxis.l2p(opens[index]);
  const box = plot.getBoundingClientRect();
  const place = /** @type {HTMLElement} */ (line.parentElement).getBoundingClientRect();
  line.style.transform = `translate(${box.left - place.left + x}px, ${box.top - place.top + yaxis._offset}px)`;
  line.style.height = `${yaxis._length}px`;
  line.classList.toggle("is-left", x > xaxis._offset + xaxis._length / 2);
  const [time, cvd] = plot.data[0].customdata[index];
  find(line, "span").textContent = isOwn ? "" : `${time.slice(-5)}  ${cvd}`;
}

/**
 * @param {HTMLElement} panel
 * @param {number | null} openTs
 */
function dispatch(panel, openTs) {
  panel.dispatchEvent(new CustomEvent(EVENT, { detail: { open_ts: openTs, source: SOURCE } }));
}

/**
 * @param {HTMLElement} panel
 * @param {number | null} openTs
 */
function send(panel, openTs) {
  if (sent && sent.panel === panel && sent.openTs === openTs) return;
  if (sent && sent.panel !== panel && sent.openTs !== null) dispatch(sent.panel, null);
  dispatch(panel, openTs);
  sent = { panel, openTs };
}

function leave() {
  if (sent && sent.openTs !== null) send(sent.panel, null);
}

/**
 * The candle under the pointer.
 * @param {PointerEvent} event
 */
function candleUnder(event) {
  const chart = closest(event, ".cvd-chart");
  const plot = chart && plotIn(chart, ".js-plotly-plot");
  if (!plot) return null;
  const { xaxis } = plot._fullLayout;
  const x = event.clientX - plot.getBoundingClientRect().left - xaxis._offset;
  if (x < 0 || x > xaxis._length) return null;
  const opens = opensOf(plot);
  const index = nearest(opens, xaxis.p2l(x));
  const panel = /** @type {HTMLElement} */ (plot.closest(".orderflow-panel"));
  return index < 0 ? null : { panel, openTs: opens[index] };
}

export function shareCrosshair() {
  document.addEventListener("pointermove", (event) => {
    const found = candleUnder(event);
    if (found) send(found.panel, found.openTs);
    else leave();
  });
  document.addEventListener("pointerout", (event) => {
    if (!event.relatedTarget) leave();
  });
  document.addEventListener(
    EVENT,
    ({ target, detail }) => {
      if (!detail || !(target instanceof HTMLElement) || !target.matches(".orderflow-panel")) return;
      positions.set(target, { openTs: detail.open_ts ?? null, isOwn: detail.source === SOURCE });
      show(target);
    },
    true,
  );
}
