/* What the chart derives from a candle for the options that are chosen; each candle is measured once. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { compact, percent } = parts.decimal;

  /* Volumes as they are shown: base currency, or quote currency at the price of the level. */
  class Units {
    constructor(decimals, inQuote) {
      this.inQuote = inQuote;
      this.factor = 10 ** -(decimals.quantity + (inQuote ? decimals.price : 0));
      this.places = inQuote ? 2 : decimals.quantity;
    }

    /* Weight of a lot at a price; a volume times its weight is a size that can be compared and added. */
    weight(price) {
      return this.inQuote ? price : 1;
    }

    short(size) {
      return compact(size * this.factor, this.places);
    }
  }

  const TEXTS = {
    "bid-ask": (bid, ask, _n, units) => [units.short(bid), units.short(ask)],
    delta: (bid, ask, _n, units) => [units.short(ask - bid)],
    volume: (bid, ask, _n, units) => [units.short(bid + ask)],
    trades: (_bid, _ask, n) => [compact(n, 0)],
  };

  class Figures {
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
      this._known = new WeakMap();
    }

    /* Sizes of a candle's levels, its marks and its totals. */
    of(candle) {
      let known = this._known.get(candle);
      if (!known) this._known.set(candle, (known = this._measure(candle)));
      return known;
    }

    _measure(candle) {
      const { levels } = candle;
      const count = levels.p.length;
      const bid = new Float64Array(count);
      const ask = new Float64Array(count);
      const measured = { bid, ask, mostVolume: 0, mostDelta: 0, bidTotal: 0, askTotal: 0, texts: null };
      for (let index = 0; index < count; index++) {
        const weight = this.units.weight(levels.p[index]);
        bid[index] = levels.bid[index] * weight;
        ask[index] = levels.ask[index] * weight;
        measured.bidTotal += bid[index];
        measured.askTotal += ask[index];
        measured.mostVolume = Math.max(measured.mostVolume, bid[index] + ask[index]);
        measured.mostDelta = Math.max(measured.mostDelta, Math.abs(ask[index] - bid[index]));
      }
      measured.flags = parts.measures.imbalances(levels, this.step, this._rules);
      measured.valueArea = parts.measures.valueArea(levels, this.step, this._options.valueAreaRows);
      measured.statistics = this._statistics(candle, measured);
      return measured;
    }

    /* Texts of a candle's cells, one or two a level. */
    texts(candle) {
      const measured = this.of(candle);
      if (!measured.texts) {
        const { content, sideSwap } = this._options;
        const write = TEXTS[content];
        const rows = new Array(candle.levels.p.length);
        for (let index = 0; index < rows.length; index++) {
          rows[index] = write(measured.bid[index], measured.ask[index], candle.levels.n[index], this.units);
          if (sideSwap) rows[index].reverse();
        }
        measured.texts = rows;
      }
      return measured.texts;
    }

    /* The statistics below a candle, one for each of `statisticNames`: figure, text and what colours it. CVD and the
       extremes of delta are known in base currency alone and left out in quote: no figure has another unit than the
       rest. */
    _statistics(candle, measured) {
      const { units } = this;
      const { inQuote } = units;
      const volume = inQuote ? measured.bidTotal + measured.askTotal : candle.bid + candle.ask;
      const delta = inQuote ? measured.askTotal - measured.bidTotal : candle.delta;
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

  const STATISTICS = ["Volume", "Delta", "Delta %", "Min delta", "Max delta", "CVD", "Trades"];

  const IN_BASE = ["Min delta", "Max delta", "CVD"];

  /* The rows of statistics in units of `base` or `quote`. */
  const statisticNames = (units) => STATISTICS.filter((name) => units === "base" || !IN_BASE.includes(name));

  Object.assign(parts, { Figures, Units, STATISTICS, statisticNames, CONTENTS: Object.keys(TEXTS) });
})();
