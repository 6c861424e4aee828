/* Grid, price axis and time axis. Times are UTC. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { grouped, text } = parts.decimal;

  const MINUTE = 60000;
  const DAY = 1440 * MINUTE;
  const PERIODS = [1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440, 2880, 10080].map((m) => m * MINUTE);
  const ROOM = { price: 24, time: 56 }; // px between two labels
  const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

  const two = (number) => String(number).padStart(2, "0");

  /* "14:05", or the day at midnight. */
  function timeLabel(ms) {
    return ms % DAY ? clock(ms) : day(ms);
  }

  function clock(ms) {
    const time = new Date(ms);
    return `${two(time.getUTCHours())}:${two(time.getUTCMinutes())}`;
  }

  function day(ms) {
    const time = new Date(ms);
    return `${time.getUTCDate()} ${MONTHS[time.getUTCMonth()]}`;
  }

  const dayClock = (ms) => `${day(ms)} ${clock(ms)}`;

  /* Rows between two labels of the price axis: 1, 2 or 5 times a power of ten. */
  function rowsBetween(rowHeight) {
    for (let power = 1; ; power *= 10) {
      const digit = [1, 2, 5].find((each) => each * power * rowHeight >= ROOM.price);
      if (digit) return digit * power;
    }
  }

  function priceRows(scene) {
    const { view } = scene;
    const every = rowsBetween(view.rowHeight);
    const rows = [];
    const lowest = view.middle - view.height / 2 / view.rowHeight;
    const highest = view.middle + view.height / 2 / view.rowHeight;
    for (let row = Math.ceil(lowest / every) * every; row <= highest; row += every) rows.push(row);
    return rows;
  }

  function labelledSlots(scene) {
    const { view, series } = scene;
    const fits = (period) => period % series.tf_ms === 0 && (period / series.tf_ms) * view.columnWidth >= ROOM.time;
    const period = PERIODS.find(fits) || PERIODS[PERIODS.length - 1];
    const every = Math.max(1, period / series.tf_ms);
    const slots = [];
    const { firstSlot, lastSlot } = view;
    for (let slot = Math.ceil(firstSlot / every) * every; slot <= lastSlot; slot += every) slots.push(slot);
    return slots;
  }

  const centre = (scene, slot) => Math.round(scene.view.x(slot + 0.5) * scene.ratio);

  function paintGrid(context, scene) {
    const { colours, plot, px, view, ratio } = scene;
    const line = Math.max(1, px(0.5));
    context.fillStyle = colours.line;
    context.globalAlpha = 0.55;
    for (const row of priceRows(scene)) context.fillRect(0, Math.round(view.y(row) * ratio), plot.width, line);
    for (const slot of labelledSlots(scene)) {
      const x = centre(scene, slot);
      if (x < plot.width) context.fillRect(x, 0, line, plot.height);
    }
    context.globalAlpha = 1;
  }

  function paintAxes(context, scene) {
    const { colours, plot, px, time, axis, series, view, ratio, fontSize: size } = scene;
    const texts = new parts.Texts();
    const line = Math.max(1, px(1));
    context.fillStyle = colours.line;
    context.fillRect(0, plot.height, scene.width, line);
    context.fillRect(axis.x, 0, line, scene.height);
    const decimals = series.decimals.price;
    const last = series.last;
    const lastY = last ? Math.round(view.y(last.close / series.step) * ratio) : -1;
    for (const row of priceRows(scene)) {
      const y = Math.round(view.y(row) * ratio);
      const isFree = Math.abs(y - lastY) >= size * 1.4 && y > size / 2 && y < plot.height - size / 2;
      if (isFree) {
        const place = axis.x + px(7);
        texts.add("400", "left", colours.muted, grouped(text(row * series.step, decimals)), place, parts.baseline(y, y, size));
      }
    }
    for (const slot of labelledSlots(scene)) {
      const x = centre(scene, slot);
      const label = timeLabel(slot * series.tf_ms);
      const half = (scene.ruler.em(label) * size) / 2;
      if (x - half < 0 || x + half > plot.width) continue;
      texts.add("400", "center", colours.muted, label, x, parts.baseline(time.y, time.y + time.height, size));
    }
    texts.add("400", "left", colours.muted, "UTC", axis.x + px(7), parts.baseline(time.y, time.y + time.height, size));
    texts.paint(context, size, colours.font);
  }

  /* The newest price as a tag on the axis and a dotted line across the plot; on the overlay, since it moves with
     every trade and crosses every cell. */
  function paintLastPrice(context, scene) {
    const { colours, px, plot, series, view, ratio } = scene;
    const { last } = series;
    const y = last ? Math.round(view.y(last.close / series.step) * ratio) : -1;
    if (y < 0 || y > plot.height) return;
    const colour = last.close >= last.open ? colours.ask : colours.bid;
    context.fillStyle = colour;
    context.globalAlpha = 0.7;
    for (let x = 0; x < scene.axis.x; x += px(5)) context.fillRect(x, y, px(2), Math.max(1, px(0.5)));
    context.globalAlpha = 1;
    tag(context, scene, grouped(text(last.close, series.decimals.price)), y, colour, colours.surface);
  }

  /* A label with a ground of its own on the price axis. */
  function tag(context, scene, label, y, ground, colour) {
    const { axis, px, fontSize: size } = scene;
    const half = Math.round(size * 0.75);
    const middle = Math.min(Math.max(y, half), scene.plot.height - half);
    context.fillStyle = ground;
    context.fillRect(axis.x + 1, middle - half, scene.width - axis.x, 2 * half);
    context.font = `600 ${size}px ${scene.colours.font}`;
    context.textAlign = "left";
    context.textBaseline = "alphabetic";
    context.fillStyle = colour;
    context.fillText(label, axis.x + px(7), parts.baseline(middle, middle, size));
  }

  Object.assign(parts, { paintGrid, paintAxes, paintLastPrice, tag, clock, day, dayClock });
})();
