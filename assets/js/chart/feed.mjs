/* The client of /ws/orderflow: one connection for all charts of a page that show the same view. */

/** @import {View} from "./types.d.ts" */
/** @import {CandlesMessage} from "./model/message.mjs" */

import { readMessage } from "./model/message.mjs";
import { Series } from "./model/series.mjs";

const FLOOR_MS = 500;
const CEILING_MS = 20000;
const FULL_MS = 10000; // the server's limit of clients is reached: reconnect slowly
const RESTART = 1012; // the server or the view restarts
const FULL = 1013;
const CONNECTING = 0; // a WebSocket's readyState
const FINAL_ERRORS = new Set(["bad_parameter", "unknown_symbol"]); // a retry would get the same answer

/**
 * Called with each delta of a socket and the time of its arrival, ms since the epoch.
 * @type {Set<(delta: CandlesMessage, arrivedAt: number) => void>}
 */
export const deltaObservers = new Set();

/**
 * Milliseconds until reconnect attempt number `failures`, by the code of the last close; `chance` is in [0, 1).
 * Doubles between a floor and a ceiling, with jitter over the upper half.
 * @param {number} failures
 * @param {number} code
 * @param {number} chance
 */
export function reconnectDelay(failures, code, chance) {
  if (code === FULL) return FULL_MS * (1 + 2 * chance);
  const most = Math.min(CEILING_MS, FLOOR_MS * 2 ** (code === RESTART && failures < 2 ? 0 : failures));
  return Math.max(FLOOR_MS, most * (0.5 + 0.5 * chance));
}

/** @typedef {{state: "local" | "connecting" | "open" | "lost" | "refused", detail: string, since: number}} Connection */

/* The source of a chart: a series, the state of its stream, and the state of the connection. Without a socket,
   messages come from calls of `take` only. */
export class Feed {
  /** @param {number} lookback */
  constructor(lookback) {
    this.series = new Series(lookback);
    /** @type {{state: string, detail: string} | null} */
    this.status = null; // of the stream, as the server last reported it
    /** @type {Connection} */
    this.connection = { state: "local", detail: "", since: Date.now() };
    this.unreadable = 0; // candles whose figures cannot be read
    /** @type {Set<() => void>} */
    this._listeners = new Set();
  }

  /**
   * Call `listener` after each change; returns a function that ends it.
   * @param {() => void} listener
   */
  subscribe(listener) {
    this._listeners.add(listener);
    return () => this._listeners.delete(listener);
  }

  /**
   * Take one message of the socket and return it. Throws an Error if it is malformed.
   * @param {string} text
   */
  take(text) {
    const message = readMessage(text);
    if (message.type === "status") {
      this.status = { state: String(message.state), detail: String(message.detail) };
      this._notify();
    } else if (message.type === "snapshot" || message.type === "delta") this._takeCandles(message);
    return message;
  }

  /** @param {CandlesMessage} message */
  _takeCandles(message) {
    const { series } = this;
    if (message.type === "delta") this._refine(message);
    else {
      this.unreadable = 0;
      series.replace(message);
    }
    this.unreadable += message.unreadable;
    if (message.type === "delta") for (const candle of message.candles) series.apply(candle);
    this._notify();
  }

  /**
   * Bring the series to the decimals of a delta. Throws an Error if the delta has another step.
   * @param {CandlesMessage} delta
   */
  _refine({ decimals, step }) {
    const { series } = this;
    const { price, quantity } = decimals;
    if (quantity !== null) {
      if (series.candles.length) series.refine({ price, quantity });
      else series.decimals = { price, quantity };
    }
    const fits = price === series.decimals.price && quantity === series.decimals.quantity;
    if (!fits || step !== series.step) throw new Error("a delta without its snapshot");
  }

  /**
   * `since` is the start of the state: of a loss the first moment, not each further attempt.
   * @param {Connection["state"]} state
   * @param {string} detail
   */
  _setConnection(state, detail) {
    const isSame = state === this.connection.state;
    this.connection = { state, detail, since: isSame ? this.connection.since : Date.now() };
    this._notify();
  }

  _notify() {
    for (const listener of [...this._listeners]) listener();
  }
}

