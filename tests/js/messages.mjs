/* Messages as the server writes them. */

export const START = 1_790_000_040_000; // a whole minute
export const MINUTE = 60_000;

/** A candle's message; `rows` are [price, bid, ask, n] as decimal texts. */
export function candleText(
  number = 0,
  { rev = 1, rows = [["10.0", "0.002", "0.003", "4"]], ...changes } = {},
) {
  const levels = rows.map(([p, bid, ask, n]) => `{"p":${p},"bid":${bid},"ask":${ask},"n":${n}}`);
  const fields = {
    open_ts: START + number * MINUTE,
    bid: "0.002",
    ask: "0.003",
    delta: "0.001",
    cvd: "0.001",
    levels: `[${levels.join(",")}]`,
    open: "10.0",
    high: "10.0",
    low: "10.0",
    close: "10.0",
    n: 4,
    min_delta: "0.000",
    max_delta: "0.001",
    poc: "10.0",
    closed: true,
    quality: '"complete"',
    verified: null,
    rev,
    ...changes,
  };
  return `{${Object.entries(fields)
    .map(([name, value]) => `"${name}":${value}`)
    .join(",")}}`;
}

const HEAD = '"exchange":"demo","symbol":"TESTUSDT","tf_ms":60000';

export const snapshotText = (candles, step = "0.1") =>
  `{"type":"snapshot",${HEAD},"step":${step},"server_ts":${START},"cvd_from":${START},"candles":[${candles.join(",")}]}`;

export const deltaText = (candle, step = "0.1") =>
  `{"type":"delta",${HEAD},"step":${step},"server_ts":${START},"candle":${candle}}`;
