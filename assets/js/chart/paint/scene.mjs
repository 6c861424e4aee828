/* The places of one painting, in device pixels. */

/** @import {Areas, Candle, Column, Options, Scene, Source} from "../types.d.ts" */

import { statisticNames } from "../model/figures.mjs";

export const FONT = 11;
const SMALL = { width: 620, height: 330 }; // below, the profile or the statistics make room
const PROFILE = { share: 0.11, least: 56, most: 120 };
const TIME_HEIGHT = 20;
const STATISTIC_HEIGHT = 15;
const BODY = [
  [40, 7],
  [20, 5],
  [9, 2],
]; // width of a candle's body by the least width of its column
const CELLS_FROM = 5; // narrower columns show candles without cells

/**
 * Places of the areas, and the size of the plot.
 * @param {number} width CSS pixels
 * @param {number} height
 * @param {number} axisWidth
 * @param {Options} options
 * @returns {Areas}
 */
export function areas(width, height, axisWidth, options) {
  const rows = options.statistics && height >= SMALL.height ? statisticNames(options.units).length + 1 : 0;
  const profile =
    options.profile && width >= SMALL.width
      ? Math.min(Math.max(width * PROFILE.share, PROFILE.least), PROFILE.most)
      : 0;
  const plotWidth = Math.max(width - axisWidth - profile, 40);
  const plotHeight = Math.max(height - TIME_HEIGHT - rows * STATISTIC_HEIGHT, 40);
  return { width, height, plotWidth, plotHeight, profile, axisWidth, rows };
}

/**
 * One visible candle with the pixels of its column.
 * @param {Source} source
 * @param {Candle} candle
 * @returns {Column}
 */
function column({ view, ratio, series, figures }, candle) {
  const slot = series.slot(candle.open_ts);
  const left = Math.round(view.x(slot) * ratio);
  const right = Math.round(view.x(slot + 1) * ratio);
  const css = view.columnWidth;
  const gap = css >= CELLS_FROM ? Math.max(1, Math.round((css >= 24 ? 2 : 1) * ratio)) : 0;
  const found = BODY.find(([least]) => css >= least);
  const body = css < CELLS_FROM ? Math.max(1, right - left - 1) : Math.round((found ? found[1] : 0) * ratio);
  const cells = left + body + (body ? gap : 0);
  return {
    candle,
    slot,
    left,
    right,
    body,
    cells,
    end: right - gap,
    middle: Math.round((cells + right - gap) / 2),
    figures: figures.of(candle),
  };
}

/**
 * Everything that a painting needs. The source's view must have been arranged to the plot's size.
 * @param {Source} source
 * @param {Areas} place
 * @returns {Scene}
 */
export function sceneOf(source, place) {
  const { series, view, ratio } = source;
  /** @type {(css: number) => number} */
  const px = (css) => Math.round(css * ratio);
  const plot = { width: px(place.plotWidth), height: px(place.plotHeight) };
  const profile = { x: plot.width, width: px(place.profile) };
  const time = { y: plot.height, height: px(TIME_HEIGHT) };
  const candles = series.tf_ms ? series.between(view.firstSlot, view.lastSlot) : [];
  return {
    ...source,
    px,
    width: px(place.width),
    height: px(place.height),
    plot,
    profile,
    axis: { x: plot.width + profile.width },
    time,
    statistics: { y: time.y + time.height, rows: place.rows, height: STATISTIC_HEIGHT * ratio },
    fontSize: px(FONT),
    columns: candles.map((candle) => column(source, candle)),
    showsCells: view.columnWidth >= CELLS_FROM,
    areLow: false,
    textSize: 0,
    layout: [],
    fullOf: () => ({ volume: 0, delta: 0 }),
    top: (row) => Math.round(view.y(row + 0.5) * ratio),
  };
}
