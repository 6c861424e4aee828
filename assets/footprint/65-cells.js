/* The plot: grid, gaps, cells with their texts, value areas, POC, imbalances, candle bodies. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { BUY, SELL, STACKED_BUY, STACKED_SELL } = parts.measures;
  const { shadeOf, FLAGGED, STACKED } = parts;

  const FONTS = [12, 11, 10, 9, 8]; // px, the largest that fits is taken
  const LEADING = 1; // px of a row that its text leaves free
  const PAD = 3; // px beside a text

  /* The size that is full colour, for volumes and for deltas, in each candle. */
  function fullColour(scene) {
    const { scale } = scene.options;
    if (typeof scale === "number") {
      const { price, quantity } = scene.series.decimals;
      const notional = scale * 10 ** (price + quantity); // units of price x lots
      return ({ candle }) => {
        const size = scene.figures.units.inQuote ? notional : notional / candle.close;
        return { volume: size, delta: size };
      };
    }
    if (scale === "candle") return ({ figures }) => ({ volume: figures.mostVolume, delta: figures.mostDelta });
    const most = { volume: 0, delta: 0 };
    for (const { figures } of scene.columns) {
      most.volume = Math.max(most.volume, figures.mostVolume);
      most.delta = Math.max(most.delta, figures.mostDelta);
    }
    return () => most;
  }

  /* Cells of one column. */
  function addCells(scene, column, most, boxes) {
    const { options, colours, series } = scene;
    const { levels } = column.candle;
    const { bid, ask, flags } = column.figures;
    const width = column.end - column.cells;
    const [from, to] = parts.inSight(scene, levels);
    for (let index = from; index < to; index++) {
      const row = levels.p[index] / series.step;
      const y = scene.top(row);
      const height = Math.max(1, scene.top(row - 1) - y - 1);
      if (options.colouring === "delta") {
        const delta = ask[index] - bid[index];
        if (delta) {
          const ramp = delta > 0 ? colours.askRamp : colours.bidRamp;
          boxes.add(ramp[shadeOf(Math.abs(delta) / most.delta)], column.cells, y, width, height);
        }
      } else if (options.colouring === "volume") {
        const shade = shadeOf((ask[index] + bid[index]) / most.volume);
        boxes.add(colours.volumeRamp[shade], column.cells, y, width, height);
      } else addImbalanceHalves(column, flags[index], colours, options.sideSwap, y, height, boxes);
    }
  }

  /* The side of a cell that is imbalanced; with no room for two sides, all of it. */
  function addImbalanceHalves(column, flags, colours, askLeft, y, height, boxes) {
    if (!flags) return;
    const left = [column.cells, column.middle - column.cells];
    const right = [column.middle, column.end - column.middle];
    const [bidHalf, askHalf] = askLeft ? [right, left] : [left, right];
    if (flags & BUY) {
      boxes.add(colours.askRamp[flags & STACKED_BUY ? STACKED : FLAGGED], askHalf[0], y, askHalf[1], height);
    }
    if (flags & SELL) {
      boxes.add(colours.bidRamp[flags & STACKED_SELL ? STACKED : FLAGGED], bidHalf[0], y, bidHalf[1], height);
    }
  }

  /* Bars at the outer edge of imbalanced cells, on the side that won; thicker where they are stacked. */
  function addImbalanceBars(scene, column, boxes) {
    const { colours, series, options } = scene;
    const { levels } = column.candle;
    const { flags } = column.figures;
    const thin = parts.barWidth(scene, column);
    const [from, to] = parts.inSight(scene, levels);
    for (let index = from; index < to; index++) {
      if (!flags[index]) continue;
      const row = levels.p[index] / series.step;
      const y = scene.top(row);
      const height = Math.max(1, scene.top(row - 1) - y);
      for (const [side, stacked, colour, atRight] of [
        [BUY, STACKED_BUY, colours.ask, !options.sideSwap],
        [SELL, STACKED_SELL, colours.bid, options.sideSwap],
      ]) {
        if (!(flags[index] & side)) continue;
        const wide = flags[index] & stacked ? 2 * thin : thin;
        boxes.add(colour, atRight ? column.end - wide : column.cells, y, wide, height);
      }
    }
  }

  /* The largest font whose texts fit all cells, in px; 0 where none does. */
  function fittingFont(scene) {
    const { view, options, ruler } = scene;
    const highest = view.rowHeight - LEADING;
    if (!scene.showsCells || !scene.columns.length || highest < FONTS[FONTS.length - 1]) return 0;
    const narrowest = Math.min(...scene.columns.map(({ cells, end }) => end - cells)) / scene.ratio;
    const sides = options.content === "bid-ask" ? 2 : 1;
    const room = narrowest / sides - PAD - (sides === 1 ? PAD : 2) - 2;
    let widest = 0;
    for (const { candle, figures } of scene.columns) {
      if (!figures.widest) {
        for (const row of scene.figures.texts(candle)) {
          for (const text of row) figures.widest = Math.max(figures.widest || 0, ruler.em(text));
        }
      }
      widest = Math.max(widest, figures.widest || 0);
    }
    return FONTS.find((size) => size <= highest && size * widest <= room) || 0;
  }

  /* Figures of one column, and between bid and ask the line that they stand against. */
  function addTexts(scene, column, size, texts, marks) {
    const { colours, px, series, options } = scene;
    const { candle, figures } = column;
    const rows = scene.figures.texts(candle);
    const askFirst = options.sideSwap;
    const [from, to] = parts.inSight(scene, candle.levels);
    if (options.content === "bid-ask" && from < to) {
      const top = scene.top(candle.levels.p[from] / series.step);
      const bottom = scene.top(candle.levels.p[to - 1] / series.step - 1);
      marks.add(colours.divider, column.middle, top, Math.max(1, px(0.75)), bottom - top);
    }
    for (let index = from; index < to; index++) {
      const row = candle.levels.p[index] / series.step;
      const y = parts.baseline(scene.top(row), scene.top(row - 1), size);
      const flags = figures.flags[index];
      if (rows[index].length === 1) {
        const [text] = rows[index];
        texts.add("400", "center", colours.text, text, column.middle, y);
        continue;
      }
      for (let side = 0; side < 2; side++) {
        const text = rows[index][side];
        const isAsk = (side === 1) !== askFirst;
        const wins = flags & (isAsk ? BUY : SELL);
        const x = side ? column.middle + px(PAD) : column.middle - px(PAD);
        texts.add(wins ? "650" : "400", side ? "left" : "right", colours.text, text, x, y);
      }
    }
  }

  /* Ground of the value area and the line beside it. */
  function addValueArea(scene, column, boxes) {
    const { valueArea } = column.figures;
    if (!scene.options.valueArea || !valueArea) return;
    const { series, colours, px } = scene;
    const top = scene.top(valueArea.high / series.step);
    const bottom = scene.top(valueArea.low / series.step - 1);
    boxes.add(colours.valueArea, column.cells, top, column.end - column.cells, bottom - top);
    const line = Math.max(1, px(1));
    boxes.add(colours.faint, column.cells - line, top, line, bottom - top);
  }

  function paintPoc(context, scene, column) {
    const { candle, cells, end } = column;
    if (!candle.levels.p.length) return;
    const { series, colours, px, view } = scene;
    const row = candle.poc / series.step;
    const top = scene.top(row);
    const height = Math.max(1, scene.top(row - 1) - top);
    const line = view.rowHeight >= 8 ? Math.max(1, Math.round(1.5 * scene.ratio)) : Math.max(1, px(1));
    context.lineWidth = line;
    context.strokeStyle = colours.text;
    if (height > 3 * line && end - cells > 4 * line) {
      context.strokeRect(cells + line / 2, top + line / 2, end - cells - line, height - line);
    } else {
      context.fillStyle = colours.text;
      context.fillRect(cells, top + Math.floor((height - line) / 2), end - cells, line);
    }
  }

  /* Body and wick; a candle of one price is a dash. */
  function addBody(scene, column, boxes) {
    const { candle, left, body } = column;
    if (!body) return;
    const { series, colours, view, ratio, px } = scene;
    const y = (price) => Math.round(view.y(price / series.step) * ratio);
    const colour = candle.close > candle.open ? colours.ask : candle.close < candle.open ? colours.bid : colours.muted;
    const wick = Math.max(1, Math.min(px(1), body));
    const middle = left + Math.floor((body - wick) / 2);
    const high = y(candle.high);
    boxes.add(colour, middle, high, wick, Math.max(1, y(candle.low) - high));
    const top = y(Math.max(candle.open, candle.close));
    const bottom = y(Math.min(candle.open, candle.close));
    boxes.add(colour, left, top, body, Math.max(px(1), bottom - top));
  }

  /* Grounds of what is not whole: hatched where trades are missing, with the time between neighbouring gaps in
     which nothing came at all; a dashed edge where the feed began inside. */
  function paintQuality(context, scene, columns) {
    const { colours, px, view, ratio } = scene;
    const height = scene.plot.height;
    columns.forEach((column, index) => {
      const { candle } = column;
      if (candle.quality === "gap") {
        const before = columns[index - 1];
        const joined = before && before.candle.quality === "gap" ? before.right : column.left;
        context.fillStyle = colours.warnTint;
        context.fillRect(joined, 0, column.right - joined, height);
        parts.hatch(context, colours.warnHatch, joined, 0, column.right - joined, height, px(8), Math.max(1, ratio));
      } else if (candle.quality === "partial") {
        context.fillStyle = colours.muted;
        const dash = px(4);
        const x = Math.round(view.x(column.slot) * ratio);
        for (let y = 0; y < height; y += 2 * dash) context.fillRect(x, y, Math.max(1, px(1)), dash);
      }
    });
  }

  /* What holds for all cells of a scene: size of the texts in device pixels, 0 where they do not fit, and what
     is full colour. */
  function prepareCells(scene) {
    scene.textSize = Math.round(fittingFont(scene) * scene.ratio);
    scene.areLow = scene.showsCells && scene.view.rowHeight * scene.ratio < parts.LOW;
    scene.fullOf = fullColour(scene);
  }

  function paintColumns(context, scene, columns) {
    paintQuality(context, scene, columns);
    const grounds = new parts.Boxes();
    const marks = new parts.Boxes();
    const texts = new parts.Texts();
    for (const column of columns) {
      if (scene.showsCells) addValueArea(scene, column, grounds);
      if (scene.showsCells && !scene.areLow) {
        addCells(scene, column, scene.fullOf(column), grounds);
        if (scene.options.imbalances) addImbalanceBars(scene, column, marks);
        if (scene.textSize) addTexts(scene, column, scene.textSize, texts, marks);
      }
      addBody(scene, column, marks);
    }
    grounds.paint(context);
    if (scene.areLow) parts.paintLowCells(context, scene, scene.fullOf);
    marks.paint(context);
    texts.paint(context, scene.textSize, scene.colours.font);
    if (scene.showsCells) columns.forEach((column) => paintPoc(context, scene, column));
  }

  /* The columns that differ between two paintings of the same layout; null where more than candles changed. */
  function changedColumns(before, scene) {
    if (!before || scene.areLow || before.layout.some((value, index) => value !== scene.layout[index])) return null;
    if (before.columns.length !== scene.columns.length) return null;
    const changed = scene.columns.filter(({ candle }, index) => candle !== before.columns[index].candle);
    const inPlace = scene.columns.every(({ slot }, index) => slot === before.columns[index].slot);
    const isGap = ({ candle }) => candle.quality === "gap"; // its ground may reach its neighbour's
    return inPlace && !scene.columns.some(isGap) && !before.columns.some(isGap) ? changed : null;
  }

  function paintArea(context, scene, left, right, columns) {
    context.save();
    context.beginPath();
    context.rect(left, 0, right - left, scene.plot.height);
    context.clip();
    context.clearRect(left, 0, right - left, scene.plot.height);
    parts.paintGrid(context, scene);
    paintColumns(context, scene, columns);
    context.restore();
  }

  /* Paint the plot, or of it the columns alone that changed since the scene `before`. Returns how many. */
  function paintPlot(context, scene, before) {
    prepareCells(scene);
    const { view, options, colours, figures, plot, textSize, width, height } = scene;
    const most = options.scale === "visible" ? scene.fullOf(null) : null;
    scene.layout = [
      ...[view.right, view.middle, view.columnWidth, view.rowHeight, width, height, plot.width, plot.height],
      ...[options, colours, figures, textSize, most && most.volume, most && most.delta],
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

  parts.paintPlot = paintPlot;
})();
