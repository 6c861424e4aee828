/* The footprint chart: `window.orderflow.footprintChart(element, options)`. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { grouped, text } = parts.decimal;

  const CHANGED = "orderflow:footprint-options"; // told on the element where a key changed an option

  class Chart {
    constructor(element, options) {
      this.options = parts.withOptions(parts.defaultOptions(), options);
      this.view = new parts.Viewport();
      this.painted = { cells: 0, crosshair: 0, columns: 0, textSize: 0, milliseconds: 0 };
      this._element = element;
      this._hover = null; // {open_ts, level}; level is null where another chart leads
      this._frame = 0;
      this._isDirty = false;
      this._size = { width: 0, height: 0 }; // device pixels
      this._picture = new parts.Picture();
      this._profileOf = parts.rememberProfile();
      this._parts = parts.buildStage(this.options.help);
      element.append(this._parts.root);
      this._context = this._parts.cells.getContext("2d");
      this._overlay = this._parts.crosshair.getContext("2d");
      this._listen();
      this._open();
    }

    get series() {
      return this._source.feed.series;
    }

    get keysShown() {
      return !this._parts.keys.hidden;
    }

    // -- life ----------------------------------------------------------------------------------

    _listen() {
      this._parts.follow.addEventListener("click", () => this.followLast());
      this._parts.help.addEventListener("click", () => this.toggleKeys());
      this._parts.readable.addEventListener("click", () => {
        if (this.view.price === "fit") this.view.toggleReadable();
        else this.view.fit();
        this.invalidate();
      });
      this._parts.rows.addEventListener("click", () => this.choose({ grouping: !this.options.grouping }));
      this._parts.stage.addEventListener("keydown", (event) => {
        if (!parts.pressed(this, event)) return;
        event.preventDefault();
        event.stopPropagation(); // Escape closes the keys, not the modal around them
      });
      this._pointer = new parts.Pointer(this._parts.stage, this);
      const panel = this._element.closest(".orderflow-panel") || this._element;
      this._shared = new parts.SharedCrosshair(panel, (openTs) => this._lead(openTs));
      this._sizes = new ResizeObserver((entries) => this._resized(entries[entries.length - 1]));
      try {
        this._sizes.observe(this._parts.cells, { box: "device-pixel-content-box" });
      } catch {
        this._sizes.observe(this._parts.cells); // a browser that cannot tell device pixels
      }
      this._themes = new MutationObserver(() => this._recolour());
      this._themes.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
      this._recolour();
      document.fonts.ready.then(() => this._recolour());
    }

    _open() {
      const { feed } = this.options;
      this._source = feed ? { feed, release: () => {} } : parts.openFeed(this.options);
      this._unsubscribe = this._source.feed.subscribe(() => this.invalidate());
      this._rows = null;
      this.view.restart();
      this.invalidate();
    }

    _leaveFeed() {
      this._unsubscribe();
      this._source.release();
    }

    destroy() {
      if (!this._element) return;
      this._leaveFeed();
      this._shared.close();
      this._pointer.close();
      this._sizes.disconnect();
      this._themes.disconnect();
      window.cancelAnimationFrame(this._frame);
      this._parts.root.remove();
      this._element = null;
    }

    set(changes) {
      const before = this.options;
      this.options = parts.withOptions(before, changes);
      if (!parts.sameView(before, this.options)) {
        this._leaveFeed();
        this._hover = null;
        this._open();
      }
      this._rows = null;
      if (before.palette !== this.options.palette) this._recolour();
      this.invalidate();
    }

    /* An option that a person changed here: the panel's controls hear of it. */
    choose(changes) {
      this.set(changes);
      this._element.dispatchEvent(new CustomEvent(CHANGED, { detail: changes, bubbles: true }));
    }

    // -- what is asked of it -------------------------------------------------------------------

    visible() {
      const { view, series } = this;
      const scene = this._scene;
      const shown = scene ? scene.columns.map(({ candle }) => candle.open_ts) : [];
      const price = (y) => (series.step ? view.rowAt(y) * series.step : NaN);
      return {
        from: shown[0] ?? null,
        to: shown[shown.length - 1] ?? null,
        candles: shown.length,
        lowest: text(price(view.height), series.decimals.price),
        highest: text(price(0), series.decimals.price),
        columnWidth: view.columnWidth,
        rowHeight: view.rowHeight,
        levelsPerRow: this._rows ? this._rows.count : 1,
        follow: view.follow,
        price: view.price,
        painted: { ...this.painted },
      };
    }

    readout() {
      const { series } = this;
      if (!series.last) return null;
      const candle = this._hover ? series.at(this._hover.open_ts) : series.last;
      return parts.readoutOf(series, this._rowsNow(), candle, this._hover ? this._hover.level : null);
    }

    // -- what a person does --------------------------------------------------------------------

    followLast() {
      this.view.restart();
      this.invalidate();
    }

    toggleKeys() {
      this._parts.keys.hidden = !this._parts.keys.hidden;
      this._parts.help.setAttribute("aria-expanded", String(this.keysShown));
    }

    /* The pointer is at a place of the stage, CSS pixels. */
    hoverAt(x, y) {
      const { series, view } = this;
      const outside = !series.last || x < 0 || x >= view.width || y < 0;
      const slot = outside ? 0 : view.slotAt(x);
      if (outside || slot > series.slot(series.last.open_ts)) {
        this.leave();
        return;
      }
      this._setHover({ open_ts: slot * series.tf_ms, level: y < view.height ? view.rowAt(y) : null });
      this._shared.tell(this._hover.open_ts);
    }

    leave() {
      this._setHover(null);
      this._shared.tell(null);
    }

    /* Move the crosshair by candles and rows; it begins at the last price. */
    moveHover(candles, rows) {
      const { series, view } = this;
      if (!series.last) return;
      const from = this._hover || { open_ts: series.last.open_ts, level: null };
      const candle = series.at(from.open_ts) || series.last;
      const level = from.level ?? Math.floor(candle.close / series.step + 0.5);
      const place = series.find(from.open_ts) + (this._hover ? candles : 0);
      const target = series.candles[Math.min(Math.max(place, 0), series.candles.length - 1)];
      view.reveal(series.slot(target.open_ts));
      const moved = this._hover ? rows * this._rowsNow().count : 0;
      this._setHover({ open_ts: target.open_ts, level: level + moved });
      this._shared.tell(target.open_ts);
    }

    /* Another chart of the panel leads the crosshair. */
    _lead(openTs) {
      this._setHover(openTs === null ? null : { open_ts: openTs, level: null });
    }

    _setHover(hover) {
      const before = this._hover;
      const same = before && hover && before.open_ts === hover.open_ts && before.level === hover.level;
      if (same || (!before && !hover)) return;
      this._hover = hover;
      this._request();
    }

    // -- painting ------------------------------------------------------------------------------

    /* The cells are out of date. */
    invalidate() {
      this._isDirty = true;
      this._request();
    }

    _request() {
      if (!this._frame) this._frame = window.requestAnimationFrame(() => this._paint());
    }

    _recolour() {
      this._parts.root.dataset.palette = this.options.palette;
      this._colours = parts.readColours(this._parts.root, this._context, this.options.palette);
      this._ruler = new parts.Ruler(this._context, this._colours.font);
      this.invalidate();
    }

    _resized({ devicePixelContentBoxSize: device, contentRect: content }) {
      const [width, height] = [content.width, content.height].map((css) => css * window.devicePixelRatio);
      // The device's own count, except where the ratio is only emulated and the count knows nothing of it.
      const isTrue = device && Math.abs(device[0].inlineSize - width) < 2 && Math.abs(device[0].blockSize - height) < 2;
      this._size = isTrue
        ? { width: device[0].inlineSize, height: device[0].blockSize }
        : { width: Math.round(width), height: Math.round(height) };
      if (this._frame) window.cancelAnimationFrame(this._frame);
      this._isDirty = true;
      this._paint(); // at once: a canvas of another size is empty
    }

    /* What is drawn of the series; kept until series or options are others. */
    _rowsNow() {
      const { series } = this;
      if (!this._rows || !this._rows.standsFor(series)) this._rows = new parts.Rows(series, this.options);
      return this._rows;
    }

    _axisWidth() {
      const { series } = this;
      const price = series.last ? grouped(text(series.last.high, series.decimals.price)) : "";
      const names = this.options.statistics ? parts.STATISTIC_LABELS : [];
      const widest = Math.max(...[price, ...names].map((label) => this._ruler.em(label)));
      return Math.ceil(widest * parts.FONT) + 14;
    }

    /* Canvases first, elements last: a canvas's font asks for the page's style, which a changed element makes stale. */
    _paint() {
      this._frame = 0;
      if (!this._size.width || !this._size.height) return;
      const place = this._isDirty ? this._paintCells() : null;
      if (!this._scene) this._overlay.clearRect(0, 0, this._size.width, this._size.height);
      else {
        parts.paintCrosshair(this._overlay, this._scene, this._hover);
        this.painted.crosshair += 1;
      }
      if (place) {
        this._placeButtons(place);
        this._tell();
      }
      this._parts.readout.show(this.readout());
      if (this._scene && !this._hasPainted) this._tellPainted();
    }

    /* For what waits until a trader has what was opened: once the browser has shown this frame. */
    _tellPainted() {
      this._hasPainted = true;
      const tell = () => this._parts.root.dispatchEvent(new CustomEvent("orderflow:footprint-painted", { bubbles: true }));
      window.requestAnimationFrame(() => window.setTimeout(tell));
    }

    /* Returns where its areas lie. */
    _paintCells() {
      const begun = performance.now();
      const { series, view, options } = this;
      const ratio = window.devicePixelRatio;
      const { width, height } = this._size;
      const isResized = this._parts.cells.width !== width || this._parts.cells.height !== height;
      if (isResized) {
        for (const canvas of [this._parts.cells, this._parts.crosshair]) [canvas.width, canvas.height] = [width, height];
      }
      const place = parts.areas(width / ratio, height / ratio, this._axisWidth(), options);
      view.arrange(series, place.plotWidth, place.plotHeight);
      const rows = this._rowsNow();
      const drawn = { view: rows.arrange(view), series: rows.series, figures: rows.figures };
      const [colours, ruler] = [this._colours, this._ruler];
      const scene = parts.sceneOf({ ...drawn, options, colours, ruler, ratio, place });
      scene.rows = rows;
      scene.profileOf = this._profileOf;
      scene.picture = this._picture;
      const context = this._context;
      if (series.last) {
        this.painted.columns = parts.paintPlot(context, scene, isResized ? null : this._scene);
        this.painted.textSize = scene.textSize;
        context.clearRect(scene.plot.width, 0, width, height);
        context.clearRect(0, scene.plot.height, width, height);
        parts.paintProfile(context, scene);
        parts.paintStatistics(context, scene);
        parts.paintAxes(context, scene);
      } else context.clearRect(0, 0, width, height);
      this._scene = series.last ? scene : null;
      this._isDirty = false;
      this.painted.cells += 1;
      this.painted.milliseconds = performance.now() - begun;
      return place;
    }

    /* In the lower right corner of the plot. */
    _placeButtons({ width, height, plotWidth, plotHeight }) {
      const { style } = this._parts.buttons;
      parts.put(style, "right", `${Math.round(width - plotWidth) + 6}px`);
      parts.put(style, "bottom", `${Math.round(height - plotHeight) + 6}px`);
    }

    // -- words ---------------------------------------------------------------------------------

    _tell() {
      const { badge, root, follow, readable, cells } = this._parts;
      const notice = parts.notice(this._source.feed);
      parts.put(badge, "hidden", !notice);
      if (notice) {
        parts.put(badge, "textContent", notice[0]);
        parts.put(badge, "className", `footprint-badge ${notice[1] ? "is-alarm" : "is-warning"}`);
      }
      const { price, follow: follows } = this.view;
      parts.put(root.dataset, "connection", this._source.feed.connection.state);
      parts.put(follow, "hidden", follows && price !== "free");
      parts.put(readable, "hidden", price === "fit" && this.painted.textSize > 0);
      parts.put(readable, "textContent", price === "fit" ? "Readable" : "Fit");
      this._tellRows();
      parts.put(cells, "ariaLabel", parts.description(this.series, this.options));
    }

    /* That rows hold several levels, or that they could. */
    _tellRows() {
      const words = parts.rowWords(this._rowsNow());
      this._parts.rows.hidden = this.options.grouping && !words;
      const label = words || "Group rows";
      if (this._parts.rows.textContent !== label) this._parts.rows.textContent = label;
    }
  }

  /* Show a footprint chart in an element, which gives it its size.

     Options: exchange, symbol, tf, step, lookback (30), emitMs as the socket takes them; those of 90-options.js; or
     `feed`, a `footprint.Feed` of one's own instead of the socket. Throws a RangeError for what is not accepted.
     Returns {set(options), destroy(), visible(), readout()}; figures are exact decimal texts. */
  window.orderflow.footprintChart = (element, options) => {
    const chart = new Chart(element, options || {});
    return {
      set: (changes) => chart.set(changes),
      destroy: () => chart.destroy(),
      visible: () => chart.visible(),
      readout: () => chart.readout(),
    };
  };
})();
