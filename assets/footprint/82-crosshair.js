/* The overlay: the last price and the crosshair, on a canvas of its own: what is hovered never repaints the cells. The panel's other charts follow
   it, and lead it, by the event `orderflow:crosshair` on the panel: detail {open_ts: number | null, source}. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;
  const { grouped, text } = parts.decimal;
  const EVENT = "orderflow:crosshair";

  /* Paint the crosshair of `hover` {open_ts, level}; level is null where another chart leads. */
  function paintCrosshair(context, scene, hover) {
    context.clearRect(0, 0, scene.width, scene.height);
    parts.paintLastPrice(context, scene);
    if (!hover || !scene.series.tf_ms) return;
    const { view, ratio, colours, plot, px, series } = scene;
    const slot = series.slot(hover.open_ts);
    const left = Math.round(view.x(slot) * ratio);
    const right = Math.min(Math.round(view.x(slot + 1) * ratio), plot.width);
    if (right <= 0 || left >= plot.width) return;
    context.fillStyle = colours.column;
    context.fillRect(left, 0, right - left, scene.height);
    if (hover.level !== null) paintLevel(context, scene, hover.level, left, right);
    paintTime(context, scene, slot * series.tf_ms, Math.round((left + right) / 2), px);
  }

  /* A line at the level, and a frame around the row that holds it. */
  function paintLevel(context, scene, level, left, right) {
    const { view, ratio, colours, plot, px, series, rows } = scene;
    const y = Math.round(view.y(level / rows.count) * ratio);
    if (y < 0 || y > plot.height) return;
    context.fillStyle = colours.faint;
    const dash = px(3); // dashed, so that the figures it crosses stay readable
    for (let x = 0; x < scene.axis.x; x += 2 * dash) {
      if (x < left || x >= right) context.fillRect(x, y, dash, 1);
    }
    const { low, high } = rows.span(level);
    const row = (low + high) / 2 / rows.count;
    const top = scene.top(row);
    context.strokeStyle = colours.accent;
    context.lineWidth = 1;
    const height = Math.max(2, scene.top(row - 1) - top);
    context.strokeRect(left + 0.5, top + 0.5, right - left - 1, height - 1);
    const label = grouped(text(level * rows.step, series.decimals.price));
    const reach = Math.round(scene.fontSize * 1.4); // or half of an axis label would look out from under the tag
    context.fillStyle = colours.surface;
    context.fillRect(scene.axis.x + 1, Math.max(0, y - reach), scene.width - scene.axis.x, 2 * reach);
    parts.tag(context, scene, label, y, colours.text, colours.surface);
  }

  function paintTime(context, scene, time, x, px) {
    const { colours, plot, fontSize: size } = scene;
    const label = parts.clock(time);
    const half = Math.round((scene.ruler.em(label) * size) / 2) + px(5);
    const middle = Math.min(Math.max(x, half), plot.width - half);
    context.fillStyle = colours.text;
    context.fillRect(middle - half, scene.time.y + px(2), 2 * half, scene.time.height - px(4));
    context.font = `600 ${size}px ${colours.font}`;
    context.textAlign = "center";
    context.textBaseline = "alphabetic";
    context.fillStyle = colours.surface;
    context.fillText(label, middle, parts.baseline(scene.time.y, scene.time.y + scene.time.height, size));
  }

  /* Tell the panel which candle is hovered here, and hear which is hovered elsewhere. */
  class SharedCrosshair {
    constructor(panel, onOther) {
      this._panel = panel;
      this._told = null;
      this._listen = ({ detail }) => {
        if (detail && detail.source !== this) onOther(detail.open_ts ?? null);
      };
      panel.addEventListener(EVENT, this._listen);
    }

    tell(openTs) {
      if (openTs === this._told) return;
      this._told = openTs;
      this._panel.dispatchEvent(new CustomEvent(EVENT, { detail: { open_ts: openTs, source: this } }));
    }

    close() {
      this.tell(null);
      this._panel.removeEventListener(EVENT, this._listen);
    }
  }

  Object.assign(parts, { paintCrosshair, SharedCrosshair });
})();
