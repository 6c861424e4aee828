/* The rows of the footprint table, beside what Dash's DataTable draws of them: which candle each is, how long its
   delta bar is, and that it takes the focus. A table drawn anew each second was an eighth of the main thread's work:
   where nothing but figures moved, they are written into the cells that are there. */
(function () {
  "use strict";

  const FIGURES = ["bid", "ask", "delta", "cvd", "levels"]; // columns
  const MOVING = [...FIGURES, "bar"];

  const shown = new WeakMap(); // place: its rows
  const pending = new WeakSet(); // places whose rows are dressed in the next frame

  const rowsOf = (place) => [...place.querySelectorAll("tr")].filter((row) => row.querySelector("td"));

  function candleOf(row) {
    const place = row.closest(".footprint-rows");
    return (place.dataset.opens || "").split(" ")[rowsOf(place).indexOf(row)] || "";
  }

  /* The row of a candle, else the first. */
  function rowOf(place, openTs) {
    const index = (place.dataset.opens || "").split(" ").indexOf(openTs);
    return rowsOf(place)[Math.max(index, 0)];
  }

  /* What the table itself is told of rows and tooltips. */
  const lookOf = ({ data, tooltip_data }) =>
    JSON.stringify([data, tooltip_data], (name, value) => (MOVING.includes(name) ? undefined : value));

  /* A bar of per cents of its cell, from the middle: selling (below zero) to the left, buying to the right. */
  function dress(row, texts) {
    const length = Number(texts.bar);
    row.style.setProperty("--of-bar-start", `${50 + Math.min(length, 0)}%`);
    row.style.setProperty("--of-bar-end", `${50 + Math.max(length, 0)}%`);
    for (const column of FIGURES) {
      const cell = row.querySelector(`[data-dash-column="${column}"] > *`);
      if (cell) window.orderflow.liveText.write(cell, texts[column]);
    }
    const label = `Levels of ${row.cells[0].textContent.slice(0, 5)}`;
    if (row.getAttribute("aria-label") === label) return;
    row.tabIndex = 0;
    row.setAttribute("aria-label", label);
  }

  /* In the next frame: the table writes what differs from what it drew last, and knows nothing of what was written
     since. One that is not there yet, see Deferred, is looked for in each frame until it is. */
  function dressSoon(panel, place) {
    if (pending.has(place) || !place.isConnected) return;
    pending.add(place);
    window.requestAnimationFrame(() => {
      pending.delete(place);
      const [rows, drawn] = [shown.get(place), rowsOf(place)];
      if (rows.length && !drawn.length) {
        dressSoon(panel, place);
        return;
      }
      window.orderflow.help.labelHeads(panel);
      drawn.forEach((row, index) => rows[index] && dress(row, rows[index]));
    });
  }

  window.orderflow = Object.assign(window.orderflow || {}, {
    footprintRows: {
      rowsOf,
      candleOf,
      rowOf,

      /* Show rows, new to old, with their tooltips in the panel's table, which has an id (an object). */
      show: (panel, id, rows, tooltips) => {
        const place = panel.querySelector(".footprint-rows");
        shown.set(place, rows);
        place.dataset.opens = rows.map(({ id: open }) => open).join(" ");
        const wanted = { data: rows, tooltip_data: tooltips };
        const drawn = window.dash_component_api.getLayout(id).props;
        if (lookOf(wanted) !== lookOf(drawn)) window.dash_clientside.set_props(id, wanted);
        dressSoon(panel, place);
      },
    },
  });
})();
