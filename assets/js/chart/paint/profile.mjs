/* The volume profile of the candles in sight, between the plot and the price axis. */

/** @import {Candle, Ladder, Scene} from "../types.d.ts" */

import { pointOfControl, profile, valueArea } from "../model/measures.mjs";
import { Boxes } from "./batch.mjs";

const FILL = 0.94; // of the lane's width

/**
 * @param {CanvasRenderingContext2D} context
 * @param {Scene} scene
 */
export function paintProfile(context, scene) {
  const { profile: lane, columns, colors, px, plot } = scene;
  if (!lane.width) return;
  context.fillStyle = colors.line;
  context.fillRect(lane.x, 0, Math.max(1, px(1)), plot.height);
  const levels = scene.profileOf(columns.map(({ candle }) => candle));
  if (!levels.p.length) return;
  const boxes = new Boxes();
  addBars(scene, levels, boxes);
  context.save();
  context.beginPath();
  context.rect(lane.x, 0, lane.width, plot.height);
  context.clip();
  boxes.paint(context);
  context.restore();
}

/**
 * @param {Scene} scene
 * @param {Ladder} levels
 * @param {Boxes} boxes
 */
function addBars(scene, levels, boxes) {
  const { profile: lane, colors, series, px, plot } = scene;
  const { units } = scene.figures;
  /** @param {number} index */
  const size = (index) => (levels.bid[index] + levels.ask[index]) * units.weight(levels.p[index]);
  let most = 0;
  for (let index = 0; index < levels.p.length; index++) most = Math.max(most, size(index));
  const poc = pointOfControl(levels);
  const area = valueArea(levels, series.step, scene.options.valueAreaRows);
  const right = lane.x + lane.width;
  const share = ((lane.width - px(2)) * FILL) / most;
  const gap = scene.view.rowHeight * scene.ratio >= 4 ? 1 : 0;
  for (let index = 0; index < levels.p.length; index++) {
    const price = levels.p[index];
    const y = scene.top(price / series.step);
    const height = Math.max(1, scene.top(price / series.step - 1) - y - gap);
    if (y > plot.height || y + height < 0) continue;
    const wide = Math.round(size(index) * share);
    const askWide = Math.round(levels.ask[index] * units.weight(price) * share);
    const isInside = area !== null && price <= area.high && price >= area.low;
    const shade = isInside ? 12 : 5;
    boxes.add(colors.askRamp[shade], right - askWide, y, askWide, height);
    boxes.add(colors.bidRamp[shade], right - wide, y, wide - askWide, height);
    if (index === poc) boxes.add(colors.text, right - wide - px(3), y, px(2), height);
  }
}

/** The profile of candles, recomputed only for other candles. */
export function cachedProfile() {
  /** @type {Candle[]} */
  let known = [];
  /** @type {Ladder | null} */
  let levels = null;
  /** @param {Candle[]} candles */
  return (candles) => {
    const isSame = known.length === candles.length && known.every((each, at) => each === candles[at]);
    if (levels && isSame) return levels;
    known = candles;
    levels = profile(candles);
    return levels;
  };
}
