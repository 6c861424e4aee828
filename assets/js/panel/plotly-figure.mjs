/* A Plotly chart whose figure changes each second. If only values changed, the line moves and the rest of the chart
   stays; any other figure goes to Dash's Graph, which redraws all of it. */

/** @typedef {{data: Record<string, unknown>[]}} Figure */

const VALUES = ["y", "customdata"];
const AT_ONCE = { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: false } };
/** @type {WeakMap<Element, string>} the figure without its values, by plot */
const fixedParts = new WeakMap();

/** @param {Figure} figure */
const fixedPart = (figure) =>
  JSON.stringify(figure, (name, value) => (VALUES.includes(name) ? undefined : value));

/** @param {Record<string, unknown>} trace */
function valuesOf(trace) {
  const present = VALUES.filter((name) => name in trace);
  return Object.fromEntries(present.map((name) => [name, trace[name]]));
}

/**
 * @param {Element} plot
 * @param {Figure} figure
 */
function move(plot, { data }) {
  const traces = data.map((_, index) => index);
  window.Plotly.animate(plot, { data: data.map(valuesOf), traces }, AT_ONCE);
}

/**
 * Show a figure in the Graph of an id.
 * @param {Record<string, string>} id
 * @param {Element | null} plot null if it is not drawn yet
 * @param {Figure} figure
 */
export function showFigure(id, plot, figure) {
  const fixed = fixedPart(figure);
  if (plot && fixedParts.get(plot) === fixed) {
    move(plot, figure);
    return;
  }
  const props = window.dash_component_api.getLayout(id)?.props;
  if (JSON.stringify(props.figure) !== JSON.stringify(figure))
    window.dash_clientside.set_props(id, { figure });
  if (plot) fixedParts.set(plot, fixed);
}
