/* The plot: grid, gaps, cells with their texts, value areas, POC, imbalances, candle bodies. */

/** @import {Column, Full, Scene} from "../types.d.ts" */

import { BUY, SELL, STACKED_BUY, STACKED_SELL } from "../model/measures.mjs";
import { paintGrid } from "./axes.mjs";
import { Boxes, baseline, hatch, Texts } from "./batch.mjs";
import { shadeOf } from "./colors.mjs";
import { barWidth, FLAGGED, inSight, LOW, paintPixelCells, STACKED } from "./pixel-cells.mjs";

const FONTS = [12, 11, 10, 9, 8]; // px, the largest that fits is taken
const LEADING = 1; // px of a row that its text leaves free
const PAD = 3; // px beside a text

/**
 * The sizes with the full color, for volumes and for deltas, in each candle.
 * @param {Scene} scene
 * @returns {Scene["fullOf"]}
 */
function fullColor(scene) {
  const { scale } = scene.options;
  if (typeof scale === "number") {
    const { price, quantity } = scene.series.decimals;
    const notional = scale * 10 ** (price + quantity); // units of price x lots
    return (column) => {
      const size = scene.figures.units.inQuote || !column ? notional : notional / column.candle.close;
      return { volume: size, delta: size };
    };
  }
  const most = { volume: 0, delta: 0 };
  if (scale === "candle") {
    return (column) =>
      column ? { volume: column.figures.mostVolume, delta: column.figures.mostDelta } : most;
  }
  for (const { figures } of scene.columns) {
    most.volume = Math.max(most.volume, figures.mostVolume);
    most.delta = Math.max(most.delta, figures.mostDelta);
  }
  return () => most;
}

/**
 * Cells of one column.
 * @param {Scene} scene
 * @param {Column} column
 * @param {Full} most
 * @param {Boxes} boxes
 */
function addCells(scene, column, most, boxes) {
  const { options, colors, series } = scene;
  const { levels } = column.candle;
  const { bid, ask, flags } = column.figures;
  const width = column.end - column.cells;
  const [from, to] = inSight(scene, levels);
  for (let index = from; index < to; index++) {
    const row = levels.p[index] / series.step;
    const y = scene.top(row);
    const height = Math.max(1, scene.top(row - 1) - y - 1);
    if (options.coloring === "delta") {
      const delta = ask[index] - bid[index];
      if (delta) {
        const ramp = delta > 0 ? colors.askRamp : colors.bidRamp;
        boxes.add(ramp[shadeOf(Math.abs(delta) / most.delta)], column.cells, y, width, height);
      }
    } else if (options.coloring === "volume") {
      const shade = shadeOf((ask[index] + bid[index]) / most.volume);
      boxes.add(colors.volumeRamp[shade], column.cells, y, width, height);
    } else addImbalanceHalves(scene, column, flags[index], y, height, boxes);
  }
}

/**
 * The imbalanced halves of a cell.
 * @param {Scene} scene
 * @param {Column} column
 * @param {number} flags
 * @param {number} y
 * @param {number} height
 * @param {Boxes} boxes
 */
function addImbalanceHalves({ colors, options }, column, flags, y, height, boxes) {
  if (!flags) return;
  const left = [column.cells, column.middle - column.cells];
  const right = [column.middle, column.end - column.middle];
  const [bidHalf, askHalf] = options.sideSwap ? [right, left] : [left, right];
  if (flags & BUY) {
    boxes.add(colors.askRamp[flags & STACKED_BUY ? STACKED : FLAGGED], askHalf[0], y, askHalf[1], height);
  }
  if (flags & SELL) {
    boxes.add(colors.bidRamp[flags & STACKED_SELL ? STACKED : FLAGGED], bidHalf[0], y, bidHalf[1], height);
  }
}

/**
 * Bars at the outer edge of imbalanced cells, on the winning side; thicker for stacked ones.
 * @param {Scene} scene
 * @param {Column} column
 * @param {Boxes} boxes
 */
function addImbalanceBars(scene, column, boxes) {
  const { colors, series, options } = scene;
  const { levels } = column.candle;
  const { flags } = column.figures;
  const thin = barWidth(scene, column);
  const sides = [
    { side: BUY, stacked: STACKED_BUY, color: colors.ask, isRight: !options.sideSwap },
    { side: SELL, stacked: STACKED_SELL, color: colors.bid, isRight: options.sideSwap },
  ];
  const [from, to] = inSight(scene, levels);
  for (let index = from; index < to; index++) {
    if (!flags[index]) continue;
    const row = levels.p[index] / series.step;
    const y = scene.top(row);
    const height = Math.max(1, scene.top(row - 1) - y);
    for (const { side, stacked, color, isRight } of sides) {
      if (!(flags[index] & side)) continue;
      const wide = flags[index] & stacked ? 2 * thin : thin;
      boxes.add(color, isRight ? column.end - wide : column.cells, y, wide, height);
    }
  }
}

