/* The candles of one view, by the time they open. The newest revision of each counts. */

/** @import {Candle, Decimals} from "../types.d.ts" */
/** @import {CandlesMessage} from "./message.mjs" */

import { PRICES, VOLUMES } from "./message.mjs";

/**
 * A candle in units that are finer by two factors.
 * @param {Candle} candle
 * @param {number} prices
 * @param {number} volumes
 * @returns {Candle}
 */
function refined(candle, prices, volumes) {
  const { p, bid, ask, n } = candle.levels;
  /** @type {(column: Float64Array, factor: number) => Float64Array} */
  const times = (column, factor) => column.map((units) => units * factor);
  const levels = { p: times(p, prices), bid: times(bid, volumes), ask: times(ask, volumes), n };
  const copy = { ...candle, levels };
  for (const name of PRICES) copy[name] *= prices;
  for (const name of VOLUMES) copy[name] *= volumes;
  return copy;
}

export class Series {
  /**
   * Keeps the newest `lookback` candles.
   * @param {number} lookback
   */
  constructor(lookback) {
    this.lookback = lookback;
    /** @type {Candle[]} old to new */
    this.candles = [];
    this.tf_ms = 0;
    this.step = 0; // units of price
    /** @type {Decimals} */
    this.decimals = { price: 0, quantity: 0 };
    this.symbol = "";
  }

  /** @returns {Candle | null} */
  get last() {
    return this.candles[this.candles.length - 1] || null;
  }

  /**
   * Take a snapshot. It replaces everything, since a restarted server counts its revisions from one.
   * @param {CandlesMessage} snapshot
   */
  replace(snapshot) {
    this.tf_ms = snapshot.tf_ms;
    this.step = snapshot.step;
    this.symbol = snapshot.symbol;
    const { price, quantity } = snapshot.decimals;
    this.decimals = { price, quantity: quantity ?? 0 };
    /** @type {Map<number, Candle>} */
    const byTime = new Map();
    for (const candle of snapshot.candles) {
      const held = byTime.get(candle.open_ts);
      if (!held || candle.rev >= held.rev) byTime.set(candle.open_ts, candle);
    }
    this.candles = [...byTime.values()].sort((one, other) => one.open_ts - other.open_ts);
    this._trim();
  }

  /**
   * Count in finer units if a message has more decimals than the series. Values stay the same.
   * @param {Decimals} decimals
   */
  refine({ price, quantity }) {
    const prices = 10 ** (price - this.decimals.price);
    const volumes = 10 ** (quantity - this.decimals.quantity);
    if ((prices === 1 && volumes === 1) || prices < 1 || volumes < 1) return;
    this.candles = this.candles.map((candle) => refined(candle, prices, volumes));
    this.step *= prices;
    this.decimals = { price, quantity };
  }

  /**
   * Take a changed candle. False if a newer state of it is held, or if it is older than the window.
   * @param {Candle} candle
   */
  apply(candle) {
    const place = this.find(candle.open_ts);
    const held = this.candles[place];
    const known = held && held.open_ts === candle.open_ts;
    if (known && candle.rev <= held.rev) return false;
    if (!known && place === 0 && this.candles.length >= this.lookback) return false;
    this.candles.splice(place, known ? 1 : 0, candle);
    this._trim();
    return true;
  }

  /**
   * Index of the first candle that opens at a time or after it.
   * @param {number} openTs
   */
  find(openTs) {
    let low = 0;
    let high = this.candles.length;
    if (high && this.candles[high - 1].open_ts < openTs) return high; // the usual case
    while (low < high) {
      const middle = (low + high) >> 1;
      if (this.candles[middle].open_ts < openTs) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /**
   * The candle that opens at a time, or null.
   * @param {number} openTs
   */
  at(openTs) {
    const candle = this.candles[this.find(openTs)];
    return candle && candle.open_ts === openTs ? candle : null;
  }

  /**
   * Column of a time on the axis: minutes without a candle keep an empty column.
   * @param {number} openTs
   */
  slot(openTs) {
    return Math.floor(openTs / this.tf_ms);
  }

  /**
   * Candles whose columns lie within [from, to].
   * @param {number} from
   * @param {number} to
   */
  between(from, to) {
    const start = this.find(from * this.tf_ms);
    const end = this.find((to + 1) * this.tf_ms);
    return this.candles.slice(start, end);
  }

  _trim() {
    const surplus = this.candles.length - this.lookback;
    if (surplus > 0) this.candles.splice(0, surplus);
  }
}
