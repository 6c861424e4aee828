/* A chart on the page: its options, its feed, its pointer and keys, and the state that its painter draws. */

/** @import {Areas, Hover, Options} from "./types.d.ts" */
/** @import {Feed} from "./feed.mjs" */

import { put } from "../dom.mjs";
import { openFeed } from "./feed.mjs";
import { text } from "./model/decimal.mjs";
import { Rows } from "./model/grouping.mjs";
import { Viewport } from "./model/viewport.mjs";
import { defaultOptions, sameView, withOptions } from "./options.mjs";
import { SharedCrosshair } from "./paint/crosshair.mjs";
import { Painter } from "./painter.mjs";
import { leaveFrame, shareFrame } from "./shared-frame.mjs";
import { buildElements } from "./ui/elements.mjs";
import { handleKey } from "./ui/keyboard.mjs";
import { description, notice, rowLabel } from "./ui/labels.mjs";
import { Pointer } from "./ui/pointer.mjs";
import { readoutOf } from "./ui/readout.mjs";

const CHANGED = "orderflow:footprint-options"; // dispatched on the element when a key changes an option
const PAINTED = "orderflow:footprint-painted"; // and once the first candles are on screen

export class Controller {
  /**
   * @param {HTMLElement} element
   * @param {Partial<Options>} options
   */
  constructor(element, options) {
    this.options = withOptions(defaultOptions(), options);
    this.view = new Viewport();
    /** @type {Hover | null} */
    this.hover = null;
    this._element = element;
    this._isOpen = true;
    this._hasPainted = false;
    /** @type {Rows | null} */
    this._rows = null;
    this._elements = buildElements(this.options.help);
    element.append(this._elements.root);
    this._source = this._openFeed();
    this._painter = new Painter(this._elements, this);
    this._pointer = new Pointer(this._elements.stage, this);
    const panel = element.closest(".orderflow-panel") || element;
    this._crosshair = new SharedCrosshair(panel, (openTs) => this._followCrosshair(openTs));
    this._listen();
  }

  get series() {
    return this._source.feed.series;
  }

  get keysShown() {
    return !this._elements.keys.hidden;
  }

  // -- lifetime --------------------------------------------------------------------------------

  _listen() {
    const { follow, help, readable, rows, stage } = this._elements;
    follow.addEventListener("click", () => this.followLast());
    help.addEventListener("click", () => this.toggleKeys());
    readable.addEventListener("click", () => {
      if (this.view.price === "fit") this.view.toggleReadable();
      else this.view.fit();
      this.invalidate();
    });
    rows.addEventListener("click", () => this.choose({ grouping: !this.options.grouping }));
    stage.addEventListener("keydown", (event) => {
      if (!handleKey(this, event)) return;
      event.preventDefault();
      event.stopPropagation(); // Escape closes the keys, not the modal around them
    });
  }

  /** @returns {{feed: Feed, close: () => void}} */
  _openFeed() {
    const { feed, release } = this.options.feed
      ? { feed: this.options.feed, release: () => {} }
      : openFeed(this.options);
    const follow = () => this.invalidate();
    const unsubscribe = feed.subscribe(() => shareFrame(follow));
    const close = () => {
      unsubscribe();
      leaveFrame(follow);
      release();
    };
    return { feed, close };
  }

  destroy() {
    if (!this._isOpen) return;
    this._isOpen = false;
    this._source.close();
    this._crosshair.close();
    this._pointer.close();
    this._painter.close();
    this._elements.root.remove();
  }

  /** @param {Partial<Options>} changes */
  set(changes) {
    const before = this.options;
    this.options = withOptions(before, changes);
    this._rows = null;
    if (!sameView(before, this.options)) {
      this._source.close();
      this.hover = null;
      this._source = this._openFeed();
      this.view.restart();
    }
    if (before.palette !== this.options.palette) this._painter.recolor();
    this.invalidate();
  }

  /**
   * Change options on a person's behalf; the panel's controls follow.
   * @param {Partial<Options>} changes
   */
  choose(changes) {
    this.set(changes);
    this._element.dispatchEvent(new CustomEvent(CHANGED, { detail: changes, bubbles: true }));
  }

  // -- state -----------------------------------------------------------------------------------

