/* The age of figures when they reach this page, in a panel's status line: from the exchange's own time of the newest
   trade, over the server, to here. It costs no request: polls and the socket carry it.

   The browser's clock is measured by the answers to polls, which carry the server's time and how long they took, plus
   half of the rest of the round trip. The figures are corrected for it. The exchange's clock is shown, not corrected. */

/** @import {CandlesMessage} from "../chart/model/message.mjs" */

import { deltaObservers } from "../chart/feed.mjs";
import { find, put } from "../dom.mjs";

const MINUTE_MS = 60000;
const JOIN_MS = 10000; // a delta and the poll that reports it are seconds apart at most
const LEAST = 5; // samples for a quantile
const SKEWED_MS = 100; // a proven difference of clocks above this shows a warning

// -- this browser's clock against the server's ------------------------------------------------

/** @type {{at: number, offset: number, within: number}[]} */
let timings = []; // of the last minute; offset is the server's clock less this one

/**
 * Take the clock sample of an answer.
 * @param {number} sentAt
 * @param {number} answeredAt
 * @param {string | null} timing the header Server-Timing
 */
export function noteTiming(sentAt, answeredAt, timing) {
  const took = /\bapp;dur=([\d.]+)/.exec(timing || "");
  const time = /\bclock;desc="(\d+)"/.exec(timing || "");
  if (!took || !time) return;
  const [spent, serverTime] = [Number(took[1]), Number(time[1])];
  const within = Math.max(0.5, (answeredAt - sentAt - spent) / 2);
  timings = timings.filter(({ at }) => answeredAt - at < MINUTE_MS);
  timings.push({ at: answeredAt, offset: serverTime - spent / 2 - (sentAt + answeredAt) / 2, within });
}

/* By the quickest answer of the last minute; null before the first. */
function clock() {
  const fresh = timings.filter(({ at }) => Date.now() - at < MINUTE_MS);
  return fresh.length ? fresh.reduce((best, each) => (best.within <= each.within ? best : each)) : null;
}

// -- arrivals of deltas ------------------------------------------------------------------------

/** @type {Map<string, Map<number, number>>} arrivals by series and server time */
const arrivals = new Map();

/**
 * @param {CandlesMessage} delta
 * @param {number} now
 */
function noteArrival({ exchange, symbol, tf_ms, server_ts }, now) {
  if (document.hidden) return; // browsers throttle hidden tabs
  const series = `${exchange} ${symbol} ${tf_ms}`;
  const times = arrivals.get(series) || new Map();
  for (const [ts, at] of times) if (now - at > JOIN_MS) times.delete(ts);
  times.set(server_ts, now);
  arrivals.set(series, times);
}

export function measureArrivals() {
  deltaObservers.add(noteArrival);
}

// -- the status line ---------------------------------------------------------------------------

/**
 * The latency of a feed as the server reports it; ages in ms.
 * @typedef {object} FeedLatency
 * @property {string} series
 * @property {string} venue
 * @property {[number, number][]} sent server time and age of each delta
 * @property {[number, number] | null} received median and p99
 * @property {[number, number] | null} clock the venue's clock less the server's, and its uncertainty
 */

/** @typedef {{ts: number, at: number, sent: number, here: number}} Sample */

/** @type {WeakMap<HTMLElement, Sample[]>} of the last minute, by panel */
const panels = new WeakMap();

/**
 * Add the deltas that both the server sent and this page received.
 * @param {Sample[]} samples
 * @param {FeedLatency} latency
 * @param {number} offset
 */
function join(samples, { series, sent }, offset) {
  const times = arrivals.get(series);
  if (!times) return;
  for (const [serverTs, age] of sent) {
    const at = times.get(serverTs);
    if (at === undefined || samples.some(({ ts }) => ts === serverTs)) continue;
    samples.push({ ts: serverTs, at, sent: age, here: age + (at + offset - serverTs) });
  }
}

/**
 * Median and p99.
 * @param {number[]} values
 * @returns {[number, number] | null}
 */
