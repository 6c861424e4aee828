/* The fixed readout of the hovered candle and level: every digit that the socket sent; volumes in quote short, since
   each level is valued at its own price. */

/** @import {Candle, Decimals} from "../types.d.ts" */
/** @import {Units} from "../model/figures.mjs" */
/** @import {Rows} from "../model/grouping.mjs" */
/** @import {Series} from "../model/series.mjs" */

import { grouped, MINUS, NOTHING, percent, text } from "../model/decimal.mjs";
import { BUY, SELL, STACKED_BUY, STACKED_SELL } from "../model/measures.mjs";
import { clock, day } from "../paint/axes.mjs";

/** @typedef {NonNullable<ReturnType<typeof readoutOf>>} CandleReadout */
/** @typedef {ReturnType<typeof levelFigures>} LevelReadout */

const QUALITY_LABELS = {
  complete: "Complete",
  partial: "◐ Partial",
  gap: "⚠\ufe0e Gap",
  repaired: "↻ Backfilled",
};
/** @type {Record<string, string>} */
const VERIFIED_LABELS = { true: " ✓", false: " ≠", null: "" };

/**
 * Returns the function that writes a size: lots with every digit, or their value in quote. With a hyphen, as all exact
 * texts.
 * @param {Units} units
 * @param {Decimals} decimals
 * @returns {(size: number) => string}
 */
function volumeWriter(units, decimals) {
  if (!units.inQuote) return (lots) => text(lots, decimals.quantity);
  return (size) => units.short(size).replace(MINUS, "-");
}

/**
 * The row of a candle that holds a level, as exact texts; all zero if nothing was traded. `to` is the highest of its
 * levels if it has more than one.
 * @param {Candle} candle
 * @param {Rows} rows
 * @param {number} level
 * @param {Decimals} decimals
 */
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
  /** @param {number} row */
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

/**
 * The figures of a candle, and of its row that holds `level` unless that is null, as exact texts. Null without one.
 * @param {Series} series
 * @param {Rows} rows
 * @param {Candle | null} candle
 * @param {number | null} level
 */
