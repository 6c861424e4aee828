/* Messages of /ws/orderflow as candles in whole units. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { places, units } = parts.decimal;

  const STEP = /"step"\s*:\s*([-+.\deE]+)/;
  const VOLUME = /"bid"\s*:\s*([-+.\deE]+)/;
  const PRICES = ["open", "high", "low", "close", "poc"];
  const VOLUMES = ["bid", "ask", "delta", "cvd", "min_delta", "max_delta"];
  const QUALITIES = new Set(["complete", "partial", "repaired", "gap"]);

  /* The decimals that the figures of a message carry: all of them the same, and more where trades needed more.
     Without a candle the decimals of its volumes are not known yet. */
  function decimalsOf(text) {
    const step = STEP.exec(text);
    const volume = VOLUME.exec(text);
    return { price: step ? places(step[1]) : 0, quantity: volume ? places(volume[1]) : null };
  }

  /* Levels as columns, high to low. Null where one of them cannot be read: half a candle is none. */
  function levelsOf(raw, decimals) {
    if (!Array.isArray(raw)) return null;
    const levels = {
      p: new Float64Array(raw.length),
      bid: new Float64Array(raw.length),
      ask: new Float64Array(raw.length),
      n: new Float64Array(raw.length),
    };
    for (let index = 0; index < raw.length; index++) {
      const level = raw[index] || {};
      levels.p[index] = units(level.p, decimals.price);
      levels.bid[index] = units(level.bid, decimals.quantity);
      levels.ask[index] = units(level.ask, decimals.quantity);
      levels.n[index] = units(level.n, 0);
      const sum = levels.p[index] + levels.bid[index] + levels.ask[index] + levels.n[index];
      const ordered = index === 0 || levels.p[index] < levels.p[index - 1];
      if (!Number.isFinite(sum) || !ordered) return null;
    }
    return levels;
  }

  /* A candle, or null where any figure of it is missing or not exact. */
  function candleOf(raw, decimals) {
    if (!raw || !Number.isSafeInteger(raw.open_ts) || !Number.isSafeInteger(raw.rev)) return null;
    const levels = levelsOf(raw.levels, decimals);
    if (!levels) return null;
    const candle = {
      open_ts: raw.open_ts,
      rev: raw.rev,
      n: units(raw.n, 0),
      closed: raw.closed === true,
      quality: QUALITIES.has(raw.quality) ? raw.quality : "partial",
      verified: typeof raw.verified === "boolean" ? raw.verified : null,
      levels,
    };
    for (const name of PRICES) candle[name] = units(raw[name], decimals.price);
    for (const name of VOLUMES) candle[name] = units(raw[name], decimals.quantity);
    const whole = [...PRICES, ...VOLUMES, "n"].every((name) => Number.isFinite(candle[name]));
    return whole ? candle : null;
  }

  /* One message: its fields as they are, and for snapshot and delta `decimals`, `step` in units of price,
     `candles` that can be read and the number of those that cannot. Throws where it is no JSON. */
  function readMessage(text) {
    const message = JSON.parse(text);
    if (message.type !== "snapshot" && message.type !== "delta") return message;
    const decimals = decimalsOf(text);
    const raw = message.type === "delta" ? [message.candle] : message.candles || [];
    const candles = raw.map((candle) => candleOf(candle, decimals)).filter(Boolean);
    return {
      type: message.type,
      exchange: message.exchange,
      symbol: message.symbol,
      tf_ms: message.tf_ms,
      cvd_from: message.cvd_from ?? null,
      server_ts: message.server_ts,
      step: units(message.step, decimals.price),
      decimals,
      candles,
      unreadable: raw.length - candles.length,
    };
  }

  parts.fields = { PRICES, VOLUMES };
  parts.readMessage = readMessage;
})();
