/* Paints a chart on its two canvases, once a frame at most: the cells when they are out of date, the overlay always. */

/** @import {Areas, Hover, Options, Scene} from "./types.d.ts" */
/** @import {Rows} from "./model/grouping.mjs" */
/** @import {Series} from "./model/series.mjs" */
/** @import {Viewport} from "./model/viewport.mjs" */
/** @import {Elements} from "./ui/elements.mjs" */

import { grouped, text } from "./model/decimal.mjs";
import { paintAxes } from "./paint/axes.mjs";
import { Ruler } from "./paint/batch.mjs";
import { paintPlot } from "./paint/cells.mjs";
import { readColors } from "./paint/colors.mjs";
import { paintCrosshair } from "./paint/crosshair.mjs";
import { Picture } from "./paint/pixel-cells.mjs";
import { cachedProfile, paintProfile } from "./paint/profile.mjs";
import { areas, FONT, sceneOf } from "./paint/scene.mjs";
import { paintStatistics, STATISTIC_LABELS } from "./paint/statistics.mjs";

/**
 * The part of a chart that the painter reads, and calls after each frame with the places of repainted areas.
 * @typedef {object} Chart
 * @property {Options} options
 * @property {Viewport} view
 * @property {Series} series
 * @property {Hover | null} hover
 * @property {() => Rows} rows
 * @property {(place: Areas | null) => void} onPaint
 */

/**
 * @param {HTMLCanvasElement} canvas
 */
const contextOf = (canvas) => /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));

export class Painter {
  /**
   * @param {Elements} elements
   * @param {Chart} chart
   */
  constructor(elements, chart) {
    this.painted = { cells: 0, crosshair: 0, columns: 0, textSize: 0, milliseconds: 0 };
    /** @type {Scene | null} */
    this.scene = null;
    this._elements = elements;
    this._chart = chart;
    this._cells = contextOf(elements.cells);
    this._overlay = contextOf(elements.crosshair);
    this._frame = 0;
    this._isDirty = false;
    this._size = { width: 0, height: 0 }; // device pixels
    this._picture = new Picture();
    this._profileOf = cachedProfile();
    this._colors = this._readColors();
    this._ruler = new Ruler(this._cells, this._colors.font);
    this._observers = [this._observeSize(), this._observeTheme()];
    document.fonts.ready.then(() => this.recolor());
  }

  _observeSize() {
    const observer = new ResizeObserver((entries) => this._resize(entries[entries.length - 1]));
    try {
      observer.observe(this._elements.cells, { box: "device-pixel-content-box" });
    } catch {
      observer.observe(this._elements.cells); // a browser without that box
    }
    return observer;
  }

  _observeTheme() {
    const observer = new MutationObserver(() => this.recolor());
    observer.observe(document.documentElement, { attributeFilter: ["data-bs-theme"] });
    return observer;
  }

  close() {
    for (const observer of this._observers) observer.disconnect();
    window.cancelAnimationFrame(this._frame);
  }

  /* The cells are out of date. */
  invalidate() {
    this._isDirty = true;
    this.request();
  }

  /* Paint in the next frame. */
  request() {
    if (!this._frame) this._frame = window.requestAnimationFrame(() => this._paint());
  }

  recolor() {
    this._colors = this._readColors();
    this._ruler = new Ruler(this._cells, this._colors.font);
    this.invalidate();
  }

  _readColors() {
    const { root } = this._elements;
    const { palette } = this._chart.options;
    root.dataset.palette = palette;
    return readColors(root, this._cells, palette);
  }

  /** @param {ResizeObserverEntry} entry */
  _resize({ devicePixelContentBoxSize: device, contentRect: content }) {
    const [width, height] = [content.width, content.height].map((css) => css * window.devicePixelRatio);
    // The device's own count, unless the ratio is emulated, which the count ignores.
    const isTrue =
      device && Math.abs(device[0].inlineSize - width) < 2 && Math.abs(device[0].blockSize - height) < 2;
    this._size = isTrue
      ? { width: device[0].inlineSize, height: device[0].blockSize }
      : { width: Math.round(width), height: Math.round(height) };
    if (this._frame) window.cancelAnimationFrame(this._frame);
    this._isDirty = true;
    this._paint(); // at once: a resized canvas is empty
  }

  /* Canvases first, elements last: setting a canvas's font needs the page's styles, which a changed element
     invalidates. */
  _paint() {
    this._frame = 0;
    if (!this._size.width || !this._size.height) return;
    const place = this._isDirty ? this._paintCells() : null;
    if (this.scene) {
      paintCrosshair(this._overlay, this.scene, this._chart.hover);
      this.painted.crosshair += 1;
    } else this._overlay.clearRect(0, 0, this._size.width, this._size.height);
    this._chart.onPaint(place);
  }

  /** @returns {Areas} */
  _paintCells() {
    const startedAt = performance.now();
    const { series, view, options } = this._chart;
    const ratio = window.devicePixelRatio;
    const { width, height } = this._size;
    const isResized = this._matchSize();
    const place = areas(width / ratio, height / ratio, this._axisWidth(), options);
    view.arrange(series, place.plotWidth, place.plotHeight);
    const scene = series.last ? sceneOf(this._source(), place) : null;
    if (scene) this._paintScene(scene, isResized ? null : this.scene);
    else this._cells.clearRect(0, 0, width, height);
    this.scene = scene;
    this._isDirty = false;
    this.painted.cells += 1;
    this.painted.milliseconds = performance.now() - startedAt;
    return place;
  }

  /** Returns whether the canvases were resized. */
  _matchSize() {
    const { cells, crosshair } = this._elements;
    const { width, height } = this._size;
    if (cells.width === width && cells.height === height) return false;
    for (const canvas of [cells, crosshair]) Object.assign(canvas, { width, height });
    return true;
  }

  _source() {
    const { options, view } = this._chart;
    const rows = this._chart.rows();
    return {
      view: rows.arrange(view),
      series: rows.series,
      figures: rows.figures,
      options,
      colors: this._colors,
      ruler: this._ruler,
      ratio: window.devicePixelRatio,
      rows,
      profileOf: this._profileOf,
      picture: this._picture,
    };
  }

  /**
   * @param {Scene} scene
   * @param {Scene | null} before
   */
  _paintScene(scene, before) {
    const context = this._cells;
    const { width, height } = this._size;
    this.painted.columns = paintPlot(context, scene, before);
    this.painted.textSize = scene.textSize;
    context.clearRect(scene.plot.width, 0, width, height);
    context.clearRect(0, scene.plot.height, width, height);
    paintProfile(context, scene);
    paintStatistics(context, scene);
    paintAxes(context, scene);
  }

  _axisWidth() {
    const { series, options } = this._chart;
    const price = series.last ? grouped(text(series.last.high, series.decimals.price)) : "";
    const names = options.statistics ? STATISTIC_LABELS : [];
    const widest = Math.max(...[price, ...names].map((label) => this._ruler.em(label)));
    return Math.ceil(widest * FONT) + 14;
  }
}
