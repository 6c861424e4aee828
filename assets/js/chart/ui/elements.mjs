/* The chart's elements: readout, canvases, badge, buttons, keys. */

import { createElement } from "../../dom.mjs";
import { keysOverlay } from "./keyboard.mjs";
import { Readout } from "./readout.mjs";

/** @typedef {ReturnType<typeof buildElements>} Elements */

/**
 * @param {string} className
 * @param {string} label
 * @param {string} title
 */
function createButton(className, label, title) {
  const element = createElement("button", className, { type: "button", title });
  element.textContent = label;
  return element;
}

/**
 * All elements by name; `root` holds the others.
 * @param {Record<string, string>} help addresses by the readout's names
 */
export function buildElements(help) {
  const elements = {
    root: createElement("div", "footprint-chart"),
    readout: new Readout(help),
    stage: createElement("div", "footprint-stage", {
      tabindex: "0",
      role: "group",
      "aria-label": "Footprint chart; press ? for its keys",
    }),
    cells: createElement("canvas", "footprint-cells", { role: "img" }),
    crosshair: createElement("canvas", "footprint-crosshair", { "aria-hidden": "true" }),
    badge: createElement("div", "footprint-badge", { role: "status" }),
    buttons: createElement("div", "footprint-buttons"),
    rows: createButton(
      "footprint-rows-held",
      "",
      "Rows grouped to be readable, or every level of the step (e)",
    ),
    readable: createButton(
      "footprint-readable",
      "Readable",
      "Readable rows around the last price (r), or all in sight (a)",
    ),
    follow: createButton("footprint-follow", "Follow", "Follow the last candle (f)"),
    help: createButton("footprint-help", "?", "Keys (?)"),
    keys: keysOverlay(),
  };
  elements.help.setAttribute("aria-expanded", "false");
  elements.buttons.append(elements.rows, elements.readable, elements.follow, elements.help);
  elements.stage.append(elements.cells, elements.crosshair, elements.badge, elements.keys);
  elements.root.append(elements.readout.element, elements.buttons, elements.stage);
  return elements;
}
