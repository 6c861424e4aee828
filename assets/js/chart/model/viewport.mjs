/* The part of time and price that is on screen. Time is counted in columns (slots) and price in rows (steps), both as
   real numbers; sizes are CSS pixels. */

/** @import {Series} from "./series.mjs" */

const COLUMN = { least: 2, usual: 84, most: 420 };
const ROW = { least: 0.001, readable: 15, usual: 20, most: 64 };
const MARGIN = { share: 0.02, least: 24 }; // above and below fitted prices; at least this many px, and a row
const BEHIND = 0.35; // empty columns after the newest candle

/** @type {(value: number, least: number, most: number) => number} */
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

export class Viewport {
  constructor() {
    this.width = 0; // of the plot
    this.height = 0;
    this.columnWidth = COLUMN.usual;
    this.rowHeight = ROW.usual;
    this.right = 0; // slot at the right edge
    this.middle = 0; // row at half the height
    this.follow = true;
    /** @type {"fit" | "readable" | "free"} "readable": rows high enough for text around the last price */
    this.price = "fit";
  }

  /* As in a new chart: the last candle at the right, price fitted. */
  restart() {
    this.follow = true;
    this.price = "fit";
  }

  /**
   * Fit to a series and a size; call before each painting.
   * @param {Series} series
   * @param {number} width
   * @param {number} height
   */
  arrange(series, width, height) {
    this.width = width;
    this.height = height;
    const { last } = series;
    if (!last) return;
    const newest = series.slot(last.open_ts);
    const oldest = series.slot(series.candles[0].open_ts);
    if (this.follow) this.right = newest + 1 + BEHIND;
    const columns = width / this.columnWidth;
    this.right = clamp(this.right, oldest + 1, newest + Math.max(columns, 1));
    if (this.price === "fit") this._fit(series);
    if (this.price === "readable") {
      this.rowHeight = Math.max(this.rowHeight, ROW.readable);
      this.middle = last.close / series.step;
    }
  }

  /** @param {Series} series */
  _fit(series) {
    let high = -Infinity;
    let low = Infinity;
    for (const candle of series.between(this.firstSlot, this.lastSlot)) {
      high = Math.max(high, candle.high);
      low = Math.min(low, candle.low);
    }
    if (low > high) return; // no candle in sight: prices stay where they were
    const rows = [high, low].map((price) => Math.floor(price / series.step + 0.5));
    const range = rows[0] - rows[1] + 1;
    const room = Math.max(1, this.height - 2 * MARGIN.least);
    const margin = Math.max(1, range * MARGIN.share, (range * MARGIN.least) / room);
    const [top, bottom] = [rows[0] + margin, rows[1] - margin];
    this.rowHeight = clamp(this.height / (top - bottom + 1), ROW.least, ROW.usual);
    this.middle = (top + bottom) / 2;
  }

  get firstSlot() {
    return Math.floor(this.right - this.width / this.columnWidth);
  }

  get lastSlot() {
    return Math.ceil(this.right) - 1;
  }

  /**
   * Left edge of a column.
   * @param {number} slot
   */
  x(slot) {
    return this.width - (this.right - slot) * this.columnWidth;
  }

  /**
   * Middle of a row; rows rise upwards.
   * @param {number} row
   */
  y(row) {
    return this.height / 2 - (row - this.middle) * this.rowHeight;
  }

  /** @param {number} x */
  slotAt(x) {
    return Math.floor(this.right - (this.width - x) / this.columnWidth);
  }

  /** @param {number} y */
  rowAt(y) {
    return Math.round(this.middle + (this.height / 2 - y) / this.rowHeight);
  }

  /**
   * Wider or narrower columns. A view that follows the last candle keeps it at the right; else x stays in place.
   * @param {number} factor
   * @param {number} x
   */
  zoomTime(factor, x) {
    const before = this.columnWidth;
    this.columnWidth = clamp(before * factor, COLUMN.least, COLUMN.most);
    if (this.follow) return;
    const behind = (this.width - x) / before;
    this.right += (this.width - x) / this.columnWidth - behind;
  }

  /**
   * Higher or lower rows around y; the price is free from then on.
   * @param {number} factor
   * @param {number} y
   */
  zoomPrice(factor, y) {
    const before = this.rowHeight;
    this.rowHeight = clamp(before * factor, ROW.least, ROW.most);
    this.middle += (this.height / 2 - y) * (1 / before - 1 / this.rowHeight);
    this.price = "free";
  }

  /**
   * Move the content by pixels, with the pointer.
   * @param {number} dx
   * @param {number} dy
   */
  pan(dx, dy) {
    if (dx) {
      this.right -= dx / this.columnWidth;
      this.follow = false;
    }
    if (dy) {
      this.middle += dy / this.rowHeight;
      this.price = "free";
    }
  }

  /**
   * Show the first candle at the left edge.
   * @param {Series} series
   */
  showFirst(series) {
    if (!series.candles.length) return;
    this.right = series.slot(series.candles[0].open_ts) + this.width / this.columnWidth;
    this.follow = false;
  }

  /**
   * Scroll a column into view.
   * @param {number} slot
   */
  reveal(slot) {
    const columns = Math.floor(this.width / this.columnWidth);
    if (slot < this.right - columns) this.right = slot + columns;
    else if (slot + 1 > this.right) this.right = slot + 1;
    else return;
    this.follow = false;
  }

  /* All prices in sight. */
  fit() {
    this.price = "fit";
  }

  /* Rows high enough for text around the last price, or back to fitted. */
  toggleReadable() {
    this.price = this.price === "readable" ? "fit" : "readable";
  }
}
