/* The chart's elements: readout, canvases, badge, buttons, keys. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  function made(tag, className, attributes) {
    const element = document.createElement(tag);
    element.className = className;
    for (const [name, value] of Object.entries(attributes || {})) element.setAttribute(name, value);
    return element;
  }

  function button(className, label, title) {
    const element = made("button", className, { type: "button", title });
    element.textContent = label;
    return element;
  }

  /* Set a property that differs: setting the same again would still cost the page its style. */
  function put(target, name, value) {
    if (target[name] !== value) target[name] = value;
  }

  /* All elements by name, of which `root` holds the others; `help` has addresses by the readout's names. */
  function buildStage(help) {
    const stage = {
      root: made("div", "footprint-chart"),
      readout: new parts.Readout(help),
      stage: made("div", "footprint-stage", {
        tabindex: "0",
        role: "group",
        "aria-label": "Footprint chart; press ? for its keys",
      }),
      cells: made("canvas", "footprint-cells", { role: "img" }),
      crosshair: made("canvas", "footprint-crosshair", { "aria-hidden": "true" }),
      badge: made("div", "footprint-badge", { role: "status" }),
      buttons: made("div", "footprint-buttons"),
      rows: button("footprint-rows-held", "", "Rows grouped so that they can be read, or every level of the step (e)"),
      readable: button("footprint-readable", "Readable", "Readable rows around the last price (r), or all in sight (a)"),
      follow: button("footprint-follow", "Follow", "Follow the last candle (f)"),
      help: button("footprint-help", "?", "Keys (?)"),
      keys: parts.keysOverlay(),
    };
    stage.help.setAttribute("aria-expanded", "false");
    stage.buttons.append(stage.rows, stage.readable, stage.follow, stage.help);
    stage.stage.append(stage.cells, stage.crosshair, stage.badge, stage.keys);
    stage.root.append(stage.readout.element, stage.buttons, stage.stage);
    return stage;
  }

  Object.assign(parts, { buildStage, put });
})();
