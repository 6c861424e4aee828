/* Measures of a candle's levels. Prices are whole units of price, `step` among them; volumes are lots. The
   definitions are those of the help page. */

/** @import {Ladder, ValueArea} from "../types.d.ts" */

export const BUY = 1;
export const SELL = 2;
export const STACKED_BUY = 4;
export const STACKED_SELL = 8;
const STACK = 3; // neighboring levels of the same side

/**
 * Index of the level with the most volume. Tie: the nearest to the middle of the range, then the lower.
 * -1 without levels.
 * @param {Ladder} levels
 */
export function pointOfControl(levels) {
  const { p, bid, ask } = levels;
  const twiceMiddle = p.length ? p[0] + p[p.length - 1] : 0;
  let best = -1;
  for (let index = 0; index < p.length; index++) {
    if (best < 0) {
      best = index;
      continue;
    }
    const more = bid[index] + ask[index] - bid[best] - ask[best];
    const nearer = Math.abs(2 * p[best] - twiceMiddle) - Math.abs(2 * p[index] - twiceMiddle);
    if (more > 0 || (more === 0 && (nearer > 0 || (nearer === 0 && p[index] < p[best])))) best = index;
  }
  return best;
}

/**
 * The prices that hold 70 % of the volume: from the POC, the larger of the next `rows` (1 or 2) rows above or below
 * joins until they do. Tie: the side that reaches less far from the POC, then the lower. A row without trades is a
 * row; at the end of the range the rest of a pair counts as one. Null without levels.
 * @param {Ladder} levels
 * @param {number} step
 * @param {number} rows
 * @returns {ValueArea | null}
 */
export function valueArea(levels, step, rows) {
  const start = pointOfControl(levels);
  if (start < 0) return null;
  const { p, bid, ask } = levels;
  const last = p.length - 1;
  let total = 0;
  for (let index = 0; index <= last; index++) total += bid[index] + ask[index];
  let held = bid[start] + ask[start];
  let high = p[start];
  let low = p[start];
  let above = start - 1; // the nearest level outside, on each side
  let below = start + 1;
  while (10 * held < 7 * total) {
    let up = 0;
    let upTo = above;
    for (; upTo >= 0 && p[upTo] <= high + rows * step; upTo--) up += bid[upTo] + ask[upTo];
    let down = 0;
    let downTo = below;
    for (; downTo <= last && p[downTo] >= low - rows * step; downTo++) down += bid[downTo] + ask[downTo];
    const upper = up > down || (up === down && high - p[start] < p[start] - low);
    if (below > last || (above >= 0 && upper)) {
      high = Math.min(high + rows * step, p[0]);
      held += up;
      above = upTo;
    } else {
      low = Math.max(low - rows * step, p[last]);
      held += down;
      below = downTo;
    }
  }
  return { low, high };
}

/**
 * @param {Uint8Array} flags
 * @param {Ladder} levels
 * @param {number} step
 * @param {number} side
 * @param {number} stacked
 */
function markStacks(flags, levels, step, side, stacked) {
  let run = 0;
  for (let index = 0; index <= flags.length; index++) {
    const isNeighbor = index === 0 || levels.p[index - 1] - levels.p[index] === step;
    const isFlagged = index < flags.length && (flags[index] & side) !== 0;
    if (run && !(isFlagged && isNeighbor)) {
      if (run >= STACK) for (let back = index - run; back < index; back++) flags[back] |= stacked;
      run = 0;
    }
    if (isFlagged) run += 1;
  }
}

/**
 * Diagonal imbalances, one byte of flags a level: buy where ask(p) > ratio x bid(p - step), sell where
 * bid(p) > ratio x ask(p + step). `least` is the smallest notional of the winning side in units of price x lots. The
 * ask of the lowest and the bid of the highest level have no opposite and are not tested.
 * @param {Ladder} levels
 * @param {number} step
 * @param {{ratio: number, least: number, zeroOpposite: boolean}} rules
 */
export function imbalances(levels, step, { ratio, least, zeroOpposite }) {
  const { p, bid, ask } = levels;
  const flags = new Uint8Array(p.length);
  /** @type {(volume: number, opposite: number, price: number) => boolean} */
  const wins = (volume, opposite, price) =>
    volume > ratio * opposite && (opposite > 0 || zeroOpposite) && volume * price >= least;
  for (let index = 0; index < p.length; index++) {
    if (index + 1 < p.length) {
      const opposite = p[index] - p[index + 1] === step ? bid[index + 1] : 0;
      if (wins(ask[index], opposite, p[index])) flags[index] |= BUY;
    }
    if (index > 0) {
      const opposite = p[index - 1] - p[index] === step ? ask[index - 1] : 0;
      if (wins(bid[index], opposite, p[index])) flags[index] |= SELL;
    }
  }
  markStacks(flags, levels, step, BUY, STACKED_BUY);
  markStacks(flags, levels, step, SELL, STACKED_SELL);
  return flags;
}

/**
 * The volume profile of candles: their levels added up by price, high to low.
 * @param {{levels: Ladder}[]} candles
 * @returns {Ladder}
 */
export function profile(candles) {
  /** @type {Map<number, [number, number]>} */
  const rows = new Map();
  for (const { levels } of candles) {
    for (let index = 0; index < levels.p.length; index++) {
      const row = rows.get(levels.p[index]);
      if (row) {
        row[0] += levels.bid[index];
        row[1] += levels.ask[index];
      } else rows.set(levels.p[index], [levels.bid[index], levels.ask[index]]);
    }
  }
  const p = Float64Array.from(rows.keys()).sort().reverse();
  /** @type {(column: 0 | 1) => Float64Array} */
  const volumes = (column) => Float64Array.from(p, (price) => rows.get(price)?.[column] ?? 0);
  return { p, bid: volumes(0), ask: volumes(1) };
}
