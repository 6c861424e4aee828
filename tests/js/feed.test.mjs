/* Messages, series and feeds: exact figures, revisions, reconnecting. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Feed, reconnectDelay } from "../../assets/js/chart/feed.mjs";
import { readMessage } from "../../assets/js/chart/model/message.mjs";
import { candleText, deltaText, MINUTE, START, snapshotText } from "./messages.mjs";

function feedOf(...candles) {
  const feed = new Feed(3);
  feed.take(snapshotText(candles));
  return feed;
}

const opens = ({ series }) => series.candles.map(({ open_ts }) => (open_ts - START) / MINUTE);

test("a snapshot is read in whole units", () => {
  const message = readMessage(snapshotText([candleText()]));
  assert.deepEqual(message.decimals, { price: 1, quantity: 3 });
  assert.equal(message.step, 1);
  const [candle] = message.candles;
  assert.equal(candle.close, 100);
  assert.equal(candle.ask, 3);
  assert.deepEqual([...candle.levels.p, ...candle.levels.bid, ...candle.levels.n], [100, 2, 4]);
});

test("a candle with an unreadable figure is left out and counted", () => {
  const broken = [
    { close: null },
    { open_ts: '"x"' },
    { levels: "[{}]" },
    { levels: "null" },
    { cvd: "0.00105" },
    {
      rows: [
        ["9.9", "0.001", "0.001", "1"],
        ["10.0", "0.001", "0.001", "1"],
      ],
    },
    { rows: [["10.0", "0.002", "null", "1"]] },
  ];
  broken.forEach((changes, index) => {
    const feed = feedOf(candleText());
    feed.take(deltaText(candleText(1, changes)));
    assert.equal(feed.unreadable, 1, `case ${index}`);
    assert.deepEqual(opens(feed), [0]);
  });
});

test("an older revision changes nothing", () => {
  const feed = feedOf(candleText(0, { rev: 5 }));
  feed.take(deltaText(candleText(0, { rev: 4, close: "11.0" })));
  assert.equal(feed.series.last.close, 100);
  feed.take(deltaText(candleText(0, { rev: 6, close: "11.0" })));
  assert.equal(feed.series.last.close, 110);
});

test("a snapshot replaces everything, even with lower revisions", () => {
  const feed = feedOf(candleText(0, { rev: 90 }), candleText(1, { rev: 91 }));
  feed.take(snapshotText([candleText(2)]));
  assert.deepEqual(opens(feed), [2]);
});

test("the window keeps its length", () => {
  const feed = feedOf(candleText(0), candleText(1), candleText(2));
  feed.take(deltaText(candleText(3)));
  feed.take(deltaText(candleText(0, { rev: 9 })));
  assert.deepEqual(opens(feed), [1, 2, 3]);
});

test("a late candle goes between its neighbors", () => {
  const feed = feedOf(candleText(0), candleText(2));
  feed.take(deltaText(candleText(1)));
  assert.deepEqual(opens(feed), [0, 1, 2]);
});

test("a delta with more decimals refines the series", () => {
  const feed = feedOf(candleText());
  const finer = { bid: "0.0020", ask: "0.0030", delta: "0.0010", cvd: "0.0010", min_delta: "0.0000" };
  const rows = [["10.0", "0.0020", "0.0030", "4"]];
  feed.take(deltaText(candleText(1, { ...finer, max_delta: "0.0010", rows })));
  assert.deepEqual(feed.series.decimals, { price: 1, quantity: 4 });
  assert.deepEqual(
    feed.series.candles.map(({ ask }) => ask),
    [30, 30],
  );
});

test("a delta of another step is malformed", () => {
  assert.throws(() => feedOf(candleText()).take(deltaText(candleText(1), "0.7")), /without its snapshot/);
});

test("a feed notifies its subscribers until they leave", () => {
  const feed = feedOf(candleText());
  let count = 0;
  const leave = feed.subscribe(() => {
    count += 1;
  });
  feed.take(deltaText(candleText(1)));
  feed.take('{"type":"status","state":"stale","detail":"no trade for 40 s"}');
  leave();
  feed.take(deltaText(candleText(2)));
  assert.equal(count, 2);
  assert.deepEqual(feed.status, { state: "stale", detail: "no trade for 40 s" });
});

test("reconnect delays double between a floor and a ceiling", () => {
  const delays = [0, 1, 2, 5, 20].map((failures) => reconnectDelay(failures, 1006, 0));
  assert.deepEqual(delays, [500, 500, 1000, 8000, 10_000]);
  for (const failures of [0, 1, 2, 5, 20]) {
    const longest = reconnectDelay(failures, 1006, 0.999);
    assert.ok(longest >= 500 && longest <= 20_000);
  }
});

test("reconnects are early after a restart, late at the limit", () => {
  assert.ok(reconnectDelay(1, 1012, 0.999) <= 500);
  assert.equal(reconnectDelay(20, 1012, 0), 10_000);
  for (const failures of [0, 5]) {
    assert.equal(reconnectDelay(failures, 1013, 0), 10_000);
    assert.ok(reconnectDelay(failures, 1013, 0.999) <= 30_000);
  }
});
