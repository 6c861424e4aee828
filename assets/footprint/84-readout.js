/* The fixed readout of the hovered candle and level: every digit that the socket sent; volumes in quote short, since
   each level's are taken at the level's price. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { text, grouped, percent, NOTHING, MINUS } = parts.decimal;
  const { BUY, SELL, STACKED_BUY, STACKED_SELL } = parts.measures;

  const QUALITY_WORDS = {
    complete: "Complete",
    partial: "◐ Partial",
    gap: "⚠\ufe0e Gap",
    repaired: "↻ Repaired",
  };
  const VERIFIED_WORDS = { true: " ✓", false: " ≠", null: "" };

  /* How a size is written: lots with every digit, or what they are in quote. As all exact texts with a hyphen. */
  function volumeWriter(units, decimals) {
    if (!units.inQuote) return (lots) => text(lots, decimals.quantity);
    return (size) => units.short(size).replace(MINUS, "-");
  }

  /* The row of a candle that holds a level, as exact texts; all zero where nothing was traded. `to` is the highest of
     its levels where it has more than one. */
  function levelFigures(candle, rows, level, decimals) {
    const { low, high } = rows.span(level);
    const { levels } = candle;
    const { units } = rows.exact;
    const sum = { bid: 0, ask: 0, n: 0 };
    for (let index = 0; index < levels.p.length; index++) {
      const isIn = levels.p[index] >= low * rows.step && levels.p[index] <= high * rows.step;
      if (!isIn) continue;
      const weight = units.weight(levels.p[index]);
      sum.bid += levels.bid[index] * weight;
      sum.ask += levels.ask[index] * weight;
      sum.n += levels.n[index];
    }
    const flag = rows.flags(candle, level);
    const volume = volumeWriter(units, decimals);
    const price = (row) => text(row * rows.step, decimals.price);
    return {
      p: price(low),
      to: high > low ? price(high) : null,
      bid: volume(sum.bid),
      ask: volume(sum.ask),
      delta: volume(sum.ask - sum.bid),
      volume: volume(sum.bid + sum.ask),
      n: sum.n,
      buyImbalance: Boolean(flag & BUY),
      sellImbalance: Boolean(flag & SELL),
      stacked: Boolean(flag & (STACKED_BUY | STACKED_SELL)),
    };
  }

  /* The figures of a candle, and of its row that holds `level` unless that is null, as exact texts. Null without one. */
  function readoutOf(series, rows, candle, level) {
    if (!candle) return null;
    const { decimals } = series;
    const price = (units) => text(units, decimals.price);
    const { units } = rows.exact;
    const volume = volumeWriter(units, decimals);
    const { valueArea, bidTotal, askTotal } = rows.exact.of(candle);
    const [bid, ask] = units.inQuote ? [bidTotal, askTotal] : [candle.bid, candle.ask];
    const inBase = (lots) => (units.inQuote ? NOTHING : volume(lots));
    return {
      open_ts: candle.open_ts,
      rev: candle.rev,
      time: parts.clock(candle.open_ts),
      day: parts.day(candle.open_ts),
      open: price(candle.open),
      high: price(candle.high),
      low: price(candle.low),
      close: price(candle.close),
      bid: volume(bid),
      ask: volume(ask),
      volume: volume(bid + ask),
      delta: volume(ask - bid),
      deltaPercent: percent(ask - bid, bid + ask),
      minDelta: inBase(candle.min_delta),
      maxDelta: inBase(candle.max_delta),
      cvd: inBase(candle.cvd),
      n: candle.n,
      poc: price(candle.poc),
      valueAreaHigh: valueArea ? price(valueArea.high) : NOTHING,
      valueAreaLow: valueArea ? price(valueArea.low) : NOTHING,
      quality: candle.quality,
      verified: candle.verified,
      closed: candle.closed,
      level: level === null ? null : levelFigures(candle, rows, level, decimals),
    };
  }

  function imbalanceWord(level) {
    const sides = [level.buyImbalance && "buy", level.sellImbalance && "sell"].filter(Boolean).join(" + ");
    return sides ? `${level.stacked ? "stacked " : ""}${sides}` : NOTHING;
  }

  const sign = (decimalText) => (/[1-9]/.test(decimalText) ? (decimalText.startsWith("-") ? "bid" : "ask") : "nothing");
  const plus = (decimalText) => (sign(decimalText) === "ask" ? "+" : "") + grouped(decimalText);
  const side = (name) => (value) => (/[1-9]/.test(value) ? name : "nothing");

  /* A figure that is not known in these units has no place: null. */
  const known = (name) => (figures) => (figures[name] === NOTHING ? null : plus(figures[name]));

  const PERCENT = ({ delta, deltaPercent }) => (sign(delta) === "ask" ? "+" : "") + deltaPercent;

  /* [name, text, colour, whether a narrow chart leaves it out: its statistics rows have it too] */
  const CANDLE_FIGURES = [
    ["Candle", ({ time, closed }) => `${time}${closed ? "" : " open"}`],
    ["Quality", ({ quality, verified }) => QUALITY_WORDS[quality] + VERIFIED_WORDS[verified]],
    ["Day", ({ day }) => day, null, true],
    ["Open", ({ open }) => grouped(open), null, true],
    ["High", ({ high }) => grouped(high)],
    ["Low", ({ low }) => grouped(low)],
    ["Close", ({ close }) => grouped(close)],
    ["Volume", ({ volume }) => grouped(volume)],
    ["Bid", ({ bid }) => grouped(bid), ({ bid }) => side("bid")(bid), true],
    ["Ask", ({ ask }) => grouped(ask), ({ ask }) => side("ask")(ask), true],
    ["Delta", ({ delta }) => plus(delta), ({ delta }) => sign(delta)],
    ["Delta %", PERCENT, ({ delta }) => sign(delta), true],
    ["Min delta", known("minDelta"), ({ minDelta }) => sign(minDelta), true],
    ["Max delta", known("maxDelta"), ({ maxDelta }) => sign(maxDelta), true],
    ["CVD", known("cvd"), ({ cvd }) => sign(cvd)],
    ["Trades", ({ n }) => grouped(String(n)), null, true],
    ["POC", ({ poc }) => grouped(poc), null, true],
    ["VA high", ({ valueAreaHigh }) => grouped(valueAreaHigh), null, true],
    ["VA low", ({ valueAreaLow }) => grouped(valueAreaLow), null, true],
  ];
  const WIDE = "Level"; // of a row of several levels it names two prices
  const WIDEST = 17; // characters of a name and its number that have room in one place
  const LEVEL_FIGURES = [
    ["Level", ({ p, to }) => (to ? `${grouped(p)} to ${grouped(to)}` : grouped(p))],
    ["Bid", ({ bid }) => grouped(bid), ({ bid }) => side("bid")(bid)],
    ["Ask", ({ ask }) => grouped(ask), ({ ask }) => side("ask")(ask)],
    ["Delta", ({ delta }) => plus(delta), ({ delta }) => sign(delta)],
    ["Volume", ({ volume }) => grouped(volume), null, true],
    ["Trades", ({ n }) => grouped(String(n)), null, true],
    ["Imbalance", imbalanceWord],
  ];

  function named(name, address) {
    if (!address) return document.createTextNode(name);
    const link = document.createElement("a");
    Object.assign(link, { href: address, target: "_blank", rel: "noopener", textContent: name, tabIndex: -1 });
    return link;
  }

  /* A list of named figures, each in a place of its own. */
  class FigureList {
    /* `help`: addresses that explain names. They are no stops of the keyboard: the panel's tables have them too. */
    constructor(figures, label, help) {
      this.element = document.createElement("dl");
      this.element.setAttribute("aria-label", label);
      this._figures = figures;
      this._places = figures.map(([name, , , isSpare]) => {
        const item = document.createElement("div");
        const term = document.createElement("dt");
        const value = document.createElement("dd");
        term.append(named(name, help[name]));
        value.append("");
        item.classList.toggle("is-spare", Boolean(isSpare));
        item.classList.toggle("is-wide", name === WIDE);
        item.append(term, value);
        this.element.append(item);
        return value;
      });
    }

    /* Show what `source` says, or that there is nothing. A text that is written into stays the same node: a new one
       would have the whole page's style looked at for what it now holds. */
    show(source) {
      this._figures.forEach(([name, write, colour], index) => {
        const place = this._places[index];
        const figure = source ? write(source) : NOTHING;
        const shown = figure ?? NOTHING;
        const item = place.parentElement;
        if (item.hidden !== (figure === null)) item.hidden = figure === null;
        // Once wide it stays so: places should not move with each trade.
        if (/^[−+\d]/.test(shown) && name.length + shown.length > WIDEST) item.classList.add("is-wide");
        const written = place.firstChild;
        if (written.data !== shown) written.data = shown;
        const look = !source ? "is-nothing" : colour ? `is-${colour(source)}` : "";
        if (place.className !== look) place.className = look;
      });
    }
  }

  /* The readout on the page: the candle's figures, and below them the level's. */
  class Readout {
    constructor(help) {
      this._candle = new FigureList(CANDLE_FIGURES, "Candle", help);
      this._level = new FigureList(LEVEL_FIGURES, "Level", help);
      this.element = document.createElement("div");
      this.element.className = "footprint-readout";
      this.element.append(this._candle.element, this._level.element);
    }

    show(figures) {
      this._candle.show(figures);
      this._level.show(figures && figures.level);
    }
  }

  Object.assign(parts, { Readout, readoutOf });
})();
