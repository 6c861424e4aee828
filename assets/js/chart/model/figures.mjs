/* Figures that the chart derives from a candle under the chosen options; each candle is measured once. */

/** @import {Candle, Content, Decimals, DrawnSeries, Measured, Options, Statistic} from "../types.d.ts" */

import { compact, percent } from "./decimal.mjs";
import { imbalances, valueArea } from "./measures.mjs";

/* Volumes as shown: base currency, or quote currency at the price of the level. */
export class Units {
  /**
   * @param {Decimals} decimals
   * @param {boolean} inQuote
   */
  constructor(decimals, inQuote) {
    this.inQuote = inQuote;
    this.factor = 10 ** -(decimals.quantity + (inQuote ? decimals.price : 0));
    this.places = inQuote ? 2 : decimals.quantity;
  }

  /**
   * Weight of a lot at a price; sizes (lots times weight) can be compared and added.
   * @param {number} price
   */
  weight(price) {
    return this.inQuote ? price : 1;
  }

  /** @param {number} size */
  short(size) {
    return compact(size * this.factor, this.places);
  }
}

/** @type {Record<Content, (bid: number, ask: number, n: number, units: Units) => string[]>} */
const TEXTS = {
  "bid-ask": (bid, ask, _n, units) => [units.short(bid), units.short(ask)],
  delta: (bid, ask, _n, units) => [units.short(ask - bid)],
  volume: (bid, ask, _n, units) => [units.short(bid + ask)],
  trades: (_bid, _ask, n) => [compact(n, 0)],
};

export const CONTENTS = Object.keys(TEXTS);

export class Figures {
  /**
   * @param {DrawnSeries} series
   * @param {Options} options
   */
  constructor(series, options) {
    const { decimals, step } = series;
    this.step = step;
    this.units = new Units(decimals, options.units === "quote");
    this._options = options;
    this._rules = {
      ratio: options.ratio,
      least: options.minNotional * 10 ** (decimals.price + decimals.quantity),
      zeroOpposite: options.zeroOpposite,
    };
    /** @type {WeakMap<Candle, Measured>} */
    this._known = new WeakMap();
  }

  /**
   * Sizes of a candle's levels, its marks and its totals.
   * @param {Candle} candle
   */
  of(candle) {
    const known = this._known.get(candle);
    if (known) return known;
    const measured = this._measure(candle);
    this._known.set(candle, measured);
    return measured;
  }

  /**
   * @param {Candle} candle
   * @returns {Measured}
   */
  _measure(candle) {
    const { levels } = candle;
    const count = levels.p.length;
    const bid = new Float64Array(count);
    const ask = new Float64Array(count);
    const sums = { mostVolume: 0, mostDelta: 0, bidTotal: 0, askTotal: 0 };
    for (let index = 0; index < count; index++) {
      const weight = this.units.weight(levels.p[index]);
      bid[index] = levels.bid[index] * weight;
      ask[index] = levels.ask[index] * weight;
      sums.bidTotal += bid[index];
      sums.askTotal += ask[index];
      sums.mostVolume = Math.max(sums.mostVolume, bid[index] + ask[index]);
      sums.mostDelta = Math.max(sums.mostDelta, Math.abs(ask[index] - bid[index]));
    }
    return {
      bid,
      ask,
      ...sums,
      texts: null,
      widest: null,
      flags: imbalances(levels, this.step, this._rules),
      valueArea: valueArea(levels, this.step, this._options.valueAreaRows),
      statistics: this._statistics(candle, sums.bidTotal, sums.askTotal),
    };
  }

  /**
   * Texts of a candle's cells, one or two a level.
   * @param {Candle} candle
   * @returns {string[][]}
   */
  texts(candle) {
    const measured = this.of(candle);
    if (measured.texts) return measured.texts;
    const { content, sideSwap } = this._options;
    const write = TEXTS[content];
    const rows = new Array(candle.levels.p.length);
    for (let index = 0; index < rows.length; index++) {
      rows[index] = write(measured.bid[index], measured.ask[index], candle.levels.n[index], this.units);
      if (sideSwap) rows[index].reverse();
    }
    measured.texts = rows;
    return rows;
  }

  /**
   * The statistics below a candle, one for each of `statisticNames`. CVD and the extremes of delta are known in base
   * currency only and left out in quote, so that all figures have one unit.
   * @param {Candle} candle
   * @param {number} bidTotal
   * @param {number} askTotal
   * @returns {Statistic[]}
   */
  _statistics(candle, bidTotal, askTotal) {
    const { units } = this;
    const { inQuote } = units;
    const volume = inQuote ? bidTotal + askTotal : candle.bid + candle.ask;
    const delta = inQuote ? askTotal - bidTotal : candle.delta;
    /** @type {(size: number, kind: Statistic["kind"]) => Statistic[]} */
    const inBase = (size, kind) => (inQuote ? [] : [{ size, text: units.short(size), kind }]);
    return [
      { size: volume, text: units.short(volume), kind: "volume" },
      { size: delta, text: units.short(delta), kind: "delta" },
      { size: volume ? delta / volume : 0, text: percent(delta, volume), kind: "delta" },
      ...inBase(candle.min_delta, "delta"),
      ...inBase(candle.max_delta, "delta"),
      ...inBase(candle.cvd, "sign"),
      { size: candle.n, text: compact(candle.n, 0), kind: "volume" },
    ];
  }
}

export const STATISTICS = ["Volume", "Delta", "Delta %", "Min delta", "Max delta", "CVD", "Trades"];

const IN_BASE = ["Min delta", "Max delta", "CVD"];

/**
 * The rows of statistics in base or quote units.
 * @param {Options["units"]} units
 */
export const statisticNames = (units) =>
  STATISTICS.filter((name) => units === "base" || !IN_BASE.includes(name));
