/* Cells too low for text, drawn pixel by pixel into a picture that is then laid over the ground: tens of thousands of
   cells take milliseconds this way, and whole frames as rectangles. */

/** @import {Column, Full, Levels, Measured, Scene} from "../types.d.ts" */

import { BUY, SELL, STACKED_BUY, STACKED_SELL } from "../model/measures.mjs";
import { SHADES, shadeOf } from "./colors.mjs";

export const LOW = 9; // device pixels a row, below which cells are drawn this way
const APART = 5; // from this height on a line between two cells stays free
export const FLAGGED = Math.round(SHADES * 0.45); // shade of a cell's imbalanced side
export const STACKED = SHADES - 1;
const FULL = SHADES; // the full color, after the shades

/**
 * Levels [from, to) of a candle that are in sight.
 * @param {Scene} scene
 * @param {Levels} levels
 */
export function inSight({ view, series }, { p }) {
  const half = view.height / 2 / view.rowHeight + 1;
  const highest = (view.middle + half) * series.step;
  const lowest = (view.middle - half) * series.step;
  let from = 0;
  let to = p.length;
  while (from < to && p[from] > highest) from++;
  while (to > from && p[to - 1] < lowest) to--;
  return [from, to];
}

/**
 * Width of the bar at the edge of an imbalanced cell; a stacked one is twice as wide.
 * @param {Scene} scene
 * @param {Column} column
 */
export function barWidth(scene, { cells, end }) {
  return Math.max(1, Math.min(scene.px(2), Math.round((end - cells) / 8)));
}

/* The picture, as large as the plot, kept between paintings. */
export class Picture {
  constructor() {
    this.canvas = document.createElement("canvas");
    this._context = /** @type {CanvasRenderingContext2D} */ (
      this.canvas.getContext("2d", { willReadFrequently: true })
    );
    this._data = new ImageData(1, 1);
    this._pixels = new Uint32Array(this._data.data.buffer);
  }

  /**
   * @param {number} width
   * @param {number} height
   */
  clear(width, height) {
    if (width === this._data.width && height === this._data.height) {
      this._pixels.fill(0);
      return;
    }
    this.canvas.width = width;
    this.canvas.height = height;
    this._data = new ImageData(width, height);
    this._pixels = new Uint32Array(this._data.data.buffer);
  }

  /**
   * Set the pixels [left, right) x [top, bottom) that lie within the picture.
   * @param {number} color
   * @param {number} left
   * @param {number} right
   * @param {number} top
   * @param {number} bottom
   */
  set(color, left, right, top, bottom) {
    const { width, height } = this._data;
    const from = Math.max(left, 0);
    const to = Math.min(right, width);
    const end = Math.min(bottom, height);
    const pixels = this._pixels;
    for (let y = Math.max(top, 0); y < end; y++) {
      const row = y * width;
      for (let x = row + from; x < row + to; x++) pixels[x] = color;
    }
  }

  finish() {
    this._context.putImageData(this._data, 0, 0);
    return this.canvas;
  }
}

/**
 * Color of a level by its delta or volume, as a pixel; 0 for none.
 * @param {Scene} scene
 * @param {Measured} figures
 * @param {number} index
 * @param {Full} most
 */
function pixelOf({ options, colors }, { bid, ask }, index, most) {
  if (options.coloring === "volume")
    return colors.volumePixels[shadeOf((ask[index] + bid[index]) / most.volume)];
  const delta = ask[index] - bid[index];
  const ramp = delta > 0 ? colors.askPixels : colors.bidPixels;
  return delta ? ramp[shadeOf(Math.abs(delta) / most.delta)] : 0;
}

/**
 * The imbalanced side of a level: half of the cell if imbalance is the coloring, and the bar at its edge.
 * @param {Scene} scene
 * @param {Column} column
 * @param {Uint32Array} ramp
 * @param {{isLeft: boolean, isStacked: boolean, top: number, bottom: number}} side
 */
function setSide(scene, column, ramp, { isLeft, isStacked, top, bottom }) {
  const { cells, middle, end } = column;
  const { picture } = scene;
  if (scene.options.coloring === "imbalance") {
    const shade = ramp[isStacked ? STACKED : FLAGGED];
    picture.set(shade, isLeft ? cells : middle, isLeft ? middle : end, top, bottom);
  }
  if (!scene.options.imbalances) return;
  const bar = barWidth(scene, column) * (isStacked ? 2 : 1);
  picture.set(ramp[FULL], isLeft ? cells : end - bar, isLeft ? cells + bar : end, top, bottom);
}

/**
 * @param {Scene} scene
 * @param {Column} column
 * @param {Full} most
 */
function setColumn(scene, column, most) {
  const { options, colors, series, picture } = scene;
  const { levels } = column.candle;
  const { flags } = column.figures;
  const byLevel = options.coloring !== "imbalance";
  const gap = scene.view.rowHeight * scene.ratio >= APART ? 1 : 0;
  const [from, to] = inSight(scene, levels);
  for (let index = from; index < to; index++) {
    const row = levels.p[index] / series.step;
    const top = scene.top(row);
    const bottom = Math.max(top + 1, scene.top(row - 1));
    if (byLevel) {
      picture.set(pixelOf(scene, column.figures, index, most), column.cells, column.end, top, bottom - gap);
    }
    const flag = flags[index];
    if (flag & BUY) {
      const isStacked = Boolean(flag & STACKED_BUY);
      setSide(scene, column, colors.askPixels, { isLeft: options.sideSwap, isStacked, top, bottom });
    }
    if (flag & SELL) {
      const isStacked = Boolean(flag & STACKED_SELL);
      setSide(scene, column, colors.bidPixels, { isLeft: !options.sideSwap, isStacked, top, bottom });
    }
  }
}

/**
 * Paint all cells in sight.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
export function paintPixelCells(context, scene) {
  const { picture, plot } = scene;
  picture.clear(plot.width, plot.height);
  for (const column of scene.columns) setColumn(scene, column, scene.fullOf(column));
  context.drawImage(picture.finish(), 0, 0);
}
