/* The one way of the page's requests to the server, in this order: a retry after 429, the connection banner, a sample of
   the browser's clock, the end of an embed token.

   Dash's renderer calls window.fetch for its callbacks and drops an answer of 429; its hooks (request_pre and
   request_post) can neither repeat a request nor replace its answer. So this module assigns window.fetch, once. */

import { noteTiming } from "../panel/latency.mjs";
import { notePoll } from "../panel/updates.mjs";
import { noteAnswer, notePause, noteRequest } from "./connection-banner.mjs";

const LIMITED = /\/_dash-(update-component|layout|dependencies)(\?|$)/;
const CALLBACK = /\/_dash-update-component(\?|$)/;
const CLOCK = ".n_intervals";
const PATIENCE_MS = 10000; // for the answer to a tick: the next one asks again
const WAIT_S = 5; // if the answer does not say
const LONGEST_S = 120;
const SPREAD_MS = 1000; // all pages behind one address are limited at the same time

const send = window.fetch.bind(window);
let closedUntil = 0; // ms since the epoch

/** @param {number} ms */
const pause = (ms) => new Promise((resolve) => window.setTimeout(resolve, ms));
const emptyAnswer = () => new Response(null, { status: 204 }); // as for a callback without updates

/**
 * Whether a request is a tick of a clock, which may be skipped; requests of a person are repeated.
 * @param {RequestInit} options
 */
function isTick({ body }) {
  if (typeof body !== "string") return false;
  /** @type {string[]} */
  const changed = JSON.parse(body).changedPropIds || [];
  return changed.length > 0 && changed.every((id) => id.endsWith(CLOCK));
}

/** @param {Response} refusal */
function closeFor(refusal) {
  const seconds = Number(refusal.headers.get("Retry-After")) || WAIT_S;
  closedUntil = Date.now() + 1000 * Math.min(seconds, LONGEST_S) + SPREAD_MS * Math.random();
  notePause(closedUntil);
}

/**
 * Send once. A page whose embed token has expired reloads, and the server's answer says so, here and around.
 * @param {RequestInfo | URL} url
 * @param {RequestInit} options
 */
async function sendOnce(url, options) {
  const sentAt = Date.now();
  const response = await send(url, options);
  if (CALLBACK.test(String(url))) noteTiming(sentAt, Date.now(), response.headers.get("Server-Timing"));
  const isLocked = "locked" in document.documentElement.dataset;
  if (isLocked && response.headers.has("X-Orderflow-Embed")) window.location.reload();
  return response;
}

/**
 * Send a request that the server limits, until it is answered; a tick is skipped in a pause.
 * @param {RequestInfo | URL} url
 * @param {RequestInit} options
 */
async function sendLimited(url, options) {
  const isOfClock = isTick(options);
  for (;;) {
    const sentAt = Date.now();
    const wait = closedUntil - sentAt;
    if (wait > 0 && isOfClock) return emptyAnswer();
    if (wait > 0) await pause(wait);
    noteRequest();
    const patience = isOfClock ? { signal: AbortSignal.timeout(PATIENCE_MS) } : {};
    const response = await sendOnce(url, { ...options, ...patience });
    if (isOfClock) notePoll(Date.now() - sentAt);
    if (response.ok) noteAnswer();
    if (response.status !== 429) return response;
    closeFor(response);
  }
}

/**
 * @param {RequestInfo | URL} url
 * @param {RequestInit} [options]
 */
export function request(url, options = {}) {
  return LIMITED.test(String(url)) ? sendLimited(url, options) : sendOnce(url, options);
}

/* Route the requests of Dash's renderer through `request`. */
export function installFetch() {
  window.fetch = request;
}