export function quantiles(values) {
  if (values.length < LEAST) return null;
  const sorted = [...values].sort((a, b) => a - b);
  /** @param {number} share */
  const at = (share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))];
  return [at(0.5), at(0.99)];
}

/** @param {number} ms */
export function duration(ms) {
  const size = Math.abs(ms);
  const sign = ms < 0 && Math.round(size) ? "−" : "";
  if (size < 999.5) return `${sign}${Math.round(size)} ms`;
  return size < 99500 ? `${sign}${(size / 1000).toFixed(1)} s` : `${sign}${Math.round(size / 1000)} s`;
}

/**
 * Median and p99; a common unit is written once.
 * @param {[number, number]} pair
 */
export function pairText([p50, p99]) {
  const [first, second] = [duration(p50), duration(p99)];
  const unit = first.slice(first.lastIndexOf(" "));
  return `${first} (p99 ${second.endsWith(unit) ? second.slice(0, -unit.length) : second})`;
}

/**
 * @param {string} name
 * @param {number} skew
 * @param {number} within
 * @param {string} ending
 */
function skewText(name, skew, within, ending) {
  if (Math.abs(skew) <= within) return `${name} agrees with the server’s to ${duration(within)}.`;
  const side = skew > 0 ? "ahead of" : "behind";
  return `${name} is ${duration(Math.abs(skew))} ${side} the server’s, give or take ${duration(within)}. ${ending}`;
}

/**
 * The status line has room for one figure: to here if that is known, else to the server.
 * @param {[number, number] | null} here
 * @param {[number, number] | null} received
 */
function lineText(here, received) {
  if (here) return `exchange→here ${pairText(here)}`;
  return received ? `exchange→server ${pairText(received)}` : "";
}

/**
 * Show the latency of a panel's feed; hidden without one.
 * @param {HTMLElement} panel
 * @param {FeedLatency | null} latency
 */
export function showLatency(panel, latency) {
  /** @type {HTMLElement | null} */
  const place = panel.querySelector(".feed-latency");
  if (!place) return;
  const now = Date.now();
  const browser = clock();
  const samples = (panels.get(panel) || []).filter(({ at }) => now - at < MINUTE_MS);
  panels.set(panel, samples);
  if (latency && browser) join(samples, latency, browser.offset);
  const here = quantiles(samples.map((each) => each.here));
  const text = latency ? lineText(here, latency.received) : "";
  place.hidden = !text;
  if (!text || !latency) return;
  put(find(place, ".latency-button"), "textContent", text);
  const sent = quantiles(samples.map((each) => each.sent));
  showDetails(place, { received: latency.received, sent, here });
  showClocks(place, latency, browser);
}

/**
 * @param {HTMLElement} place
 * @param {string} name
 * @param {string} text
 */
function write(place, name, text) {
  put(find(place, `[data-latency="${name}"]`), "textContent", text);
}

/**
 * @param {HTMLElement} place
 * @param {Record<string, [number, number] | null>} pairs
 */
function showDetails(place, pairs) {
  for (const [name, pair] of Object.entries(pairs)) {
    write(place, `${name}-p50`, pair ? duration(pair[0]) : "–");
    write(place, `${name}-p99`, pair ? duration(pair[1]) : "–");
  }
}

/**
 * @param {HTMLElement} place
 * @param {FeedLatency} latency
 * @param {{offset: number, within: number} | null} browser
 */
function showClocks(place, { clock: skew, venue }, browser) {
  const isSkewed = skew !== null && Math.abs(skew[0]) - skew[1] > SKEWED_MS;
  const name = `The clock of ${venue}`;
  place.toggleAttribute("data-skewed", isSkewed);
  write(
    place,
    "venue-clock",
    skew
      ? skewText(name, skew[0], skew[1], "The figures are not corrected for it.")
      : `${name} has not been measured yet.`,
  );
  write(
    place,
    "browser-clock",
    browser
      ? skewText("This browser’s clock", -browser.offset, browser.within, "The figures are corrected for it.")
      : "",
  );
}
