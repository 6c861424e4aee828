/** Shapes that several files of the chart share. Prices are whole ticks, volumes whole lots, unless noted. */

import type { Feed } from "./feed.mjs";
import type { Figures } from "./model/figures.mjs";
import type { GroupedSeries, Rows } from "./model/grouping.mjs";
import type { Series } from "./model/series.mjs";
import type { Viewport } from "./model/viewport.mjs";
import type { Ruler } from "./paint/batch.mjs";
import type { Colors } from "./paint/colors.mjs";
import type { Picture } from "./paint/pixel-cells.mjs";

export type Quality = "complete" | "partial" | "repaired" | "gap";

/** Decimals of prices and of volumes. */
export interface Decimals {
  price: number;
  quantity: number;
}

/** Price levels as columns, high to low. */
export interface Levels {
  p: Float64Array;
  bid: Float64Array;
  ask: Float64Array;
  n: Float64Array;
}

export type Ladder = Pick<Levels, "p" | "bid" | "ask">;

export interface Candle {
  open_ts: number;
  rev: number;
  n: number;
  closed: boolean;
  quality: Quality;
  verified: boolean | null;
  levels: Levels;
  open: number;
  high: number;
  low: number;
  close: number;
  poc: number;
  bid: number;
  ask: number;
  delta: number;
  cvd: number;
  min_delta: number;
  max_delta: number;
}

/** A candle whose levels are rows of several levels. */
export interface GroupedCandle extends Candle {
  whole: Candle;
}

export type DrawnSeries = Series | GroupedSeries;

/** The part of a socket's query that names a view. */
export interface View {
  exchange?: string;
  symbol?: string;
  tf?: string;
  step?: string;
  lookback: number;
  emitMs?: number;
}

export type Content = "bid-ask" | "delta" | "volume" | "trades";

export interface Options extends View {
  content: Content;
  coloring: "delta" | "volume" | "imbalance";
  scale: "candle" | "visible" | number;
  ratio: number;
  minNotional: number;
  zeroOpposite: boolean;
  valueAreaRows: number;
  units: "base" | "quote";
  grouping: boolean;
  sideSwap: boolean;
  palette: string;
  valueArea: boolean;
  imbalances: boolean;
  profile: boolean;
  statistics: boolean;
  feed?: Feed;
  help: Record<string, string>;
}

/** The hovered candle and level; `level` is null where another chart leads. */
export interface Hover {
  open_ts: number;
  level: number | null;
}

export interface ValueArea {
  low: number;
  high: number;
}

export interface Statistic {
  size: number;
  text: string;
  kind: "volume" | "delta" | "sign";
}

/** Figures derived from a candle; sizes are lots times the weight of their level. */
export interface Measured {
  bid: Float64Array;
  ask: Float64Array;
  mostVolume: number;
  mostDelta: number;
  bidTotal: number;
  askTotal: number;
  texts: string[][] | null;
  flags: Uint8Array;
  valueArea: ValueArea | null;
  statistics: Statistic[];
  widest: number | null;
}

/** Places of the areas, CSS pixels. */
export interface Areas {
  width: number;
  height: number;
  plotWidth: number;
  plotHeight: number;
  profile: number;
  axisWidth: number;
  rows: number;
}

/** A visible candle and the device pixels of its column. */
export interface Column {
  candle: Candle;
  slot: number;
  left: number;
  right: number;
  body: number;
  cells: number;
  end: number;
  middle: number;
  figures: Measured;
}

/** The sizes that have the full color. */
export interface Full {
  volume: number;
  delta: number;
}

/** What a painting reads from the chart. */
export interface Source {
  series: DrawnSeries;
  figures: Figures;
  view: Viewport;
  options: Options;
  colors: Colors;
  ruler: Ruler;
  rows: Rows;
  profileOf: (candles: Candle[]) => Ladder;
  picture: Picture;
  ratio: number;
}

/** Everything that one painting needs, in device pixels. */
export interface Scene extends Source {
  width: number;
  height: number;
  plot: { width: number; height: number };
  profile: { x: number; width: number };
  axis: { x: number };
  time: { y: number; height: number };
  statistics: { y: number; rows: number; height: number };
  fontSize: number;
  columns: Column[];
  showsCells: boolean;
  /** Whether cells are too low for text and painted pixel by pixel. */
  areLow: boolean;
  /** Size of the texts in cells, 0 where none fits. */
  textSize: number;
  layout: unknown[];
  fullOf: (column: Column | null) => Full;
  px: (css: number) => number;
  top: (row: number) => number;
}