/* A feed on the socket. Opens at once, reconnects until it is closed, and takes a new snapshot each time. */
class SocketFeed extends Feed {
  /**
   * @param {string} url
   * @param {number} lookback
   */
  constructor(url, lookback) {
    super(lookback);
    this._url = url;
    this._failures = 0;
    /** @type {{code: string, message: string} | null} */
    this._error = null;
    this._timer = 0;
    /** @type {WebSocket | null} */
    this._socket = null;
    this._leaving = new AbortController();
    const { signal } = this._leaving;
    window.addEventListener("pagehide", () => this._drop(), { signal });
    window.addEventListener("pageshow", ({ persisted }) => persisted && this._open(), { signal });
    window.addEventListener("online", () => this._timer && this._open(), { signal });
    this._open();
  }

  close() {
    this._leaving.abort();
    this._drop();
  }

  _drop() {
    window.clearTimeout(this._timer);
    this._timer = 0;
    const socket = this._socket;
    this._socket = null; // its further events are ignored
    if (!socket) return;
    // Browsers report the close of a socket that is still connecting as an error.
    if (socket.readyState === CONNECTING) socket.onopen = () => socket.close(1000);
    else socket.close(1000);
  }

  _open() {
    this._drop();
    this._error = null;
    const socket = new WebSocket(this._url);
    this._socket = socket;
    if (this.connection.state === "local") this._setConnection("connecting", "");
    socket.onmessage = ({ data }) => socket === this._socket && this._receive(socket, data);
    socket.onclose = ({ code }) => socket === this._socket && this._handleClose(code);
  }

  /**
   * @param {WebSocket} socket
   * @param {string} text
   */
  _receive(socket, text) {
    const now = Date.now();
    let message;
    try {
      message = this.take(text);
    } catch (error) {
      this._error = {
        code: "malformed",
        message: `malformed message: ${/** @type {Error} */ (error).message}`,
      };
      this._socket = null;
      socket.close(1000);
      this._handleClose(1000);
      return;
    }
    if (message.type === "error") this._error = message;
    if (message.type === "delta") for (const observe of deltaObservers) observe(message, now);
    if (message.type === "snapshot") {
      this._failures = 0; // data, not a handshake, proves the connection
      this._setConnection("open", "");
    }
  }

  /** @param {number} code */
  _handleClose(code) {
    this._socket = null;
    const error = this._error;
    if (error && FINAL_ERRORS.has(error.code)) {
      this._setConnection("refused", error.message);
      return;
    }
    const wait = reconnectDelay(this._failures, code, Math.random());
    this._failures += 1;
    this._timer = window.setTimeout(() => this._open(), wait);
    this._setConnection("lost", error ? error.message : code === RESTART ? "server restarting" : "");
  }
}

/** @type {Map<string, {feed: SocketFeed, users: number}>} by address */
const shared = new Map();

/** The number of open sockets. */
export const openConnections = () => shared.size;

/** @param {View} view */
function socketUrl({ exchange, symbol, tf, step, lookback, emitMs }) {
  const config = document.getElementById("_dash-config")?.textContent;
  const prefix = config ? JSON.parse(config).requests_pathname_prefix : "/";
  const { page } = document.documentElement.dataset; // Dash's prefix ends with the page's name, except for the front page
  const root = page && prefix.endsWith(`/${page}/`) ? prefix.slice(0, -page.length - 1) : prefix || "/";
  const url = new URL(`${root}ws/orderflow`, window.location.href);
  url.protocol = window.location.protocol.endsWith("s:") ? "wss:" : "ws:";
  const query = { exchange, symbol, tf, step, lookback, emit_ms: emitMs };
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, String(value));
  }
  return url.href;
}

/**
 * The feed of a view; charts of the same view share it. Every call needs its `release`.
 * @param {View} view
 */
export function openFeed(view) {
  const url = socketUrl(view);
  const entry = shared.get(url) || { feed: new SocketFeed(url, view.lookback), users: 0 };
  shared.set(url, entry);
  entry.users += 1;
  let held = true;
  const release = () => {
    if (!held) return;
    held = false;
    entry.users -= 1;
    if (entry.users) return;
    shared.delete(url);
    entry.feed.close();
  };
  return { feed: entry.feed, release };
}
