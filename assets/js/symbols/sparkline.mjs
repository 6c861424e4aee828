/* The day of a symbol as a line, and the rows in view: the server asks the venues only for those. */

const WIDTH = 72;
const HEIGHT = 18;
const REST_MS = 250; // after scrolling

/** @type {any} */
let grid = null;
let due = 0;

function sendRowsInView() {
  due = 0;
  const column = grid.getColumn("day");
  /** @type {{id: string}[]} */
  const nodes = column?.isVisible() && !document.hidden ? grid.getRenderedNodes() : [];
  const ids = nodes.map((node) => node.id).sort();
  window.dash_clientside.set_props("rows-in-view", { data: ids });
}

function sendSoon() {
  window.clearTimeout(due);
  due = window.setTimeout(sendRowsInView, REST_MS);
}

/**
 * The path of a line through heights of 0 to 100, hour by hour; an hour without one ("-") breaks it.
 * @param {string[]} heights
 */
export function linePath(heights) {
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

/** @param {{value: string | null}} params */
export function DayCell({ value }) {
  if (!value) return null;
  const size = { className: "day-line", width: WIDTH, height: HEIGHT, viewBox: `0 0 ${WIDTH} ${HEIGHT}` };
  const line = window.React.createElement("path", { d: linePath(value.split(" ")) });
  return window.React.createElement("svg", { ...size, "aria-hidden": true }, line);
}

/** @param {any} api of the grid */
export function startSparklines(api) {
  grid = api;
  for (const event of ["bodyScrollEnd", "modelUpdated", "displayedColumnsChanged", "gridSizeChanged"]) {
    grid.addEventListener(event, sendSoon);
  }
  document.addEventListener("visibilitychange", sendSoon);
  sendSoon();
}
