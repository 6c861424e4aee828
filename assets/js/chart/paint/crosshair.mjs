/* The overlay: the last price and the crosshair, on a canvas of its own, so that hovering never repaints the cells. The
   panel's other charts follow it, and lead it, by the event `orderflow:crosshair` on the panel: detail {open_ts: number |
   null, source}. */

/** @import {Hover, Scene} from "../types.d.ts" */

import { grouped, text } from "../model/decimal.mjs";
import { clock, paintLastPrice, paintTag } from "./axes.mjs";
import { baseline } from "./batch.mjs";

const EVENT = "orderflow:crosshair";

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Hover | null} hover
 */
export function paintCrosshair(context, scene, hover) {
  context.clearRect(0, 0, scene.width, scene.height);
  paintLastPrice(context, scene);
  if (!hover || !scene.series.tf_ms) return;
  const { view, ratio, colors, plot, series } = scene;
  const slot = series.slot(hover.open_ts);
  const left = Math.round(view.x(slot) * ratio);
  const right = Math.min(Math.round(view.x(slot + 1) * ratio), plot.width);
  if (right <= 0 || left >= plot.width) return;
  context.fillStyle = colors.column;
  context.fillRect(left, 0, right - left, scene.height);
  if (hover.level !== null) paintLevel(context, scene, hover.level, left, right);
  paintTime(context, scene, slot * series.tf_ms, Math.round((left + right) / 2));
}

/**
 * A line at the level, and a frame around the row that holds it.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {number} level
 * @param {number} left
 * @param {number} right
 */
function paintLevel(context, scene, level, left, right) {
  const { view, ratio, colors, plot, px, series, rows } = scene;
  const y = Math.round(view.y(level / rows.count) * ratio);
  if (y < 0 || y > plot.height) return;
  context.fillStyle = colors.faint;
  const dash = px(3); // dashed, so that the figures it crosses stay readable
  for (let x = 0; x < scene.axis.x; x += 2 * dash) {
    if (x < left || x >= right) context.fillRect(x, y, dash, 1);
  }
  const { low, high } = rows.span(level);
  const row = (low + high) / 2 / rows.count;
  const top = scene.top(row);
  context.strokeStyle = colors.accent;
  context.lineWidth = 1;
  const height = Math.max(2, scene.top(row - 1) - top);
  context.strokeRect(left + 0.5, top + 0.5, right - left - 1, height - 1);
  const label = grouped(text(level * rows.step, series.decimals.price));
  const reach = Math.round(scene.fontSize * 1.4); // hides axis labels that the tag would half cover
  context.fillStyle = colors.surface;
  context.fillRect(scene.axis.x + 1, Math.max(0, y - reach), scene.width - scene.axis.x, 2 * reach);
  paintTag(context, scene, label, y, colors.text, colors.surface);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {number} time
 * @param {number} x
 */
function paintTime(context, scene, time, x) {
  const { colors, plot, px, fontSize: size } = scene;
  const label = clock(time);
  const half = Math.round((scene.ruler.em(label) * size) / 2) + px(5);
  const middle = Math.min(Math.max(x, half), plot.width - half);
  context.fillStyle = colors.text;
  context.fillRect(middle - half, scene.time.y + px(2), 2 * half, scene.time.height - px(4));
  context.font = `600 ${size}px ${colors.font}`;
  context.textAlign = "center";
  context.textBaseline = "alphabetic";
  context.fillStyle = colors.surface;
  context.fillText(label, middle, baseline(scene.time.y, scene.time.y + scene.time.height, size));
}

/* Shares the hovered candle with the other charts of a panel. */
export class SharedCrosshair {
  /**
   * @param {EventTarget} panel
   * @param {(openTs: number | null) => void} onOther called when another chart leads
   */
  constructor(panel, onOther) {
    this._panel = panel;
    /** @type {number | null} */
    this._sent = null;
    /** @param {Event} event */
    this._listen = (event) => {
      const { detail } = /** @type {CustomEvent} */ (event);
      if (detail && detail.source !== this) onOther(detail.open_ts ?? null);
    };
    panel.addEventListener(EVENT, this._listen);
  }

  /** @param {number | null} openTs */
  send(openTs) {
    if (openTs === this._sent) return;
    this._sent = openTs;
    this._panel.dispatchEvent(new CustomEvent(EVENT, { detail: { open_ts: openTs, source: this } }));
  }

  close() {
    this.send(null);
    this._panel.removeEventListener(EVENT, this._listen);
  }
}