/**
 * The largest font whose texts fit all cells, in px; 0 if none does.
 * @param {Scene} scene
 */
function fittingFont(scene) {
  const { view, options, ruler } = scene;
  const highest = view.rowHeight - LEADING;
  if (!scene.showsCells || !scene.columns.length || highest < FONTS[FONTS.length - 1]) return 0;
  const narrowest = Math.min(...scene.columns.map(({ cells, end }) => end - cells)) / scene.ratio;
  const sides = options.content === "bid-ask" ? 2 : 1;
  const room = narrowest / sides - PAD - (sides === 1 ? PAD : 2) - 2;
  let widest = 0;
  for (const { candle, figures } of scene.columns) {
    if (figures.widest === null) {
      const texts = scene.figures.texts(candle).flat();
      figures.widest = texts.reduce((most, text) => Math.max(most, ruler.em(text)), 0);
    }
    widest = Math.max(widest, figures.widest);
  }
  return FONTS.find((size) => size <= highest && size * widest <= room) || 0;
}

/**
 * Figures of one column, and the line between bid and ask.
 * @param {Scene} scene
 * @param {Column} column
 * @param {Texts} texts
 * @param {Boxes} marks
 */
function addTexts(scene, column, texts, marks) {
  const { colors, px, series, options, textSize } = scene;
  const { candle, figures } = column;
  const rows = scene.figures.texts(candle);
  const [from, to] = inSight(scene, candle.levels);
  if (options.content === "bid-ask" && from < to) {
    const top = scene.top(candle.levels.p[from] / series.step);
    const bottom = scene.top(candle.levels.p[to - 1] / series.step - 1);
    marks.add(colors.divider, column.middle, top, Math.max(1, px(0.75)), bottom - top);
  }
  for (let index = from; index < to; index++) {
    const row = candle.levels.p[index] / series.step;
    const y = baseline(scene.top(row), scene.top(row - 1), textSize);
    const flags = figures.flags[index];
    if (rows[index].length === 1) {
      texts.add("400", "center", colors.text, rows[index][0], column.middle, y);
      continue;
    }
    for (let side = 0; side < 2; side++) {
      const isAsk = (side === 1) !== options.sideSwap;
      const wins = flags & (isAsk ? BUY : SELL);
      const x = side ? column.middle + px(PAD) : column.middle - px(PAD);
      texts.add(wins ? "650" : "400", side ? "left" : "right", colors.text, rows[index][side], x, y);
    }
  }
}

/**
 * Ground of the value area and the line beside it.
 * @param {Scene} scene
 * @param {Column} column
 * @param {Boxes} boxes
 */
function addValueArea(scene, column, boxes) {
  const { valueArea } = column.figures;
  if (!scene.options.valueArea || !valueArea) return;
  const { series, colors, px } = scene;
  const top = scene.top(valueArea.high / series.step);
  const bottom = scene.top(valueArea.low / series.step - 1);
  boxes.add(colors.valueArea, column.cells, top, column.end - column.cells, bottom - top);
  const line = Math.max(1, px(1));
  boxes.add(colors.faint, column.cells - line, top, line, bottom - top);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Column} column
 */
function paintPoc(context, scene, column) {
  const { candle, cells, end } = column;
  if (!candle.levels.p.length) return;
  const { series, colors, px, view } = scene;
  const row = candle.poc / series.step;
  const top = scene.top(row);
  const height = Math.max(1, scene.top(row - 1) - top);
  const line = view.rowHeight >= 8 ? Math.max(1, Math.round(1.5 * scene.ratio)) : Math.max(1, px(1));
  context.lineWidth = line;
  context.strokeStyle = colors.text;
  if (height > 3 * line && end - cells > 4 * line) {
    context.strokeRect(cells + line / 2, top + line / 2, end - cells - line, height - line);
  } else {
    context.fillStyle = colors.text;
    context.fillRect(cells, top + Math.floor((height - line) / 2), end - cells, line);
  }
}

/**
 * Body and wick; a candle of one price is a dash.
 * @param {Scene} scene
 * @param {Column} column
 * @param {Boxes} boxes
 */
function addBody(scene, column, boxes) {
  const { candle, left, body } = column;
  if (!body) return;
  const { series, colors, view, ratio, px } = scene;
  /** @type {(price: number) => number} */
  const y = (price) => Math.round(view.y(price / series.step) * ratio);
  const isUp = candle.close > candle.open;
  const color = isUp ? colors.ask : candle.close < candle.open ? colors.bid : colors.muted;
  const wick = Math.max(1, Math.min(px(1), body));
  const middle = left + Math.floor((body - wick) / 2);
  const high = y(candle.high);
  boxes.add(color, middle, high, wick, Math.max(1, y(candle.low) - high));
  const top = y(Math.max(candle.open, candle.close));
  const bottom = y(Math.min(candle.open, candle.close));
  boxes.add(color, left, top, body, Math.max(px(1), bottom - top));
}

