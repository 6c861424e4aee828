/* Where everything of one painting stands, in device pixels. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  const FONT = 11;
  const SMALL = { width: 620, height: 330 }; // below, the profile or the statistics make room
  const PROFILE = { share: 0.11, least: 56, most: 120 };
  const TIME_HEIGHT = 20;
  const STATISTIC_HEIGHT = 15;
  const BODY = [
    [40, 7],
    [20, 5],
    [9, 2],
  ]; // width of a candle's body by the least width of its column
  const CELLS_FROM = 5; // narrower columns are candles alone

  /* Places of the areas in CSS pixels, and the size of the plot. */
  function areas(width, height, axisWidth, options) {
    const rows = options.statistics && height >= SMALL.height ? parts.statisticNames(options.units).length + 1 : 0;
    const profile =
      options.profile && width >= SMALL.width
        ? Math.min(Math.max(width * PROFILE.share, PROFILE.least), PROFILE.most)
        : 0;
    const plotWidth = Math.max(width - axisWidth - profile, 40);
    const plotHeight = Math.max(height - TIME_HEIGHT - rows * STATISTIC_HEIGHT, 40);
    return { width, height, plotWidth, plotHeight, profile, axisWidth, rows };
  }

  /* One visible candle with the pixels of its column. */
  function column(scene, candle) {
    const { view, ratio, series } = scene;
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
      figures: scene.figures.of(candle),
    };
  }

  /* Everything a painting needs. `view` must have been arranged to the plot's size. */
  function sceneOf({ series, figures, view, options, colours, ruler, ratio, place }) {
    const px = (css) => Math.round(css * ratio);
    const scene = { series, figures, view, options, colours, ruler, ratio, px };
    scene.width = px(place.width);
    scene.height = px(place.height);
    scene.plot = { width: px(place.plotWidth), height: px(place.plotHeight) };
    scene.profile = { x: scene.plot.width, width: px(place.profile) };
    scene.axis = { x: scene.plot.width + scene.profile.width };
    scene.time = { y: scene.plot.height, height: px(TIME_HEIGHT) };
    scene.statistics = {
      y: scene.time.y + scene.time.height,
      rows: place.rows,
      height: STATISTIC_HEIGHT * ratio,
    };
    scene.fontSize = px(FONT);
    const candles = series.tf_ms ? series.between(view.firstSlot, view.lastSlot) : [];
    scene.columns = candles.map((candle) => column(scene, candle));
    scene.showsCells = view.columnWidth >= CELLS_FROM;
    /* Top and bottom of a row. */
    scene.top = (row) => Math.round(view.y(row + 0.5) * ratio);
    return scene;
  }

  Object.assign(parts, { areas, sceneOf, FONT });
})();
