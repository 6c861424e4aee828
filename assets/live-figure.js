/* A Plotly chart whose figure changes each second. If only values changed, the line moves to them and the rest of the
   chart stays; any other figure goes to Dash's Graph, which redraws all of it. */
(function () {
  "use strict";

  const VALUES = ["y", "customdata"];
  const AT_ONCE = { mode: "immediate", transition: { duration: 0 }, frame: { duration: 0, redraw: false } };
  const frames = new WeakMap(); // plot: its figure without the values, as text

  const frameOf = (figure) => JSON.stringify(figure, (name, value) => (VALUES.includes(name) ? undefined : value));

  function valuesOf(trace) {
    const present = VALUES.filter((name) => name in trace);
    return Object.fromEntries(present.map((name) => [name, trace[name]]));
  }

  function move(plot, { data }) {
    const traces = data.map((_, index) => index);
    window.Plotly.animate(plot, { data: data.map(valuesOf), traces }, AT_ONCE);
  }

  /* Show a figure in the Graph of an id (an object), whose plot is `plot`, or null where it is not drawn yet. */
  function show(id, plot, figure) {
    const frame = frameOf(figure);
    if (plot && frames.get(plot) === frame) {
      move(plot, figure);
      return;
    }
    const { props } = window.dash_component_api.getLayout(id);
    if (JSON.stringify(props.figure) !== JSON.stringify(figure)) window.dash_clientside.set_props(id, { figure });
    if (plot) frames.set(plot, frame);
  }

  window.orderflow = Object.assign(window.orderflow || {}, { liveFigure: { show } });
})();
