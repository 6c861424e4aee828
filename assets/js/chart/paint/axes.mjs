/* Grid, price axis and time axis. Times are UTC. */

/** @import {Scene} from "../types.d.ts" */

import { grouped, text } from "../model/decimal.mjs";
import { baseline, Texts } from "./batch.mjs";

const MINUTE = 60000;
const DAY = 1440 * MINUTE;
const PERIODS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 10080].map((m) => m * MINUTE);
const ROOM = { price: 24, time: 56 }; // px between two labels
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

/** @param {number} number */
const two = (number) => String(number).padStart(2, "0");

/**
 * "14:05", or the day at midnight.
 * @param {number} ms
 */
function timeLabel(ms) {
  return ms % DAY ? clock(ms) : day(ms);
}

/** @param {number} ms */
export function clock(ms) {
  const time = new Date(ms);
  return `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}`;
}

/** @param {number} ms */
export function day(ms) {
  const time = new Date(ms);
  return `${time.getUTCDate()} ${MONTHS[time.getUTCMonth()]}`;
}

/** @param {number} ms */
export const dayClock = (ms) => `${day(ms)} ${clock(ms)}`;

/**
 * Rows between two labels of the price axis: 1, 2 or 5 times a power of ten.
 * @param {number} rowHeight
 */
export function rowsBetween(rowHeight) {
  for (let power = 1; ; power *= 10) {
    const digit = [1, 2, 5].find((each) => each * power * rowHeight >= ROOM.price);
    if (digit) return digit * power;
  }
}

/** @param {Scene} scene */
function priceRows({ view }) {
  const every = rowsBetween(view.rowHeight);
  const rows = [];
  const lowest = view.middle - view.height / 2 / view.rowHeight;
  const highest = view.middle + view.height / 2 / view.rowHeight;
  for (let row = Math.ceil(lowest / every) * every; row <= highest; row += every) rows.push(row);
  return rows;
}

/** @param {Scene} scene */
function labeledSlots({ view, series }) {
  /** @param {number} period */
  const fits = (period) =>
    period % series.tf_ms === 0 && (period / series.tf_ms) * view.columnWidth >= ROOM.time;
  const period = PERIODS.find(fits) || PERIODS[PERIODS.length - 1];
  const every = Math.max(1, period / series.tf_ms);
  const slots = [];
  const { firstSlot, lastSlot } = view;
  for (let slot = Math.ceil(firstSlot / every) * every; slot <= lastSlot; slot += every) slots.push(slot);
  return slots;
}

/**
 * @param {Scene} scene
 * @param {number} slot
 */
const center = (scene, slot) => Math.round(scene.view.x(slot + 0.5) * scene.ratio);

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
export function paintGrid(context, scene) {
  const { colors, plot, px, view, ratio } = scene;
  const line = Math.max(1, px(0.5));
  context.fillStyle = colors.line;
  context.globalAlpha = 0.55;
  for (const row of priceRows(scene)) context.fillRect(0, Math.round(view.y(row) * ratio), plot.width, line);
  for (const slot of labeledSlots(scene)) {
    const x = center(scene, slot);
    if (x < plot.width) context.fillRect(x, 0, line, plot.height);
  }
  context.globalAlpha = 1;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
export function paintAxes(context, scene) {
  const { colors, plot, px, time, axis, series, view, ratio, fontSize: size } = scene;
  const texts = new Texts();
  const line = Math.max(1, px(1));
  context.fillStyle = colors.line;
  context.fillRect(0, plot.height, scene.width, line);
  context.fillRect(axis.x, 0, line, scene.height);
  const decimals = series.decimals.price;
  const labelX = axis.x + px(7);
  const lastY = series.last ? Math.round(view.y(series.last.close / series.step) * ratio) : -1;
  for (const row of priceRows(scene)) {
    const y = Math.round(view.y(row) * ratio);
    const isFree = Math.abs(y - lastY) >= size * 1.4 && y > size / 2 && y < plot.height - size / 2;
    if (!isFree) continue;
    const label = grouped(text(row * series.step, decimals));
    texts.add("400", "left", colors.muted, label, labelX, baseline(y, y, size));
  }
  const timeY = baseline(time.y, time.y + time.height, size);
  for (const slot of labeledSlots(scene)) {
    const x = center(scene, slot);
    const label = timeLabel(slot * series.tf_ms);
    const half = (scene.ruler.em(label) * size) / 2;
    if (x - half < 0 || x + half > plot.width) continue;
    texts.add("400", "center", colors.muted, label, x, timeY);
  }
  texts.add("400", "left", colors.muted, "UTC", labelX, timeY);
  texts.paint(context, size, colors.font);
}

/**
 * The newest price as a tag on the axis and a dotted line across the plot; on the overlay, since it moves with every
 * trade and crosses every cell.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
export function paintLastPrice(context, scene) {
  const { colors, px, plot, series, view, ratio } = scene;
  const { last } = series;
  if (!last) return;
  const y = Math.round(view.y(last.close / series.step) * ratio);
  if (y < 0 || y > plot.height) return;
  const color = last.close >= last.open ? colors.ask : colors.bid;
  context.fillStyle = color;
  context.globalAlpha = 0.7;
  for (let x = 0; x < scene.axis.x; x += px(5)) context.fillRect(x, y, px(2), Math.max(1, px(0.5)));
  context.globalAlpha = 1;
  paintTag(context, scene, grouped(text(last.close, series.decimals.price)), y, color, colors.surface);
}

/**
 * A label with a ground of its own on the price axis.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {string} label
 * @param {number} y
 * @param {string} ground
 * @param {string} color
 */
export function paintTag(context, scene, label, y, ground, color) {
  const { axis, px, fontSize: size } = scene;
  const half = Math.round(size * 0.75);
  const middle = Math.min(Math.max(y, half), scene.plot.height - half);
  context.fillStyle = ground;
  context.fillRect(axis.x + 1, middle - half, scene.width - axis.x, 2 * half);
  context.font = `600 ${size}px ${scene.colors.font}`;
  context.textAlign = "left";
  context.textBaseline = "alphabetic";
  context.fillStyle = color;
  context.fillText(label, axis.x + px(7), baseline(middle, middle, size));
}
