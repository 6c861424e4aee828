/* The chart's options: their defaults, and the values that each accepts. */

/** @import {Options} from "./types.d.ts" */

import { CONTENTS } from "./model/figures.mjs";
import { PALETTE_NAMES } from "./paint/colors.mjs";

/** @typedef {[(value: any) => boolean, string]} Accepts */

export const COLORINGS = ["delta", "volume", "imbalance"];
/** @type {(...values: unknown[]) => Accepts} */
const oneOf = (...values) => [(value) => values.includes(value), values.join(" | ")];
/** @type {(least: number) => Accepts} */
const atLeast = (least) => [(value) => Number.isFinite(value) && value >= least, `a number from ${least}`];
const yesOrNo = oneOf(true, false);

/** @type {Record<string, [unknown, ...Accepts]>} name: [default, test, accepted values] */
const OPTIONS = {
  content: ["bid-ask", ...oneOf(...CONTENTS)],
  coloring: ["delta", ...oneOf(...COLORINGS)],
  /* Full color: the strongest cell of the candle, of all in sight, or a cell of this much quote currency. */
  scale: [
    "candle",
    (value) => value === "candle" || value === "visible" || (Number.isFinite(value) && value > 0),
    "candle | visible | a number above 0",
  ],
  ratio: [3, ...atLeast(1)],
  minNotional: [0, ...atLeast(0)], // quote currency
  zeroOpposite: [false, ...yesOrNo],
  valueAreaRows: [2, ...oneOf(1, 2)],
  units: ["base", ...oneOf("base", "quote")],
  grouping: [true, ...yesOrNo], // rows too low for text hold several levels
  sideSwap: [false, ...yesOrNo], // ask on the left
  palette: ["red-green", ...oneOf(...PALETTE_NAMES)],
  valueArea: [true, ...yesOrNo],
  imbalances: [true, ...yesOrNo],
  profile: [true, ...yesOrNo],
  statistics: [true, ...yesOrNo],
};

const UNCHECKED = ["feed", "help"]; // objects of the page
/** @type {(keyof Options)[]} */
const VIEW = ["exchange", "symbol", "tf", "step", "lookback", "emitMs"];
const LOOKBACK = 30;

/**
 * All options with some changed. Throws a RangeError for an unknown name or an invalid value.
 * @param {Options} options
 * @param {Partial<Options>} changes
 * @returns {Options}
 */
export function withOptions(options, changes) {
  for (const [name, value] of Object.entries(changes)) {
    if (VIEW.includes(/** @type {keyof Options} */ (name)) || UNCHECKED.includes(name)) continue;
    if (!OPTIONS[name]) throw new RangeError(`Unknown footprint chart option ${name}`);
    const [, test, accepted] = OPTIONS[name];
    if (!test(value)) throw new RangeError(`Invalid ${name} ${value}: use ${accepted}`);
  }
  return { ...options, ...changes };
}

/** @returns {Options} */
export function defaultOptions() {
  /** @type {any} */
  const options = { lookback: LOOKBACK, help: {} };
  for (const [name, [value]] of Object.entries(OPTIONS)) options[name] = value;
  return options;
}

/**
 * Whether two sets of options show the same view of the same feed.
 * @param {Options} one
 * @param {Options} other
 */
export function sameView(one, other) {
  return one.feed === other.feed && VIEW.every((name) => one[name] === other[name]);
}
