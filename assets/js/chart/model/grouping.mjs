/* Readable rows: where levels are too low for text, each drawn row holds several neighboring levels, as few of 1, 2, 5,
   10, 20, ... as make it high enough. Bid, ask and trades of a row are the exact sums of its levels, and its diagonal
   imbalances those of the drawn rows. POC and value area stay those of the step: the POC's frame is around the row that
   holds it. */

/** @import {Candle, GroupedCandle, Levels, Measured, Options} from "../types.d.ts" */
/** @import {Series} from "./series.mjs" */
/** @import {Viewport} from "./viewport.mjs" */

import { Figures } from "./figures.mjs";

const LEGIBLE = 14; // px, the least height of a row: a text with the frame of the POC around it
const NARROW = 40; // px; in narrower columns no text fits, and single levels show more of the shape

/**
 * Number of levels in a row at a view's zoom.
 * @param {{columnWidth: number, rowHeight: number}} view
 */
export function levelsPerRow(view) {
  if (view.columnWidth < NARROW) return 1;
  for (let power = 1; ; power *= 10) {
    const digit = [1, 2, 5].find((each) => each * power * view.rowHeight >= LEGIBLE);
    if (digit) return digit * power;
  }
}

/**
 * The lowest level of the row that holds a level.
 * @type {(level: number, count: number) => number}
 */
const lowestOf = (level, count) => Math.floor(level / count) * count;

/**
 * Levels by rows of `count`; `p` is the middle of a row, which may lie between two units of price.
 * @param {Levels} levels at multiples of `step`
 * @param {number} step
 * @param {number} count
 * @returns {Levels}
 */
export function groupedLevels({ p, bid, ask, n }, step, count) {
  /** @type {Record<keyof Levels, number[]>} */
  const rows = { p: [], bid: [], ask: [], n: [] };
  let at = -1;
  let lowest = NaN;
  for (let index = 0; index < p.length; index++) {
    const low = lowestOf(p[index] / step, count);
    if (low !== lowest) {
      lowest = low;
      at += 1;
      rows.p.push((low + (count - 1) / 2) * step);
      rows.bid.push(0);
      rows.ask.push(0);
      rows.n.push(0);
    }
    rows.bid[at] += bid[index];
    rows.ask[at] += ask[index];
    rows.n[at] += n[index];
  }
  return {
    p: Float64Array.from(rows.p),
    bid: Float64Array.from(rows.bid),
    ask: Float64Array.from(rows.ask),
    n: Float64Array.from(rows.n),
  };
}

/* A series as drawn: its step is the height of a row, its candles have rows for levels. */
export class GroupedSeries {
  /**
   * @param {Series} series
   * @param {number} count
   */
  constructor(series, count) {
    this.whole = series;
    this.count = count;
    this.step = count * series.step;
    this.tf_ms = series.tf_ms;
    this.decimals = series.decimals;
    /** @type {WeakMap<Candle, GroupedCandle>} */
    this._known = new WeakMap(); // by the whole candle
  }

  get last() {
    return this.whole.last;
  }

  /** @param {number} openTs */
  slot(openTs) {
    return this.whole.slot(openTs);
  }

  /**
   * @param {number} from
   * @param {number} to
   * @returns {Candle[]}
   */
  between(from, to) {
    return this.whole.between(from, to).map((candle) => this.candle(candle));
  }

  /**
   * A candle as drawn.
   * @param {Candle} whole
   * @returns {GroupedCandle}
   */
  candle(whole) {
    const known = this._known.get(whole);
    if (known) return known;
    const { step } = this.whole;
    const levels = groupedLevels(whole.levels, step, this.count);
    const poc = (lowestOf(whole.poc / step, this.count) + (this.count - 1) / 2) * step;
    const grouped = { ...whole, levels, poc, whole };
    this._known.set(whole, grouped);
    return grouped;
  }
}

/* Figures of candles that are drawn by rows; `exact` has those of the whole candles. */
class GroupedFigures extends Figures {
  /**
   * @param {GroupedSeries} series
   * @param {Options} options
   * @param {Figures} exact
   */
  constructor(series, options, exact) {
    super(series, options);
    this._exact = exact;
    this._overhang = ((series.count - 1) * series.whole.step) / 2;
  }

  /**
   * @param {GroupedCandle} candle
   * @returns {Measured}
   */
  _measure(candle) {
    const { valueArea, statistics } = this._exact.of(candle.whole);
    return {
      ...super._measure(candle),
      statistics,
      // Its edges stay those of its highest and lowest level, in the middle of a row or not.
      valueArea: valueArea && {
        high: valueArea.high - this._overhang,
        low: valueArea.low + this._overhang,
      },
    };
  }
}

/* A series as drawn at a view's zoom, with its figures, and `exact`, the figures of the whole candles. Kept from one
   painting to the next until the count of levels, the series or the options change. */
export class Rows {
  /**
   * @param {Series} series
   * @param {Options} options
   */
  constructor(series, options) {
    this._options = options;
    this.whole = series;
    this.decimals = series.decimals;
    this.step = series.step;
    this.exact = new Figures(series, options);
    this.count = 1;
    /** @type {Series | GroupedSeries} */
    this.series = series;
    /** @type {Figures} */
    this.figures = this.exact;
  }

  /**
   * Whether it is up to date with a series, which may have restarted with another step.
   * @param {Series} series
   */
  matches({ decimals, step }) {
    return this.decimals === decimals && this.step === step;
  }

  /** @param {number} count */
  _group(count) {
    this.count = count;
    if (count === 1) {
      this.series = this.whole;
      this.figures = this.exact;
      return;
    }
    const series = new GroupedSeries(this.whole, count);
    this.series = series;
    this.figures = new GroupedFigures(series, this._options, this.exact);
  }

  /**
   * Choose the rows for an arranged view; returns the view in rows instead of levels.
   * @param {Viewport} view
   * @returns {Viewport}
   */
  arrange(view) {
    const count = this._options.grouping ? levelsPerRow(view) : 1;
    if (count !== this.count) this._group(count);
    if (count === 1) return view;
    return Object.create(view, {
      rowHeight: { value: view.rowHeight * count },
      middle: { value: view.middle / count },
    });
  }

  /**
   * The lowest and highest level of the row that holds a level.
   * @param {number} level
   */
  span(level) {
    const low = lowestOf(level, this.count);
    return { low, high: low + this.count - 1 };
  }

  /**
   * The flags of the row that holds a level of a candle.
   * @param {Candle} candle
   * @param {number} level
   */
  flags(candle, level) {
    const { low, high } = this.span(level);
    const drawn = this.series instanceof GroupedSeries ? this.series.candle(candle) : candle;
    const index = drawn.levels.p.indexOf(((low + high) / 2) * this.step);
    return index < 0 ? 0 : this.figures.of(drawn).flags[index];
  }
}
