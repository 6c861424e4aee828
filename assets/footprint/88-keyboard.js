/* The chart's keys, and the overlay that shows them. Plain letters alone: the browser keeps the rest. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  const PAN_PX = 80;
  const ZOOM = 1.25;

  const cycle = (chart, name, values) => {
    const place = values.indexOf(chart.options[name]);
    chart.choose({ [name]: values[(place + 1) % values.length] });
  };
  const flip = (chart, name) => chart.choose({ [name]: !chart.options[name] });

  /* [keys, how they are shown, what they do, action] */
  const KEYS = [
    [["ArrowLeft", "ArrowRight"], "← →", "Earlier, later", (chart, key) =>
      chart.view.pan(key === "ArrowLeft" ? PAN_PX : -PAN_PX, 0)],
    [["ArrowUp", "ArrowDown"], "↑ ↓", "Higher, lower prices", (chart, key) =>
      chart.view.pan(0, key === "ArrowUp" ? PAN_PX : -PAN_PX)],
    [["+", "=", "-"], "+ −", "Wider, narrower candles", (chart, key) =>
      chart.view.zoomTime(key === "-" ? 1 / ZOOM : ZOOM, chart.view.width)],
    [["]", "["], "] [", "Higher, lower rows", (chart, key) =>
      chart.view.zoomPrice(key === "]" ? ZOOM : 1 / ZOOM, chart.view.height / 2)],
    [["f", "End"], "f  End", "Follow the last candle, fit the price", (chart) => chart.followLast()],
    [["Home"], "Home", "First candle", (chart) => chart.view.showFirst(chart.series)],
    [["a"], "a", "Fit the price to what is in sight", (chart) => chart.view.fit()],
    [["e"], "e", "Rows grouped so that they can be read, or every level", (chart) => flip(chart, "grouping")],
    [["r"], "r", "Readable rows around the last price, or fitted", (chart) => chart.view.toggleReadable()],
    [["h", "l"], "h l", "Crosshair one candle back, on", (chart, key) =>
      chart.moveHover(key === "h" ? -1 : 1, 0)],
    [["k", "j"], "k j", "Crosshair one row up, down", (chart, key) =>
      chart.moveHover(0, key === "k" ? 1 : -1)],
    [["c"], "c", "Content: bid × ask, delta, volume, trades", (chart) => cycle(chart, "content", parts.CONTENTS)],
    [["g"], "g", "Colouring: delta, volume, imbalance", (chart) => cycle(chart, "colouring", parts.COLOURINGS)],
    [["s"], "s", "Colours scaled to the candle or to all in sight", (chart) =>
      cycle(chart, "scale", ["candle", "visible"])],
    [["u"], "u", "Units: base or quote currency", (chart) => cycle(chart, "units", ["base", "quote"])],
    [["w"], "w", "Value area by two rows or one", (chart) => cycle(chart, "valueAreaRows", [2, 1])],
    [["v"], "v", "Value area shown", (chart) => flip(chart, "valueArea")],
    [["i"], "i", "Imbalances shown", (chart) => flip(chart, "imbalances")],
    [["z"], "z", "Imbalances against an empty side", (chart) => flip(chart, "zeroOpposite")],
    [["p"], "p", "Volume profile shown", (chart) => flip(chart, "profile")],
    [["x"], "x", "Sides swapped", (chart) => flip(chart, "sideSwap")],
    [["b"], "b", "Colours: red and green, or blue and orange", (chart) =>
      cycle(chart, "palette", parts.PALETTE_NAMES)],
    [["?"], "?", "These keys", (chart) => chart.toggleKeys()],
  ];

  const MOUSE = [
    ["Wheel", "Zoom time"],
    ["Ctrl or shift + wheel", "Zoom price"],
    ["Drag", "Move in time and price"],
    ["Double click", "Follow the last candle"],
    ["One finger, two", "Move, zoom"],
  ];

  const READING = [
    ["Frame", "POC: the level with the most volume"],
    ["Grey ground", "Value area, 70 % of the volume"],
    ["Bar at a cell's edge", "Diagonal imbalance; thick: stacked, 3 or more"],
    ["Hatched", "Trades are missing"],
    ["Dashed edge", "The feed began inside the candle"],
  ];

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

  function keysOverlay() {
    const overlay = document.createElement("div");
    overlay.className = "footprint-keys";
    overlay.hidden = true;
    overlay.setAttribute("role", "dialog");
    overlay.setAttribute("aria-label", "Keys of the footprint chart");
    overlay.append(
      ...list("Keys", KEYS.map(([, shown, meaning]) => [shown, meaning])),
      ...list("Mouse and touch", MOUSE),
      ...list("How to read it", READING)
    );
    return overlay;
  }

  /* Act on a key pressed in the chart. True where it meant something here. */
  function pressed(chart, event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return false;
    if (event.key === "Escape" && chart.keysShown) {
      chart.toggleKeys();
      return true;
    }
    const found = KEYS.find(([keys]) => keys.includes(event.key));
    if (!found) return false;
    found[3](chart, event.key);
    chart.invalidate();
    return true;
  }

  Object.assign(parts, { keysOverlay, pressed });
})();
