/* Messages of /ws/orderflow as candles in whole units. */

/** @import {Candle, Decimals, Levels} from "../types.d.ts" */
/** @import {ErrorMessage, Message, StatusMessage} from "../../wire.d.ts" */

import { places, units } from "./decimal.mjs";

const STEP = /"step"\s*:\s*([-+.\deE]+)/;
const VOLUME = /"bid"\s*:\s*([-+.\deE]+)/;
/** @type {("open" | "high" | "low" | "close" | "poc")[]} */
export const PRICES = ["open", "high", "low", "close", "poc"];
/** @type {("bid" | "ask" | "delta" | "cvd" | "min_delta" | "max_delta")[]} */
export const VOLUMES = ["bid", "ask", "delta", "cvd", "min_delta", "max_delta"];
const QUALITIES = new Set(["complete", "partial", "repaired", "gap"]);

/**
 * A snapshot or a delta in whole units. `quantity` is null while no candle shows the decimals of volumes.
 * @typedef {object} CandlesMessage
 * @property {"snapshot" | "delta"} type
 * @property {string} exchange
 * @property {string} symbol
 * @property {number} tf_ms
 * @property {number} server_ts
 * @property {number} step units of price
 * @property {{price: number, quantity: number | null}} decimals
 * @property {Candle[]} candles those that can be read
 * @property {number} unreadable number of the others
 */

/** @typedef {CandlesMessage | StatusMessage | ErrorMessage} ReadMessage */

/**
 * The decimals of a message's figures: the server writes all of them the same, and more where trades needed more.
 * @param {string} text
 */
function decimalsOf(text) {
  const step = STEP.exec(text);
  const volume = VOLUME.exec(text);
  return { price: step ? places(step[1]) : 0, quantity: volume ? places(volume[1]) : null };
}

/**
 * Levels as columns, high to low. Null if any of them cannot be read: half a candle is not shown.
 * @param {any} raw
 * @param {Decimals} decimals
 * @returns {Levels | null}
 */
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

/**
 * A candle, or null if any of its figures is missing or inexact.
 * @param {any} raw
 * @param {Decimals} decimals
 * @returns {Candle | null}
 */
function candleOf(raw, decimals) {
  if (!raw || !Number.isSafeInteger(raw.open_ts) || !Number.isSafeInteger(raw.rev)) return null;
  const levels = levelsOf(raw.levels, decimals);
  if (!levels) return null;
  /** @type {any} */
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
  const isWhole = [...PRICES, ...VOLUMES, "n"].every((name) => Number.isFinite(candle[name]));
  return isWhole ? candle : null;
}

/**
 * Read one message. Throws a SyntaxError if it is not JSON.
 * @param {string} text
 * @returns {ReadMessage}
 */
export function readMessage(text) {
  /** @type {Message} */
  const message = JSON.parse(text);
  if (message.type !== "snapshot" && message.type !== "delta") return message;
  const decimals = decimalsOf(text);
  const raw = message.type === "delta" ? [message.candle] : message.candles || [];
  // Without a volume no candle can be read, whatever its decimals.
  const known = { price: decimals.price, quantity: decimals.quantity ?? 0 };
  const candles = raw.map((candle) => candleOf(candle, known)).filter((candle) => candle !== null);
  return {
    type: message.type,
    exchange: message.exchange,
    symbol: message.symbol,
    tf_ms: message.tf_ms,
    server_ts: message.server_ts,
    step: units(message.step, decimals.price),
    decimals,
    candles,
    unreadable: raw.length - candles.length,
  };
}