export function readoutOf(series, rows, candle, level) {
  if (!candle) return null;
  const { decimals } = series;
  /** @param {number} units */
  const price = (units) => text(units, decimals.price);
  const { units } = rows.exact;
  const volume = volumeWriter(units, decimals);
  const { valueArea, bidTotal, askTotal } = rows.exact.of(candle);
  const [bid, ask] = units.inQuote ? [bidTotal, askTotal] : [candle.bid, candle.ask];
  /** @param {number} lots */
  const inBase = (lots) => (units.inQuote ? NOTHING : volume(lots));
  return {
    open_ts: candle.open_ts,
    rev: candle.rev,
    time: clock(candle.open_ts),
    day: day(candle.open_ts),
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

/** @param {LevelReadout} level */
function imbalanceLabel(level) {
  const sides = [level.buyImbalance && "buy", level.sellImbalance && "sell"].filter(Boolean).join(" + ");
  return sides ? `${level.stacked ? "stacked " : ""}${sides}` : NOTHING;
}

/** @param {string} decimalText */
const isZero = (decimalText) => !/[1-9]/.test(decimalText);
/** @param {string} decimalText */
const sign = (decimalText) => (isZero(decimalText) ? "nothing" : decimalText.startsWith("-") ? "bid" : "ask");
/** @param {string} decimalText */
const plus = (decimalText) => (sign(decimalText) === "ask" ? "+" : "") + grouped(decimalText);
/** @type {(name: "bid" | "ask", decimalText: string) => string} */
const side = (name, decimalText) => (isZero(decimalText) ? "nothing" : name);
/**
 * Null hides a figure that these units do not have.
 * @param {string} decimalText
 */
const plusIfKnown = (decimalText) => (decimalText === NOTHING ? null : plus(decimalText));

/**
 * @template Source
 * @typedef {object} Figure
 * @property {string} name
 * @property {(source: Source) => string | null} text
 * @property {(source: Source) => string} [color]
 * @property {boolean} [isSpare] a narrow chart leaves it out: its statistics rows have it too
 */

/** @type {Figure<CandleReadout>[]} */
const CANDLE_FIGURES = [
  { name: "Candle", text: ({ time, closed }) => `${time}${closed ? "" : " open"}` },
  {
    name: "Quality",
    text: ({ quality, verified }) => QUALITY_LABELS[quality] + VERIFIED_LABELS[String(verified)],
  },
  { name: "Day", text: (candle) => candle.day, isSpare: true },
  { name: "Open", text: ({ open }) => grouped(open), isSpare: true },
  { name: "High", text: ({ high }) => grouped(high) },
  { name: "Low", text: ({ low }) => grouped(low) },
  { name: "Close", text: ({ close }) => grouped(close) },
  { name: "Volume", text: ({ volume }) => grouped(volume) },
  { name: "Bid", text: ({ bid }) => grouped(bid), color: ({ bid }) => side("bid", bid), isSpare: true },
  { name: "Ask", text: ({ ask }) => grouped(ask), color: ({ ask }) => side("ask", ask), isSpare: true },
  { name: "Delta", text: ({ delta }) => plus(delta), color: ({ delta }) => sign(delta) },
  {
    name: "Delta %",
    text: ({ delta, deltaPercent }) => (sign(delta) === "ask" ? "+" : "") + deltaPercent,
    color: ({ delta }) => sign(delta),
    isSpare: true,
  },
  {
    name: "Min delta",
    text: ({ minDelta }) => plusIfKnown(minDelta),
    color: ({ minDelta }) => sign(minDelta),
    isSpare: true,
  },
  {
    name: "Max delta",
    text: ({ maxDelta }) => plusIfKnown(maxDelta),
    color: ({ maxDelta }) => sign(maxDelta),
    isSpare: true,
  },
  { name: "CVD", text: ({ cvd }) => plusIfKnown(cvd), color: ({ cvd }) => sign(cvd) },
  { name: "Trades", text: ({ n }) => grouped(String(n)), isSpare: true },
  { name: "POC", text: ({ poc }) => grouped(poc), isSpare: true },
  { name: "VA high", text: ({ valueAreaHigh }) => grouped(valueAreaHigh), isSpare: true },
  { name: "VA low", text: ({ valueAreaLow }) => grouped(valueAreaLow), isSpare: true },
];
const WIDE = "Level"; // two prices in a row of several levels
const WIDEST = 17; // characters of a name and its number that fit one place
/** @type {Figure<LevelReadout>[]} */
const LEVEL_FIGURES = [
  { name: "Level", text: ({ p, to }) => (to ? `${grouped(p)} to ${grouped(to)}` : grouped(p)) },
  { name: "Bid", text: ({ bid }) => grouped(bid), color: ({ bid }) => side("bid", bid) },
  { name: "Ask", text: ({ ask }) => grouped(ask), color: ({ ask }) => side("ask", ask) },
  { name: "Delta", text: ({ delta }) => plus(delta), color: ({ delta }) => sign(delta) },
  { name: "Volume", text: ({ volume }) => grouped(volume), isSpare: true },
  { name: "Trades", text: ({ n }) => grouped(String(n)), isSpare: true },
  { name: "Imbalance", text: imbalanceLabel },
];

/**
 * @param {string} name
 * @param {string | undefined} address
 */
function nameNode(name, address) {
  if (!address) return document.createTextNode(name);
  const link = document.createElement("a");
  const attributes = { href: address, target: "_blank", rel: "noopener", textContent: name, tabIndex: -1 };
  return Object.assign(link, attributes);
}

/**
 * A list of named figures, each in a place of its own.
 * @template Source
 */
class FigureList {
  /**
   * @param {Figure<Source>[]} figures
   * @param {string} label
   * @param {Record<string, string>} help addresses by name; no tab stops, since the panel's tables link them too
   */
  constructor(figures, label, help) {
    this.element = document.createElement("dl");
    this.element.setAttribute("aria-label", label);
    this._figures = figures;
    this._places = figures.map(({ name, isSpare }) => {
      const item = document.createElement("div");
      const term = document.createElement("dt");
      const value = document.createElement("dd");
      const written = document.createTextNode("");
      term.append(nameNode(name, help[name]));
      value.append(written);
      item.classList.toggle("is-spare", Boolean(isSpare));
      item.classList.toggle("is-wide", name === WIDE);
      item.append(term, value);
      this.element.append(item);
      return { item, value, written };
    });
  }

  /**
   * Show the figures of a source, or dashes without one. Text nodes are kept: a new node would make the browser
   * recompute the styles of the whole page.
   * @param {Source | null} source
   */
  show(source) {
    this._figures.forEach(({ name, text: write, color }, index) => {
      const { item, value, written } = this._places[index];
      const figure = source ? write(source) : NOTHING;
      const shown = figure ?? NOTHING;
      if (item.hidden !== (figure === null)) item.hidden = figure === null;
      // Once wide it stays wide: places should not move with each trade.
      if (/^[−+\d]/.test(shown) && name.length + shown.length > WIDEST) item.classList.add("is-wide");
      if (written.data !== shown) written.data = shown;
      const className = !source ? "is-nothing" : color ? `is-${color(source)}` : "";
      if (value.className !== className) value.className = className;
    });
  }
}

/* The readout on the page: the candle's figures, and below them the level's. */
export class Readout {
  /** @param {Record<string, string>} help */
  constructor(help) {
    this._candle = new FigureList(CANDLE_FIGURES, "Candle", help);
    this._level = new FigureList(LEVEL_FIGURES, "Level", help);
    this.element = document.createElement("div");
    this.element.className = "footprint-readout";
    this.element.append(this._candle.element, this._level.element);
  }

  /** @param {CandleReadout | null} figures */
  show(figures) {
    this._candle.show(figures);
    this._level.show(figures?.level ?? null);
  }
}
