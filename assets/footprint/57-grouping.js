/* Rows that can be read: where levels are too low for text, each row that is shown holds some neighbouring levels
   whole, as few of 1, 2, 5, 10, 20, ... as make it high enough. Bid, ask and trades of a row are the exact sums of its
   levels, and its diagonal imbalances those of the rows that are seen. POC and value area stay those of the step:
   the POC's frame is around the row that holds it. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  const LEGIBLE = 14; // px, the least height of a row: a text with the frame of the POC around it
  const NARROW = 40; // px; in narrower columns no text fits, and levels show more of the shape

  /* How many levels a row holds at a view's zoom. */
  function levelsPerRow(view) {
    if (view.columnWidth < NARROW) return 1;
    for (let power = 1; ; power *= 10) {
      const digit = [1, 2, 5].find((each) => each * power * view.rowHeight >= LEGIBLE);
      if (digit) return digit * power;
    }
  }

  /* The lowest level of the row that holds a level. */
  const lowestOf = (level, count) => Math.floor(level / count) * count;

  /* Levels (columns, high to low, at multiples of `step`) by rows of `count`; `p` is the middle of a row, which may
     lie between two units of price. */
  function groupedLevels({ p, bid, ask, n }, step, count) {
    const rows = { p: [], bid: [], ask: [], n: [] };
    let at = -1;
    let lowest = NaN;
    for (let index = 0; index < p.length; index++) {
      const low = lowestOf(p[index] / step, count);
      if (low !== lowest) {
        lowest = low;
        at += 1;
        rows.p.push((low + (count - 1) / 2) * step);
        for (const name of ["bid", "ask", "n"]) rows[name].push(0);
      }
      rows.bid[at] += bid[index];
      rows.ask[at] += ask[index];
      rows.n[at] += n[index];
    }
    for (const name of Object.keys(rows)) rows[name] = Float64Array.from(rows[name]);
    return rows;
  }

  /* A series as it is drawn: its step is the height of a row, its candles have rows for levels. */
  class GroupedSeries {
    constructor(series, count) {
      this.whole = series;
      this.count = count;
      this.step = count * series.step;
      this.tf_ms = series.tf_ms;
      this.decimals = series.decimals;
      this._known = new WeakMap(); // by the whole candle
    }

    get last() {
      return this.whole.last;
    }

    slot(openTs) {
      return this.whole.slot(openTs);
    }

    between(from, to) {
      return this.whole.between(from, to).map((candle) => this.candle(candle));
    }

    /* A candle of the series as it is drawn; `whole` is the candle itself. */
    candle(whole) {
      let known = this._known.get(whole);
      if (!known) {
        const { step } = this.whole;
        const levels = groupedLevels(whole.levels, step, this.count);
        const poc = (lowestOf(whole.poc / step, this.count) + (this.count - 1) / 2) * step;
        this._known.set(whole, (known = { ...whole, levels, poc, whole }));
      }
      return known;
    }
  }

  /* Figures of candles that are drawn by rows; `exact` are those of the whole candles. */
  class GroupedFigures extends parts.Figures {
    constructor(series, options, exact) {
      super(series, options);
      this._exact = exact;
      this._overhang = ((series.count - 1) * series.whole.step) / 2;
    }

    _measure(candle) {
      const measured = super._measure(candle);
      const { valueArea, statistics } = this._exact.of(candle.whole);
      measured.statistics = statistics;
      // Its edges stay those of its highest and lowest level, in the middle of a row or not.
      measured.valueArea = valueArea && {
        high: valueArea.high - this._overhang,
        low: valueArea.low + this._overhang,
      };
      return measured;
    }
  }

  /* What is drawn of a series at a view's zoom: {count, series, figures, view}, and `exact`, its own figures. Kept from
     one painting to the next as long as nothing of it changes. */
  class Rows {
    constructor(series, options) {
      this._options = options;
      this.whole = series;
      this.decimals = series.decimals;
      this.step = series.step;
      this.exact = new parts.Figures(series, options);
      this._group(1);
    }

    /* Whether it still stands for the series, which may have begun anew with another step. */
    standsFor({ decimals, step }) {
      return this.decimals === decimals && this.step === step;
    }

    _group(count) {
      this.count = count;
      this.series = count === 1 ? this.whole : new GroupedSeries(this.whole, count);
      this.figures = count === 1 ? this.exact : new GroupedFigures(this.series, this._options, this.exact);
    }

    /* Choose the rows for a view that is arranged; the view in rows instead of levels. */
    arrange(view) {
      const count = this._options.grouping ? levelsPerRow(view) : 1;
      if (count !== this.count) this._group(count);
      if (count === 1) return view;
      return Object.create(view, {
        rowHeight: { value: view.rowHeight * count },
        middle: { value: view.middle / count },
      });
    }

    /* The levels {low, high} of the row that holds a level. */
    span(level) {
      const low = lowestOf(level, this.count);
      return { low, high: low + this.count - 1 };
    }

    /* The flags of the row that holds a level of a candle. */
    flags(candle, level) {
      const { low, high } = this.span(level);
      const drawn = this.count === 1 ? candle : this.series.candle(candle);
      const index = drawn.levels.p.indexOf(((low + high) / 2) * this.step);
      return index < 0 ? 0 : this.figures.of(drawn).flags[index];
    }
  }

  parts.Rows = Rows;
})();
