/* What the chart says in words: of its source, and of itself to those who cannot see it. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { grouped, signed, text } = parts.decimal;

  const STATE_WORDS = { connecting: "Connecting", stale: "Stale", repairing: "Repairing", disconnected: "Disconnected" };
  const MINUTE = 60000;

  /* What rows of several levels hold, such as "Rows of 10 = 20 × 0.5"; empty where each is one level. */
  function rowWords({ count, step, decimals }) {
    if (count === 1) return "";
    const size = (units) => {
      const digits = grouped(text(units, decimals.price));
      return digits.includes(".") ? digits.replace(/\.?0+$/, "") : digits;
    };
    return `Rows of ${size(count * step)} = ${count} × ${size(step)}`;
  }

  const clock = (time) => new Date(time).toISOString().slice(11, 19);

  /* What a person must know of a feed: [words, whether it is an alarm]; null where all is well. */
  function notice({ connection, status, unreadable, series }) {
    if (connection.state === "refused") return [connection.detail, true];
    if (connection.state === "lost") {
      const cause = connection.detail ? ` (${connection.detail})` : "";
      const still = series.last ? " The picture stands still." : "";
      return [`Connection lost at ${clock(connection.since)} UTC${cause}.${still} Reconnecting.`, true];
    }
    if (!series.last) return [connection.state === "connecting" ? "Connecting" : "Waiting for the first trade", false];
    if (unreadable) return [`Not shown, because its figures cannot be read: ${unreadable} of the candles`, false];
    const word = status && STATE_WORDS[status.state];
    return word ? [status.detail ? `${word}: ${status.detail}` : word, false] : null;
  }

  /* The picture in a sentence: what it shows, and the last candle's figures. */
  function description(series, { exchange, symbol }) {
    const venue = exchange === "demo" ? "demo, a simulated market" : exchange || "binance";
    const frame = series.tf_ms ? `, ${series.tf_ms / MINUTE} minute candles` : "";
    const name = `Footprint of ${series.symbol || symbol || "BTCUSDT"} on ${venue}${frame}`;
    const { last } = series;
    if (!last) return `${name}: no candle yet`;
    const { price, quantity } = series.decimals;
    return (
      `${name}. Last candle, ${parts.dayClock(last.open_ts)} UTC: close ${grouped(text(last.close, price))}, ` +
      `volume ${grouped(text(last.bid + last.ask, quantity))}, delta ${signed(last.delta, quantity)}, ` +
      `CVD ${signed(last.cvd, quantity)}, ${grouped(String(last.n))} trades.`
    );
  }

  Object.assign(parts, { notice, description, rowWords });
})();
