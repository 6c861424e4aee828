/* The volume profile of the candles in sight, between the plot and the price axis. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  const FILL = 0.94; // of the lane's width

  function paintProfile(context, scene) {
    const { profile: lane, columns, colours, series, px, plot } = scene;
    if (!lane.width) return;
    context.fillStyle = colours.line;
    context.fillRect(lane.x, 0, Math.max(1, px(1)), plot.height);
    const levels = scene.profileOf(columns.map(({ candle }) => candle));
    if (!levels.p.length) return;
    const { units } = scene.figures;
    const size = (index) => (levels.bid[index] + levels.ask[index]) * units.weight(levels.p[index]);
    let most = 0;
    for (let index = 0; index < levels.p.length; index++) most = Math.max(most, size(index));
    const poc = parts.measures.pointOfControl(levels);
    const area = parts.measures.valueArea(levels, series.step, scene.options.valueAreaRows);
    const boxes = new parts.Boxes();
    const right = lane.x + lane.width;
    const widest = (lane.width - px(2)) * FILL;
    const air = scene.view.rowHeight * scene.ratio >= 4 ? 1 : 0;
    for (let index = 0; index < levels.p.length; index++) {
      const row = levels.p[index] / series.step;
      const y = scene.top(row);
      const height = Math.max(1, scene.top(row - 1) - y - air);
      if (y > plot.height || y + height < 0) continue;
      const share = widest / most;
      const wide = Math.round(size(index) * share);
      const askWide = Math.round(levels.ask[index] * units.weight(levels.p[index]) * share);
      const inside = levels.p[index] <= area.high && levels.p[index] >= area.low;
      const shade = inside ? 12 : 5;
      boxes.add(colours.askRamp[shade], right - askWide, y, askWide, height);
      boxes.add(colours.bidRamp[shade], right - wide, y, wide - askWide, height);
      if (index === poc) {
        boxes.add(colours.text, right - wide - px(3), y, px(2), height);
      }
    }
    context.save();
    context.beginPath();
    context.rect(lane.x, 0, lane.width, plot.height);
    context.clip();
    boxes.paint(context);
    context.restore();
  }

  /* The profile of candles, kept as long as they are the same ones. */
  function rememberProfile() {
    let known = [];
    let levels = null;
    return (candles) => {
      const same = levels && known.length === candles.length && known.every((each, at) => each === candles[at]);
      if (!same) {
        known = candles;
        levels = parts.measures.profile(candles);
      }
      return levels;
    };
  }

  Object.assign(parts, { paintProfile, rememberProfile });
})();
