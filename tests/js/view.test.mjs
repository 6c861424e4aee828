/* Options, viewport, grouped rows and labels. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Feed } from "../../assets/js/chart/feed.mjs";
import { Figures } from "../../assets/js/chart/model/figures.mjs";
import { groupedLevels, levelsPerRow, Rows } from "../../assets/js/chart/model/grouping.mjs";
import { imbalances } from "../../assets/js/chart/model/measures.mjs";
import { Viewport } from "../../assets/js/chart/model/viewport.mjs";
import { defaultOptions, sameView, withOptions } from "../../assets/js/chart/options.mjs";
import { clock, day, rowsBetween } from "../../assets/js/chart/paint/axes.mjs";
import { description, notice, rowLabel } from "../../assets/js/chart/ui/labels.mjs";
import { columnsOf, randomLadders, STEP } from "./chance.mjs";
import { candleText, START, snapshotText } from "./messages.mjs";

function feedOf(count, lookback = 500) {
  const feed = new Feed(lookback);
  feed.take(snapshotText(Array.from({ length: count }, (_, number) => candleText(number))));
  return feed;
}

function arranged(feed, width = 840, height = 400) {
  const view = new Viewport();
  view.arrange(feed.series, width, height);
  return view;
}

test("the defaults accept themselves", () => {
  const options = defaultOptions();
  const { lookback, help, ...checked } = options;
  assert.deepEqual(withOptions(options, checked), options);
  assert.equal(options.coloring, "delta");
});

test("an invalid option names the valid ones", () => {
  const invalid = [
    [{ content: "x" }, /Invalid content x: use bid-ask \| delta \| volume \| trades/],
    [{ ratio: 0.5 }, /a number from 1/],
    [{ scale: 0 }, /candle \| visible \| a number above 0/],
    [{ valueArea: 1 }, /true \| false/],
    [{ palette: "pink" }, /red-green \| blue-orange/],
    [{ colour: "red" }, /Unknown footprint chart option colour/],
  ];
  for (const [changes, message] of invalid) {
    assert.throws(() => withOptions(defaultOptions(), changes), { name: "RangeError", message });
  }
});

test("only a change of the view needs another feed", () => {
  const options = defaultOptions();
  assert.ok(sameView(options, withOptions(options, { content: "delta", units: "quote" })));
  assert.ok(!sameView(options, withOptions(options, { step: "0.5" })));
  assert.ok(!sameView(options, withOptions(options, { feed: new Feed(3) })));
});

test("a new view follows the last candle and fits the price", () => {
  const feed = feedOf(40);
  const view = arranged(feed);
  assert.equal(view.lastSlot, feed.series.slot(feed.series.last.open_ts) + 1);
  assert.ok(view.y(100) > 0 && view.y(100) < 400);
});

test("a zoom keeps the time under the pointer in place", () => {
  const view = arranged(feedOf(40));
  view.pan(300, 0);
  const timeAt = (x) => view.right - (view.width - x) / view.columnWidth;
  const before = timeAt(420);
  view.zoomTime(1.5, 420);
  assert.ok(Math.abs(timeAt(420) - before) < 1e-9);
  assert.equal(view.follow, false);
});

test("a zoom of the price keeps the row under the pointer in place", () => {
  const view = arranged(feedOf(40));
  const before = view.y(95);
  view.zoomPrice(2, before);
  assert.ok(Math.abs(view.y(95) - before) < 1e-6);
  assert.equal(view.price, "free");
});

test("a pan cannot leave the candles", () => {
  const feed = feedOf(40);
  const view = arranged(feed);
  view.pan(1e6, 0);
  view.arrange(feed.series, 840, 400);
  assert.equal(view.right, feed.series.slot(START) + 1);
});

test("a column is revealed by the least move", () => {
  const feed = feedOf(40);
  const view = arranged(feed);
  const first = feed.series.slot(START);
  view.reveal(first);
  assert.equal(view.firstSlot, first);
});

test("rows hold the fewest levels that are legible", () => {
  const counts = [20, 14, 7, 3, 0.5, 0.01].map((rowHeight) => levelsPerRow({ columnWidth: 84, rowHeight }));
  assert.deepEqual(counts, [1, 1, 2, 5, 50, 2000]);
  assert.equal(levelsPerRow({ columnWidth: 39, rowHeight: 0.01 }), 1);
});

test("a grouped row is the exact sum of its levels", () => {
  for (const ladder of randomLadders(100)) {
    const levels = columnsOf(ladder);
    for (const count of [2, 5, 10]) {
      const rows = groupedLevels(levels, STEP, count);
      for (let index = 0; index < rows.p.length; index++) {
        const lowest = rows.p[index] / STEP - (count - 1) / 2;
        const inside = [...ladder].filter(([price]) => Math.floor(price / STEP / count) * count === lowest);
        const sum = (side) => inside.reduce((total, [, sides]) => total + sides[side], 0);
        assert.deepEqual([rows.bid[index], rows.ask[index]], [sum(0), sum(1)]);
        assert.equal(rows.n[index], inside.length);
      }
    }
  }
});

test("grouped rows keep the exact figures and have their own imbalances", () => {
  const feed = feedOf(1);
  const { series } = feed;
  series.candles[0].levels = columnsOf(randomLadders(30).find(({ size }) => size > 8));
  series.step = STEP;
  const options = defaultOptions();
  const rows = new Rows(series, options);
  const view = rows.arrange(Object.assign(new Viewport(), { rowHeight: 1.5, height: 400, middle: 40 }));
  assert.equal(rows.count, 10);
  assert.equal(view.rowHeight, 15);
  const [drawn] = rows.series.between(0, Infinity);
  const rules = { ratio: 3, least: 0, zeroOpposite: false };
  assert.deepEqual(rows.figures.of(drawn).flags, imbalances(drawn.levels, 10 * STEP, rules));
  assert.deepEqual(rows.exact.of(series.last), new Figures(series, options).of(series.last));
});

test("labels of the axes are round", () => {
  assert.deepEqual([30, 20, 9, 1, 0.1].map(rowsBetween), [1, 2, 5, 50, 500]);
  assert.equal(clock(START), new Date(START).toISOString().slice(11, 16));
  assert.equal(day(Date.UTC(2026, 10, 30)), "30 Nov");
});

test("the row label names the levels", () => {
  const decimals = { price: 2, quantity: 3 };
  assert.equal(rowLabel({ count: 20, step: 50, decimals }), "Rows of 10 = 20 × 0.5");
  assert.equal(rowLabel({ count: 1, step: 50, decimals }), "");
});

test("the notice reports the worst state first", () => {
  const feed = feedOf(1);
  assert.equal(notice(feed), null);
  feed.unreadable = 2;
  assert.deepEqual(notice(feed), ["Candles not shown because their figures cannot be read: 2", false]);
  feed.unreadable = 0;
  feed.status = { state: "stale", detail: "no trade for 40 s" };
  assert.deepEqual(notice(feed), ["Stale: no trade for 40 s", false]);
  feed.connection = { state: "lost", detail: "server restarting", since: START };
  const at = new Date(START).toISOString().slice(11, 19);
  const text = `Connection lost at ${at} UTC (server restarting). The chart is frozen. Reconnecting.`;
  assert.deepEqual(notice(feed), [text, true]);
});

test("the description has the last candle's figures", () => {
  const feed = feedOf(1);
  const text = description(feed.series, { exchange: "demo" });
  assert.match(text, /^Footprint of TESTUSDT on demo, a simulated market, 1 minute candles\. Last candle/);
  assert.match(text, /close 10\.0, volume 0\.005, delta \+0\.001, CVD \+0\.001, 4 trades\.$/);
});
