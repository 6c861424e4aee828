/* The candles of one view, by the time they open. The newest revision of each counts. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { PRICES, VOLUMES } = parts.fields;

  /* A candle in units that are finer by two factors. */
  function refined(candle, prices, volumes) {
    const { p, bid, ask, n } = candle.levels;
    const times = (column, factor) => column.map((units) => units * factor);
    const levels = { p: times(p, prices), bid: times(bid, volumes), ask: times(ask, volumes), n };
    const copy = { ...candle, levels };
    for (const name of PRICES) copy[name] *= prices;
    for (const name of VOLUMES) copy[name] *= volumes;
    return copy;
  }

  class Series {
    /* Keeps the newest `lookback` candles. */
    constructor(lookback) {
      this.lookback = lookback;
      this.version = 0; // rises with every change
      this.clear();
    }

    clear() {
      this.candles = []; // old to new
      this.tf_ms = 0;
      this.step = 0; // units of price
      this.decimals = { price: 0, quantity: 0 };
      this.symbol = "";
      this.cvd_from = null;
      this.version += 1;
    }

    get last() {
      return this.candles[this.candles.length - 1] || null;
    }

    /* Take a snapshot: what was known before it no longer counts, since a server that began anew counts its
       revisions anew. */
    replace(snapshot) {
      this.tf_ms = snapshot.tf_ms;
      this.step = snapshot.step;
      this.symbol = snapshot.symbol;
      this.cvd_from = snapshot.cvd_from;
      const { price, quantity } = snapshot.decimals;
      this.decimals = { price, quantity: quantity ?? 0 };
      const byTime = new Map();
      for (const candle of snapshot.candles) {
        const held = byTime.get(candle.open_ts);
        if (!held || candle.rev >= held.rev) byTime.set(candle.open_ts, candle);
      }
      this.candles = [...byTime.values()].sort((one, other) => one.open_ts - other.open_ts);
      this._trim();
      this.version += 1;
    }

    /* Count in finer units, where a message has more decimals than what is held. Values stay the same. */
    refine({ price, quantity }) {
      const prices = 10 ** (price - this.decimals.price);
      const volumes = 10 ** (quantity - this.decimals.quantity);
      if ((prices === 1 && volumes === 1) || prices < 1 || volumes < 1) return;
      this.candles = this.candles.map((candle) => refined(candle, prices, volumes));
      this.step *= prices;
      this.decimals = { price, quantity };
      this.version += 1;
    }

    /* Take a candle that changed. False where a newer state of it is held, or where it is out of the window. */
    apply(candle) {
      const place = this.find(candle.open_ts);
      const held = this.candles[place];
      const known = held && held.open_ts === candle.open_ts;
      if (known && candle.rev <= held.rev) return false;
      if (!known && place === 0 && this.candles.length >= this.lookback) return false;
      this.candles.splice(place, known ? 1 : 0, candle);
      this._trim();
      this.version += 1;
      return true;
    }

    /* Place of the first candle that opens at a time or after it. */
    find(openTs) {
      let low = 0;
      let high = this.candles.length;
      if (high && this.candles[high - 1].open_ts < openTs) return high; // as nearly always
      while (low < high) {
        const middle = (low + high) >> 1;
        if (this.candles[middle].open_ts < openTs) low = middle + 1;
        else high = middle;
      }
      return low;
    }

    /* The candle that opens at a time, or null. */
    at(openTs) {
      const candle = this.candles[this.find(openTs)];
      return candle && candle.open_ts === openTs ? candle : null;
    }

    /* Column of a time on the axis: candles that never were leave their columns empty. */
    slot(openTs) {
      return Math.floor(openTs / this.tf_ms);
    }

    /* Candles whose columns lie within [from, to]. */
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

  parts.Series = Series;
})();
