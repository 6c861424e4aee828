/* The client of /ws/orderflow: one connection for all charts of a page that show the same view. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  const FLOOR_MS = 500;
  const CEILING_MS = 20000;
  const FULL_MS = 10000; // the server has no place: do not press
  const RESTART = 1012; // the server or the view begins anew
  const FULL = 1013;
  const FINAL_ERRORS = new Set(["bad_parameter", "unknown_symbol"]); // asking again changes nothing

  /* Milliseconds to wait before attempt number `failures`, by the code of the close before it; `chance` is
     in [0, 1). Doubling, with a floor, a ceiling and jitter over the upper half. */
  function reconnectDelay(failures, code, chance) {
    if (code === FULL) return FULL_MS * (1 + 2 * chance);
    const most = Math.min(CEILING_MS, FLOOR_MS * 2 ** (code === RESTART && failures < 2 ? 0 : failures));
    return Math.max(FLOOR_MS, most * (0.5 + 0.5 * chance));
  }

  /* What charts draw from: a series, what is known of its stream and what is known of the connection. Without a
     connection it is fed by `take` alone. */
  class Feed {
    constructor(lookback) {
      this.series = new parts.Series(lookback);
      this.status = null; // the server's last word on the stream: {state, detail}
      this.connection = { state: "local", detail: "", since: Date.now() };
      this.unreadable = 0; // candles whose figures cannot be read
      this._listeners = new Set();
    }

    /* Call `listener` after each change; returns the end of it. */
    subscribe(listener) {
      this._listeners.add(listener);
      return () => this._listeners.delete(listener);
    }

    get listeners() {
      return this._listeners.size;
    }

    /* Take one message as the socket sent it. Returns its type; throws where it cannot be understood. */
    take(text) {
      const message = parts.readMessage(text);
      if (message.type === "status") {
        this.status = { state: String(message.state), detail: String(message.detail) };
        this._tell();
      } else if (message.type === "snapshot" || message.type === "delta") this._takeCandles(message);
      return message;
    }

    _takeCandles(message) {
      const { series } = this;
      if (message.type === "delta") {
        if (!series.candles.length && message.decimals.quantity !== null) series.decimals = message.decimals;
        else series.refine(message.decimals);
        const { price, quantity } = series.decimals;
        const fits = message.decimals.price === price && message.decimals.quantity === quantity;
        if (!fits || message.step !== series.step) throw new Error("a delta that belongs to no snapshot");
      } else {
        this.unreadable = 0;
        series.replace(message);
      }
      this.unreadable += message.unreadable;
      if (message.type === "delta") message.candles.forEach((candle) => series.apply(candle));
      this._tell();
    }

    /* `since` is when the state began: of a loss the first moment, not each further attempt. */
    _connected(state, detail) {
      const stands = state === this.connection.state;
      this.connection = { state, detail, since: stands ? this.connection.since : Date.now() };
      this._tell();
    }

    _tell() {
      for (const listener of [...this._listeners]) listener();
    }
  }

  /* A feed on the socket. Opens at once, reconnects until it is closed, and takes a new snapshot each time. */
  class SocketFeed extends Feed {
    constructor(url, lookback) {
      super(lookback);
      this._url = url;
      this._failures = 0;
      this._error = null;
      this._timer = 0;
      this._socket = null;
      this._onPageHide = () => this._drop();
      this._onPageShow = (event) => event.persisted && this._open();
      this._onOnline = () => this._timer && this._open();
      window.addEventListener("pagehide", this._onPageHide);
      window.addEventListener("pageshow", this._onPageShow);
      window.addEventListener("online", this._onOnline);
      this._open();
    }

    close() {
      window.removeEventListener("pagehide", this._onPageHide);
      window.removeEventListener("pageshow", this._onPageShow);
      window.removeEventListener("online", this._onOnline);
      this._drop();
    }

    _drop() {
      window.clearTimeout(this._timer);
      this._timer = 0;
      const socket = this._socket;
      this._socket = null; // what it still says is not heard
      if (socket) socket.close(1000);
    }

    _open() {
      this._drop();
      this._error = null;
      const socket = new WebSocket(this._url);
      this._socket = socket;
      if (this.connection.state === "local") this._connected("connecting", "");
      socket.onmessage = ({ data }) => socket === this._socket && this._receive(data);
      socket.onclose = ({ code }) => socket === this._socket && this._closed(code);
    }

    _receive(text) {
      const now = Date.now();
      let message;
      try {
        message = this.take(text);
      } catch (error) {
        this._error = { code: "malformed", message: `not understood: ${error.message}` };
        const socket = this._socket;
        this._socket = null;
        socket.close(1000);
        this._closed(1000);
        return;
      }
      if (message.type === "error") this._error = message;
      if (message.type === "delta" && window.orderflow.latency) {
        const { exchange, symbol, tf_ms: tf, server_ts: serverTs } = message;
        window.orderflow.latency.arrived(`${exchange} ${symbol} ${tf}`, serverTs, now);
      }
      if (message.type === "snapshot") {
        this._failures = 0; // data, not a handshake, proves the connection
        this._connected("open", "");
      }
    }

    _closed(code) {
      this._socket = null;
      const error = this._error;
      if (error && FINAL_ERRORS.has(error.code)) {
        this._connected("refused", error.message);
        return;
      }
      const wait = reconnectDelay(this._failures, code, Math.random());
      this._failures += 1;
      this._timer = window.setTimeout(() => this._open(), wait);
      this._connected("lost", error ? error.message : code === RESTART ? "the server begins anew" : "");
    }
  }

  const shared = new Map(); // address -> {feed, users}

  function socketUrl({ exchange, symbol, tf, step, lookback, emitMs }) {
    const config = document.getElementById("_dash-config");
    const own = config ? JSON.parse(config.textContent).requests_pathname_prefix : "/";
    const { page } = document.documentElement.dataset; // a page of its own has its name at the end of the prefix
    const root = page && own.endsWith(`/${page}/`) ? own.slice(0, -page.length - 1) : own || "/";
    const url = new URL(`${root}ws/orderflow`, window.location.href);
    url.protocol = window.location.protocol.endsWith("s:") ? "wss:" : "ws:";
    const query = { exchange, symbol, tf, step, lookback, emit_ms: emitMs };
    for (const [name, value] of Object.entries(query)) {
      if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
    }
    return url.href;
  }

  /* The feed of a view; charts of the same view share it. Every call needs its `release`. */
  function openFeed(view) {
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

  Object.assign(parts, { Feed, openFeed, reconnectDelay, openConnections: () => shared.size });
})();
