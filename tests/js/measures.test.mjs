/* The chart's measures against plain definitions, on random ladders. */

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  BUY,
  imbalances,
  pointOfControl,
  profile,
  SELL,
  STACKED_BUY,
  STACKED_SELL,
  valueArea,
} from "../../assets/js/chart/model/measures.mjs";
import { columnsOf, randomLadders, STEP } from "./chance.mjs";

const LADDERS = randomLadders(400);

const volumeAt = (ladder, price) => (ladder.get(price) ?? [0, 0]).reduce((sum, side) => sum + side);
const pricesOf = (ladder) => [...ladder.keys()].sort((one, other) => one - other);

/** Most volume; then nearest the middle of the range; then lower. */
function expectedPoc(ladder) {
  const prices = pricesOf(ladder);
  const middle = (prices[0] + prices.at(-1)) / 2;
  const rank = (price) => [-volumeAt(ladder, price), Math.abs(price - middle), price];
  return prices.sort((one, other) => {
    const [first, second] = [rank(one), rank(other)];
    return first[0] - second[0] || first[1] - second[1] || first[2] - second[2];
  })[0];
}

/** From the POC the larger of the next rows above or below, until 70 % of the volume are in. */
function expectedValueArea(ladder, rows) {
  const prices = pricesOf(ladder);
  const [lowest, highest] = [prices[0], prices.at(-1)];
  const poc = expectedPoc(ladder);
  const range = (from, to) => prices.filter((price) => price >= from && price <= to);
  const volume = (from, to) => range(from, to).reduce((sum, price) => sum + volumeAt(ladder, price), 0);
  const total = volume(lowest, highest);
  let [low, high] = [poc, poc];
  while (10 * volume(low, high) < 7 * total) {
    const above = Math.min(high + rows * STEP, highest);
    const below = Math.max(low - rows * STEP, lowest);
    const [up, down] = [volume(high + 1, above), volume(below, low - 1)];
    const isUpper = up > down || (up === down && high - poc < poc - low);
    if (above > high && (below === low || isUpper)) high = above;
    else low = below;
  }
  return { low, high };
}

/** Flags by price, high to low. */
function expectedFlags(ladder, { ratio, least, zeroOpposite }) {
  const prices = pricesOf(ladder);
  const wins = (volume, opposite, price) =>
    volume > ratio * opposite && (opposite > 0 || zeroOpposite) && volume * price >= least;
  const flags = new Map();
  for (const [price, [bid, ask]] of ladder) {
    const below = (ladder.get(price - STEP) ?? [0, 0])[0];
    const above = (ladder.get(price + STEP) ?? [0, 0])[1];
    const isBuy = price !== prices[0] && wins(ask, below, price);
    const isSell = price !== prices.at(-1) && wins(bid, above, price);
    flags.set(price, (isBuy ? BUY : 0) | (isSell ? SELL : 0));
  }
  const stacked = new Map(flags);
  for (const [side, mark] of [
    [BUY, STACKED_BUY],
    [SELL, STACKED_SELL],
  ]) {
    for (const price of prices) {
      const run = [];
      for (let at = price; flags.get(at) & side; at += STEP) run.push(at);
      if (run.length >= 3) for (const each of run) stacked.set(each, stacked.get(each) | mark);
    }
  }
  return prices.reverse().map((price) => stacked.get(price));
}

test("the POC has the most volume, then the middle, then the lower price", () => {
  for (const ladder of LADDERS) {
    const levels = columnsOf(ladder);
    assert.equal(levels.p[pointOfControl(levels)], expectedPoc(ladder));
  }
});

for (const rows of [1, 2]) {
  test(`the value area grows by ${rows} to 70 % around the POC`, () => {
    for (const ladder of LADDERS) {
      assert.deepEqual(valueArea(columnsOf(ladder), STEP, rows), expectedValueArea(ladder, rows));
    }
  });
}

test("imbalances are diagonal, by ratio, notional and empty sides", () => {
  const seen = new Set();
  for (const ratio of [3, 1, 2.5]) {
    for (const least of [0, 40_000]) {
      for (const zeroOpposite of [false, true]) {
        const rules = { ratio, least, zeroOpposite };
        for (const ladder of LADDERS) {
          const found = [...imbalances(columnsOf(ladder), STEP, rules)];
          assert.deepEqual(found, expectedFlags(ladder, rules));
          for (const flag of found) for (const side of [1, 2, 4, 8]) if (flag & side) seen.add(side);
        }
      }
    }
  }
  assert.deepEqual([...seen].sort(), [BUY, SELL, STACKED_BUY, STACKED_SELL]);
});

test("a profile is the sum of its candles", () => {
  const totals = new Map();
  for (const ladder of LADDERS) {
    for (const [price, [bid, ask]] of ladder) {
      const sides = totals.get(price) ?? [0, 0];
      totals.set(price, [sides[0] + bid, sides[1] + ask]);
    }
  }
  const found = profile(LADDERS.map((ladder) => ({ levels: columnsOf(ladder) })));
  const { p, bid, ask } = columnsOf(totals);
  assert.deepEqual(found, { p, bid, ask });
});

test("an empty ladder has no measures", () => {
  const none = columnsOf(new Map());
  assert.equal(pointOfControl(none), -1);
  assert.equal(valueArea(none, STEP, 2), null);
  assert.equal(imbalances(none, STEP, { ratio: 3, least: 0, zeroOpposite: true }).length, 0);
  assert.equal(profile([{ levels: none }]).p.length, 0);
});
