/* The footprint chart's public interface; docs/footprint-chart.md describes it. */

/** @import {Options} from "./types.d.ts" */

import { Controller } from "./controller.mjs";

/**
 * Show a footprint chart in an element, which gives it its size. Figures of the returned chart are exact decimal texts.
 * Throws a RangeError for an invalid option.
 * @param {HTMLElement} element
 * @param {Partial<Options>} [options] the view as the socket takes it, or `feed`, a `Feed` to draw from instead of the
 *   socket; and those of options.mjs
 */
export function footprintChart(element, options = {}) {
  const chart = new Controller(element, options);
  return {
    /** @param {Partial<Options>} changes */
    set: (changes) => chart.set(changes),
    destroy: () => chart.destroy(),
    visible: () => chart.visible(),
    readout: () => chart.readout(),
  };
}
