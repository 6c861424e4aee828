/* The day of a symbol as a line, and which rows are in view: the server asks the venues for those alone. */
(function () {
  "use strict";

  const WIDTH = 72;
  const HEIGHT = 18;
  const REST_MS = 250; // a table that scrolls has no rows in view yet

  let grid = null;
  let due = 0;

  function tellInView() {
    due = 0;
    const column = grid.getColumn("day");
    const nodes = column && column.isVisible() && !document.hidden ? grid.getRenderedNodes() : [];
    const ids = nodes.map((node) => node.id).sort();
    window.dash_clientside.set_props("rows-in-view", { data: ids });
  }

  function soon() {
    window.clearTimeout(due);
    due = window.setTimeout(tellInView, REST_MS);
  }

  /* The line through heights of 0 to 100, hour by hour; an hour without one ("-") breaks it. */
  function path(heights) {
    let pen = "M";
    let text = "";
    heights.forEach((height, hour) => {
      if (height === "-") {
        pen = "M";
        return;
      }
      const x = 1 + (hour * (WIDTH - 2)) / (heights.length - 1);
      const y = 1 + ((100 - Number(height)) * (HEIGHT - 2)) / 100;
      text += `${pen}${x.toFixed(1)} ${y.toFixed(1)}`;
      pen = "L";
    });
    return text;
  }

  const cells = (window.dashAgGridComponentFunctions = window.dashAgGridComponentFunctions || {});

  cells.DayCell = ({ value }) => {
    if (!value) return null;
    const size = { className: "day-line", width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}` };
    const line = window.React.createElement("path", { d: path(value.split(" ")) });
    return window.React.createElement("svg", { ...size, "aria-hidden": true }, line);
  };

  window.symbolDay = {
    begin: (api) => {
      grid = api;
      for (const event of ["bodyScrollEnd", "modelUpdated", "displayedColumnsChanged", "gridSizeChanged"]) {
        grid.addEventListener(event, soon);
      }
      document.addEventListener("visibilitychange", soon);
      soon();
    },
  };
})();
