/* Rows of figures below the candles: quality, volume, delta, delta %, trades; in base units also min and max delta and
   CVD. */

/** @import {Candle, Scene, Statistic} from "../types.d.ts" */
/** @import {Colors} from "./colors.mjs" */

import { STATISTICS, statisticNames } from "../model/figures.mjs";
import { Boxes, baseline, Texts } from "./batch.mjs";
import { shadeOf } from "./colors.mjs";

const QUALITY_MARKS = { complete: "", partial: "◐", gap: "⚠\ufe0e", repaired: "↻" };
const VERIFIED_MARKS = { true: "✓", false: "≠", null: "" };
const WEAK = 0.75; // of full color: these rows must not outshine the cells

export const STATISTIC_LABELS = ["Quality", ...STATISTICS];

/**
 * The largest size of each row among the candles in sight.
 * @param {Scene} scene
 * @param {string[]} names
 */
function strongest(scene, names) {
  return names.map((_, index) =>
    scene.columns.reduce((most, { figures }) => Math.max(most, Math.abs(figures.statistics[index].size)), 0),
  );
}

/**
 * @param {Colors} colors
 * @param {Statistic} figure
 */
function rampOf(colors, { kind, size }) {
  if (kind === "volume") return colors.volumeRamp;
  return size > 0 ? colors.askRamp : colors.bidRamp;
}

/**
 * @param {Colors} colors
 * @param {Candle} candle
 */
function markColor(colors, { quality, verified }) {
  if (quality === "gap" || verified === false) return colors.warn;
  return colors.muted;
}

/** @param {Candle} candle */
const markOf = ({ quality, verified }) =>
  QUALITY_MARKS[quality] + VERIFIED_MARKS[/** @type {"true" | "false" | "null"} */ (String(verified))];

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
export function paintStatistics(context, scene) {
  const { statistics } = scene;
  if (!statistics.rows) return;
  context.save();
  context.beginPath();
  context.rect(0, statistics.y, scene.plot.width, scene.height);
  context.clip();
  paintFigures(context, scene);
  context.restore();
  paintLabels(context, scene);
}

/**
 * @param {Scene} scene
 * @param {number} row
 */
const topOf = ({ statistics }, row) => Math.round(statistics.y + row * statistics.height);

/**
 * @param {Scene} scene
 * @param {number} row
 */
const baselineOf = (scene, row) => baseline(topOf(scene, row), topOf(scene, row + 1), scene.fontSize);

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
function paintFigures(context, scene) {
  const { colors, fontSize: size, px, columns, ruler } = scene;
  const names = statisticNames(scene.options.units);
  const most = strongest(scene, names);
  const width = columns.length ? Math.min(...columns.map(({ left, right }) => right - left)) : 0;
  /** @param {number} row */
  const widest = (row) =>
    columns.reduce((em, { figures }) => Math.max(em, ruler.em(figures.statistics[row].text)), 0);
  const fits = names.map((_, row) => widest(row) * size + px(4) <= width);
  const boxes = new Boxes();
  const texts = new Texts();
  for (const { candle, figures, left, right } of columns) {
    const middle = Math.round((left + right) / 2);
    const mark = markOf(candle);
    if (mark && ruler.em(mark) * size < width) {
      texts.add("400", "center", markColor(colors, candle), mark, middle, baselineOf(scene, 0));
    }
    // A candle that lacks trades has no color, so that it is not compared with whole ones.
    const isWhole = candle.quality === "complete" || candle.quality === "repaired";
    figures.statistics.forEach((figure, index) => {
      const y = topOf(scene, index + 1);
      const height = topOf(scene, index + 2) - y - 1;
      if (figure.size && isWhole) {
        const shade = shadeOf((Math.abs(figure.size) / most[index]) * WEAK);
        boxes.add(rampOf(colors, figure)[shade], left, y, right - left - 1, height);
      }
      if (!fits[index]) return;
      const color = figure.size && isWhole ? colors.text : colors.muted;
      texts.add("400", "center", color, figure.text, middle, baselineOf(scene, index + 1));
    });
  }
  boxes.paint(context);
  texts.paint(context, size, colors.font);
}

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
function paintLabels(context, scene) {
  const { statistics, colors, axis, px, fontSize: size, options } = scene;
  context.fillStyle = colors.line;
  context.fillRect(0, Math.round(statistics.y), scene.width, Math.max(1, px(1)));
  const labels = new Texts();
  ["Quality", ...statisticNames(options.units)].forEach((label, row) => {
    labels.add("400", "left", colors.muted, label, axis.x + px(7), baselineOf(scene, row));
  });
  labels.paint(context, size, colors.font);
}