  visible() {
    const { view, series } = this;
    const { scene, painted } = this._painter;
    const shown = scene ? scene.columns.map(({ candle }) => candle.open_ts) : [];
    /** @param {number} y */
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
      painted: { ...painted },
    };
  }

  readout() {
    const { series, hover } = this;
    if (!series.last) return null;
    const candle = hover ? series.at(hover.open_ts) : series.last;
    return readoutOf(series, this.rows(), candle, hover ? hover.level : null);
  }

  /* The rows to draw; kept until the series or the options change. */
  rows() {
    const { series } = this;
    if (!this._rows?.matches(series)) this._rows = new Rows(series, this.options);
    return this._rows;
  }

  // -- actions ---------------------------------------------------------------------------------

  invalidate() {
    this._painter.invalidate();
  }

  followLast() {
    this.view.restart();
    this.invalidate();
  }

  toggleKeys() {
    const { keys, help } = this._elements;
    keys.hidden = !keys.hidden;
    help.setAttribute("aria-expanded", String(this.keysShown));
  }

  /**
   * The pointer is at a place of the stage, CSS pixels.
   * @param {number} x
   * @param {number} y
   */
  hoverAt(x, y) {
    const { series, view } = this;
    const slot = view.slotAt(x);
    const isOutside = !series.last || x < 0 || x >= view.width || y < 0;
    if (isOutside || slot > series.slot(series.last.open_ts)) {
      this.leave();
      return;
    }
    const open_ts = slot * series.tf_ms;
    this._setHover({ open_ts, level: y < view.height ? view.rowAt(y) : null });
    this._crosshair.send(open_ts);
  }

  leave() {
    this._setHover(null);
    this._crosshair.send(null);
  }

  /**
   * Move the crosshair by candles and rows; it starts at the last price.
   * @param {number} candles
   * @param {number} rows
   */
  moveHover(candles, rows) {
    const { series, view, hover } = this;
    if (!series.last) return;
    const from = hover || { open_ts: series.last.open_ts, level: null };
    const candle = series.at(from.open_ts) || series.last;
    const level = from.level ?? Math.floor(candle.close / series.step + 0.5);
    const place = series.find(from.open_ts) + (hover ? candles : 0);
    const target = series.candles[Math.min(Math.max(place, 0), series.candles.length - 1)];
    view.reveal(series.slot(target.open_ts));
    const moved = hover ? rows * this.rows().count : 0;
    this._setHover({ open_ts: target.open_ts, level: level + moved });
    this._crosshair.send(target.open_ts);
  }

  /**
   * Show the candle that another chart of the panel hovers.
   * @param {number | null} openTs
   */
  _followCrosshair(openTs) {
    this._setHover(openTs === null ? null : { open_ts: openTs, level: null });
  }

  /** @param {Hover | null} hover */
  _setHover(hover) {
    const before = this.hover;
    const isSame = before && hover && before.open_ts === hover.open_ts && before.level === hover.level;
    if (isSame || (!before && !hover)) return;
    this.hover = hover;
    this._painter.request();
  }

  // -- elements --------------------------------------------------------------------------------

  /**
   * Bring the elements up to date with a painted frame.
   * @param {Areas | null} place where the areas lie, if the cells were painted
   */
  onPaint(place) {
    if (place) {
      this._placeButtons(place);
      this._showState();
    }
    this._elements.readout.show(this.readout());
    if (this._painter.scene && !this._hasPainted) this._announcePainted();
  }

  /* After the browser has shown this frame. */
  _announcePainted() {
    this._hasPainted = true;
    const dispatch = () => this._elements.root.dispatchEvent(new CustomEvent(PAINTED, { bubbles: true }));
    window.requestAnimationFrame(() => window.setTimeout(dispatch));
  }

  /**
   * In the lower right corner of the plot.
   * @param {Areas} place
   */
  _placeButtons({ width, height, plotWidth, plotHeight }) {
    const { style } = this._elements.buttons;
    put(style, "right", `${Math.round(width - plotWidth) + 6}px`);
    put(style, "bottom", `${Math.round(height - plotHeight) + 6}px`);
  }

  _showState() {
    const { badge, root, follow, readable, rows, cells } = this._elements;
    const { feed } = this._source;
    const found = notice(feed);
    put(badge, "hidden", !found);
    if (found) {
      put(badge, "textContent", found[0]);
      put(badge, "className", `footprint-badge ${found[1] ? "is-alarm" : "is-warning"}`);
    }
    const { price, follow: follows } = this.view;
    put(root.dataset, "connection", feed.connection.state);
    put(follow, "hidden", follows && price !== "free");
    put(readable, "hidden", price === "fit" && this._painter.painted.textSize > 0);
    put(readable, "textContent", price === "fit" ? "Readable" : "Fit");
    const label = rowLabel(this.rows());
    put(rows, "hidden", this.options.grouping && !label);
    put(rows, "textContent", label || "Group rows");
    put(cells, "ariaLabel", description(this.series, this.options));
  }
}
