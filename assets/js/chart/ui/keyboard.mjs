/* The chart's keys, and the overlay that lists them. Plain letters only: the browser keeps the rest. */

/** @import {Controller} from "../controller.mjs" */
/** @import {Options} from "../types.d.ts" */

import { CONTENTS } from "../model/figures.mjs";
import { COLORINGS } from "../options.mjs";
import { PALETTE_NAMES } from "../paint/colors.mjs";

const PAN_PX = 80;
const ZOOM = 1.25;

/** @type {(chart: Controller, name: keyof Options, values: unknown[]) => void} */
const cycle = (chart, name, values) => {
  const place = values.indexOf(chart.options[name]);
  chart.choose({ [name]: values[(place + 1) % values.length] });
};
/** @type {(chart: Controller, name: keyof Options) => void} */
const flip = (chart, name) => chart.choose({ [name]: !chart.options[name] });

/** @type {{keys: string[], shown: string, meaning: string, act: (chart: Controller, key: string) => void}[]} */
const KEYS = [
  {
    keys: ["ArrowLeft", "ArrowRight"],
    shown: "← →",
    meaning: "Earlier, later",
    act: ({ view }, key) => view.pan(key === "ArrowLeft" ? PAN_PX : -PAN_PX, 0),
  },
  {
    keys: ["ArrowUp", "ArrowDown"],
    shown: "↑ ↓",
    meaning: "Higher, lower prices",
    act: ({ view }, key) => view.pan(0, key === "ArrowUp" ? PAN_PX : -PAN_PX),
  },
  {
    keys: ["+", "=", "-"],
    shown: "+ −",
    meaning: "Wider, narrower candles",
    act: ({ view }, key) => view.zoomTime(key === "-" ? 1 / ZOOM : ZOOM, view.width),
  },
  {
    keys: ["]", "["],
    shown: "] [",
    meaning: "Higher, lower rows",
    act: ({ view }, key) => view.zoomPrice(key === "]" ? ZOOM : 1 / ZOOM, view.height / 2),
  },
  {
    keys: ["f", "End"],
    shown: "f  End",
    meaning: "Follow the last candle, fit the price",
    act: (chart) => chart.followLast(),
  },
  {
    keys: ["Home"],
    shown: "Home",
    meaning: "First candle",
    act: (chart) => chart.view.showFirst(chart.series),
  },
  {
    keys: ["a"],
    shown: "a",
    meaning: "Fit the price to the candles in sight",
    act: ({ view }) => view.fit(),
  },
  {
    keys: ["e"],
    shown: "e",
    meaning: "Rows grouped to be readable, or every level",
    act: (chart) => flip(chart, "grouping"),
  },
  {
    keys: ["r"],
    shown: "r",
    meaning: "Readable rows around the last price, or fitted",
    act: ({ view }) => view.toggleReadable(),
  },
  {
    keys: ["h", "l"],
    shown: "h l",
    meaning: "Crosshair one candle back, on",
    act: (chart, key) => chart.moveHover(key === "h" ? -1 : 1, 0),
  },
  {
    keys: ["k", "j"],
    shown: "k j",
    meaning: "Crosshair one row up, down",
    act: (chart, key) => chart.moveHover(0, key === "k" ? 1 : -1),
  },
  {
    keys: ["c"],
    shown: "c",
    meaning: "Content: bid × ask, delta, volume, trades",
    act: (chart) => cycle(chart, "content", CONTENTS),
  },
  {
    keys: ["g"],
    shown: "g",
    meaning: "Coloring: delta, volume, imbalance",
    act: (chart) => cycle(chart, "coloring", COLORINGS),
  },
  {
    keys: ["s"],
    shown: "s",
    meaning: "Colors scaled to the candle or to all in sight",
    act: (chart) => cycle(chart, "scale", ["candle", "visible"]),
  },
  {
    keys: ["u"],
    shown: "u",
    meaning: "Units: base or quote currency",
    act: (chart) => cycle(chart, "units", ["base", "quote"]),
  },
  {
    keys: ["w"],
    shown: "w",
    meaning: "Value area by two rows or one",
    act: (chart) => cycle(chart, "valueAreaRows", [2, 1]),
  },
  { keys: ["v"], shown: "v", meaning: "Value area shown", act: (chart) => flip(chart, "valueArea") },
  { keys: ["i"], shown: "i", meaning: "Imbalances shown", act: (chart) => flip(chart, "imbalances") },
  {
    keys: ["z"],
    shown: "z",
    meaning: "Imbalances against an empty side",
    act: (chart) => flip(chart, "zeroOpposite"),
  },
  { keys: ["p"], shown: "p", meaning: "Volume profile shown", act: (chart) => flip(chart, "profile") },
  { keys: ["x"], shown: "x", meaning: "Sides swapped", act: (chart) => flip(chart, "sideSwap") },
  {
    keys: ["b"],
    shown: "b",
    meaning: "Colors: red and green, or blue and orange",
    act: (chart) => cycle(chart, "palette", PALETTE_NAMES),
  },
  { keys: ["?"], shown: "?", meaning: "These keys", act: (chart) => chart.toggleKeys() },
];

/** @type {[string, string][]} */
const MOUSE = [
  ["Wheel", "Zoom time"],
  ["Ctrl or shift + wheel", "Zoom price"],
  ["Drag", "Move in time and price"],
  ["Double click", "Follow the last candle"],
  ["One finger, two", "Move, zoom"],
];

/** @type {[string, string][]} */
const READING = [
  ["Frame", "POC: the level with the most volume"],
  ["Gray ground", "Value area, 70 % of the volume"],
  ["Bar at a cell's edge", "Diagonal imbalance; thick: stacked, 3 or more"],
  ["Hatched", "Trades are missing"],
  ["Dashed edge", "The feed started mid-candle"],
];

/**
 * @param {string} title
 * @param {[string, string][]} rows
 */
function list(title, rows) {
  const heading = document.createElement("h4");
  heading.textContent = title;
  const body = document.createElement("dl");
  for (const [term, meaning] of rows) {
    const row = document.createElement("div");
    const name = document.createElement("dt");
    const text = document.createElement("dd");
    name.textContent = term;
    text.textContent = meaning;
    row.append(name, text);
    body.append(row);
  }
  return [heading, body];
}

export function keysOverlay() {
  const overlay = document.createElement("div");
  overlay.className = "footprint-keys";
  overlay.hidden = true;
  overlay.setAttribute("role", "dialog");
  overlay.setAttribute("aria-label", "Keys of the footprint chart");
  overlay.append(
    ...list(
      "Keys",
      KEYS.map(({ shown, meaning }) => [shown, meaning]),
    ),
    ...list("Mouse and touch", MOUSE),
    ...list("How to read it", READING),
  );
  return overlay;
}

/**
 * Act on a key pressed in the chart. True if the key has a meaning here.
 * @param {Controller} chart
 * @param {KeyboardEvent} event
 */
export function handleKey(chart, event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return false;
  if (event.key === "Escape" && chart.keysShown) {
    chart.toggleKeys();
    return true;
  }
  const found = KEYS.find(({ keys }) => keys.includes(event.key));
  if (!found) return false;
  found.act(chart, event.key);
  chart.invalidate();
  return true;
}
