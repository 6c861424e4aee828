/* Cells too low for texts, drawn pixel by pixel into a picture that is laid over the ground in one go: tens of
   thousands of cells cost milliseconds so, where as many rectangles would cost frames. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { BUY, SELL, STACKED_BUY, STACKED_SELL } = parts.measures;
  const { shadeOf, SHADES } = parts;

  const LOW = 9; // device pixels a row, below which cells are drawn so
  const APART = 5; // from here on a line between two cells stays free
  const FLAGGED = Math.round(SHADES * 0.45); // shade of a cell's imbalanced side
  const STACKED = SHADES - 1;
  const FULL = SHADES; // the full colour, after the shades

  /* Levels [from, to) of a candle that are in sight. */
  function inSight({ view, series }, { p }) {
    const half = view.height / 2 / view.rowHeight + 1;
    const highest = (view.middle + half) * series.step;
    const lowest = (view.middle - half) * series.step;
    let from = 0;
    let to = p.length;
    while (from < to && p[from] > highest) from++;
    while (to > from && p[to - 1] < lowest) to--;
    return [from, to];
  }

  /* Width of the bar at the edge of an imbalanced cell; a stacked one has twice as much. */
  function barWidth(scene, { cells, end }) {
    return Math.max(1, Math.min(scene.px(2), Math.round((end - cells) / 8)));
  }

  /* The picture, as large as the plot, kept between paintings. */
  class Picture {
    constructor() {
      this.canvas = document.createElement("canvas");
      this._context = this.canvas.getContext("2d", { willReadFrequently: true });
      this._width = 0;
      this._height = 0;
    }

    clear(width, height) {
      if (width === this._width && height === this._height) {
        this._pixels.fill(0);
        return;
      }
      [this._width, this._height] = [width, height];
      [this.canvas.width, this.canvas.height] = [width, height];
      this._data = new ImageData(width, height);
      this._pixels = new Uint32Array(this._data.data.buffer);
    }

    /* One colour in the pixels [left, right) x [top, bottom); what is outside is cut. */
    set(colour, left, right, top, bottom) {
      const from = Math.max(left, 0);
      const to = Math.min(right, this._width);
      const end = Math.min(bottom, this._height);
      for (let y = Math.max(top, 0); y < end; y++) {
        const row = y * this._width;
        for (let x = row + from; x < row + to; x++) this._pixels[x] = colour;
      }
    }

    finish() {
      this._context.putImageData(this._data, 0, 0);
      return this.canvas;
    }
  }

  /* Colour of a level by its delta or volume, as a pixel; 0 for none. */
  function pixelOf({ options, colours }, { bid, ask }, index, most) {
    if (options.colouring === "volume") return colours.volumePixels[shadeOf((ask[index] + bid[index]) / most.volume)];
    const delta = ask[index] - bid[index];
    const ramp = delta > 0 ? colours.askPixels : colours.bidPixels;
    return delta ? ramp[shadeOf(Math.abs(delta) / most.delta)] : 0;
  }

  /* The imbalanced side of a level: half of the cell where that is the colouring, and the bar at its edge. */
  function setSide(scene, column, picture, ramp, isLeft, isStacked, top, bottom) {
    const { cells, middle, end } = column;
    if (scene.options.colouring === "imbalance") {
      const shade = ramp[isStacked ? STACKED : FLAGGED];
      picture.set(shade, isLeft ? cells : middle, isLeft ? middle : end, top, bottom);
    }
    if (!scene.options.imbalances) return;
    const bar = barWidth(scene, column) * (isStacked ? 2 : 1);
    picture.set(ramp[FULL], isLeft ? cells : end - bar, isLeft ? cells + bar : end, top, bottom);
  }

  function setColumn(scene, column, most, picture) {
    const { options, colours, series } = scene;
    const { levels } = column.candle;
    const { flags } = column.figures;
    const byLevel = options.colouring !== "imbalance";
    const air = scene.view.rowHeight * scene.ratio >= APART ? 1 : 0;
    const [from, to] = inSight(scene, levels);
    for (let index = from; index < to; index++) {
      const row = levels.p[index] / series.step;
      const top = scene.top(row);
      const bottom = Math.max(top + 1, scene.top(row - 1));
      if (byLevel) {
        picture.set(pixelOf(scene, column.figures, index, most), column.cells, column.end, top, bottom - air);
      }
      const flag = flags[index];
      if (flag & BUY) {
        setSide(scene, column, picture, colours.askPixels, options.sideSwap, flag & STACKED_BUY, top, bottom);
      }
      if (flag & SELL) {
        setSide(scene, column, picture, colours.bidPixels, !options.sideSwap, flag & STACKED_SELL, top, bottom);
      }
    }
  }

  /* Paint all cells in sight; `fullOf` tells what is full colour in a column. */
  function paintLowCells(context, scene, fullOf) {
    const { picture, plot } = scene;
    picture.clear(plot.width, plot.height);
    for (const column of scene.columns) setColumn(scene, column, fullOf(column), picture);
    context.drawImage(picture.finish(), 0, 0);
  }

  Object.assign(parts, { inSight, barWidth, Picture, paintLowCells, LOW, FLAGGED, STACKED });
})();
