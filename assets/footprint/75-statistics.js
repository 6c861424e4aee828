/* Rows of figures below the candles: quality, volume, delta, delta %, trades; in base units also min and max delta and
   CVD. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { shadeOf } = parts;

  const QUALITY_MARKS = { complete: "", partial: "◐", gap: "⚠\ufe0e", repaired: "↻" };
  const VERIFIED_MARKS = { true: "✓", false: "≠", null: "" };
  const WEAK = 0.75; // of full colour: these rows must not outshine the cells

  /* The largest size of each row among the candles in sight. */
  function strongest(scene, names) {
    return names.map((_, index) =>
      scene.columns.reduce((most, { figures }) => Math.max(most, Math.abs(figures.statistics[index].size)), 0)
    );
  }

  function rampOf(colours, { kind, size }) {
    if (kind === "volume") return colours.volumeRamp;
    return size > 0 ? colours.askRamp : colours.bidRamp;
  }

  function markColour(colours, { quality, verified }) {
    if (quality === "gap" || verified === false) return colours.warn;
    return colours.muted;
  }

  function paintStatistics(context, scene) {
    const { statistics, colours, fontSize: size, px } = scene;
    if (!statistics.rows) return;
    const boxes = new parts.Boxes();
    const texts = new parts.Texts();
    const top = (row) => Math.round(statistics.y + row * statistics.height);
    const place = (row) => parts.baseline(top(row), top(row + 1), size);
    const names = parts.statisticNames(scene.options.units);
    const most = strongest(scene, names);
    const width = scene.columns.length ? Math.min(...scene.columns.map(({ left, right }) => right - left)) : 0;
    const widest = (row) =>
      scene.columns.reduce((em, { figures }) => Math.max(em, scene.ruler.em(figures.statistics[row].text)), 0);
    const fits = names.map((_, row) => widest(row) * size + px(4) <= width);
    context.save();
    context.beginPath();
    context.rect(0, statistics.y, scene.plot.width, scene.height);
    context.clip();
    for (const { candle, figures, left, right } of scene.columns) {
      const middle = Math.round((left + right) / 2);
      const mark = QUALITY_MARKS[candle.quality] + VERIFIED_MARKS[candle.verified];
      if (mark && scene.ruler.em(mark) * size < width) texts.add("400", "center", markColour(colours, candle), mark, middle, place(0));
      figures.statistics.forEach((figure, index) => {
        const y = top(index + 1);
        const height = top(index + 2) - y - 1;
        // What lacks trades has no colour: it must not be compared with what is whole.
        const isSure = candle.quality === "complete" || candle.quality === "repaired";
        if (figure.size && isSure) {
          const shade = shadeOf((Math.abs(figure.size) / most[index]) * WEAK);
          boxes.add(rampOf(colours, figure)[shade], left, y, right - left - 1, height);
        }
        if (!fits[index]) return;
        const colour = figure.size && isSure ? colours.text : colours.muted;
        texts.add("400", "center", colour, figure.text, middle, place(index + 1));
      });
    }
    boxes.paint(context);
    texts.paint(context, size, colours.font);
    context.restore();
    paintLabels(context, scene, place, ["Quality", ...names]);
  }

  function paintLabels(context, scene, place, names) {
    const { statistics, colours, axis, px, fontSize: size } = scene;
    context.fillStyle = colours.line;
    context.fillRect(0, Math.round(statistics.y), scene.width, Math.max(1, px(1)));
    const labels = new parts.Texts();
    names.forEach((label, row) => labels.add("400", "left", colours.muted, label, axis.x + px(7), place(row)));
    labels.paint(context, size, colours.font);
  }

  Object.assign(parts, { paintStatistics, STATISTIC_LABELS: ["Quality", ...parts.STATISTICS] });
})();
