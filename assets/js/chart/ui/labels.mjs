/* The chart's texts: the state of its source, and a description for screen readers. */

/** @import {Options} from "../types.d.ts" */
/** @import {Feed} from "../feed.mjs" */
/** @import {Rows} from "../model/grouping.mjs" */
/** @import {Series} from "../model/series.mjs" */

import { grouped, signed, text } from "../model/decimal.mjs";
import { dayClock } from "../paint/axes.mjs";

/** @type {Record<string, string>} */
const STATE_LABELS = {
  connecting: "Connecting",
  stale: "Stale",
  repairing: "Repairing",
  disconnected: "Disconnected",
};
const MINUTE = 60000;

/**
 * The levels in each row, such as "Rows of 10 = 20 × 0.5"; empty if each row is one level.
 * @param {Pick<Rows, "count" | "step" | "decimals">} rows
 */
export function rowLabel({ count, step, decimals }) {
  if (count === 1) return "";
  /** @param {number} units */
  const size = (units) => {
    const digits = grouped(text(units, decimals.price));
    return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
  };
  return `Rows of ${size(count * step)} = ${count} × ${size(step)}`;
}

/** @param {number} time */
const clock = (time) => new Date(time).toISOString().slice(11, 19);

/**
 * The notice of a feed and whether it is an alarm; null for a healthy one.
 * @param {Pick<Feed, "connection" | "status" | "unreadable" | "series">} feed
 * @returns {[string, boolean] | null}
 */
export function notice({ connection, status, unreadable, series }) {
  if (connection.state === "refused") return [connection.detail, true];
  if (connection.state === "lost") {
    const cause = connection.detail ? ` (${connection.detail})` : "";
    const frozen = series.last ? " The chart is frozen." : "";
    return [`Connection lost at ${clock(connection.since)} UTC${cause}.${frozen} Reconnecting.`, true];
  }
  if (!series.last) {
    return [connection.state === "connecting" ? "Connecting" : "Waiting for the first trade", false];
  }
  if (unreadable) return [`Candles not shown because their figures cannot be read: ${unreadable}`, false];
  const label = status && STATE_LABELS[status.state];
  return label ? [status.detail ? `${label}: ${status.detail}` : label, false] : null;
}

/**
 * The chart in a sentence: its view, and the last candle's figures.
 * @param {Series} series
 * @param {Pick<Options, "exchange" | "symbol">} options
 */
export function description(series, { exchange, symbol }) {
  const venue = exchange === "demo" ? "demo, a simulated market" : exchange || "binance";
  const timeframe = series.tf_ms ? `, ${series.tf_ms / MINUTE} minute candles` : "";
  const name = `Footprint of ${series.symbol || symbol || "BTCUSDT"} on ${venue}${timeframe}`;
  const { last } = series;
  if (!last) return `${name}: no candle yet`;
  const { price, quantity } = series.decimals;
  return (
    `${name}. Last candle, ${dayClock(last.open_ts)} UTC: close ${grouped(text(last.close, price))}, ` +
    `volume ${grouped(text(last.bid + last.ask, quantity))}, delta ${signed(last.delta, quantity)}, ` +
    `CVD ${signed(last.cvd, quantity)}, ${grouped(String(last.n))} trades.`
  );
}