/**
 * Grounds of incomplete candles: hatched where trades are missing, with the time between neighboring gaps; a dashed
 * edge where the feed started inside the candle.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Column[]} columns
 */
function paintQuality(context, scene, columns) {
  const { colors, px, view, ratio, plot } = scene;
  const { height } = plot;
  columns.forEach((column, index) => {
    const { candle } = column;
    if (candle.quality === "gap") {
      const before = columns[index - 1];
      const x = before && before.candle.quality === "gap" ? before.right : column.left;
      const area = { x, y: 0, width: column.right - x, height };
      context.fillStyle = colors.warnTint;
      context.fillRect(area.x, area.y, area.width, area.height);
      hatch(context, colors.warnHatch, area, px(8), Math.max(1, ratio));
    } else if (candle.quality === "partial") {
      context.fillStyle = colors.muted;
      const dash = px(4);
      const x = Math.round(view.x(column.slot) * ratio);
      for (let y = 0; y < height; y += 2 * dash) context.fillRect(x, y, Math.max(1, px(1)), dash);
    }
  });
}

/**
 * Set the scene's size of texts, its kind of cells and its full colors.
 * @param {Scene} scene
 */
function prepareCells(scene) {
  scene.textSize = Math.round(fittingFont(scene) * scene.ratio);
  scene.areLow = scene.showsCells && scene.view.rowHeight * scene.ratio < LOW;
  scene.fullOf = fullColor(scene);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Column[]} columns
 */
function paintColumns(context, scene, columns) {
  paintQuality(context, scene, columns);
  const grounds = new Boxes();
  const marks = new Boxes();
  const texts = new Texts();
  for (const column of columns) {
    if (scene.showsCells) addValueArea(scene, column, grounds);
    if (scene.showsCells && !scene.areLow) {
      addCells(scene, column, scene.fullOf(column), grounds);
      if (scene.options.imbalances) addImbalanceBars(scene, column, marks);
      if (scene.textSize) addTexts(scene, column, texts, marks);
    }
    addBody(scene, column, marks);
  }
  grounds.paint(context);
  if (scene.areLow) paintPixelCells(context, scene);
  marks.paint(context);
  texts.paint(context, scene.textSize, scene.colors.font);
  if (scene.showsCells) for (const column of columns) paintPoc(context, scene, column);
}

/**
 * The columns that differ between two paintings of the same layout; null if more than candles changed.
 * @param {Scene | null} before
 * @param {Scene} scene
 */
function changedColumns(before, scene) {
  if (!before || scene.areLow || before.layout.some((value, index) => value !== scene.layout[index]))
    return null;
  if (before.columns.length !== scene.columns.length) return null;
  const changed = scene.columns.filter(({ candle }, index) => candle !== before.columns[index].candle);
  const inPlace = scene.columns.every(({ slot }, index) => slot === before.columns[index].slot);
  /** @type {(column: Column) => boolean} */
  const isGap = ({ candle }) => candle.quality === "gap"; // its ground may reach its neighbor's
  return inPlace && !scene.columns.some(isGap) && !before.columns.some(isGap) ? changed : null;
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {number} left
 * @param {number} right
 * @param {Column[]} columns
 */
function paintArea(context, scene, left, right, columns) {
  context.save();
  context.beginPath();
  context.rect(left, 0, right - left, scene.plot.height);
  context.clip();
  context.clearRect(left, 0, right - left, scene.plot.height);
  paintGrid(context, scene);
  paintColumns(context, scene, columns);
  context.restore();
}

/**
 * Paint the plot, or only its columns that changed since the scene `before`. Returns their number.
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 * @param {Scene | null} before
 */
export function paintPlot(context, scene, before) {
  prepareCells(scene);
  const { view, options, colors, figures, plot, textSize, width, height } = scene;
  const most = options.scale === "visible" ? scene.fullOf(null) : null;
  scene.layout = [
    ...[view.right, view.middle, view.columnWidth, view.rowHeight, width, height, plot.width, plot.height],
    ...[options, colors, figures, textSize, most?.volume, most?.delta],
  ];
  const changed = changedColumns(before, scene);
  if (!changed) {
    paintArea(context, scene, 0, plot.width, scene.columns);
    return scene.columns.length;
  }
  for (const column of changed) {
    paintArea(context, scene, Math.max(column.left, 0), Math.min(column.right, plot.width), [column]);
  }
  return changed.length;
}
