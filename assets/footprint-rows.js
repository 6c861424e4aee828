/* The rows of the footprint table, beside what Dash's DataTable draws of them: which candle each is, how long its
   delta bar is, and that it takes the focus. */
(function () {
  "use strict";

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

  /* A bar of per cents of its cell, from the middle: selling (below zero) to the left, buying to the right. */
  function dress(row, { bar }) {
    const length = Number(bar);
    row.style.setProperty("--of-bar-start", `${50 + Math.min(length, 0)}%`);
    row.style.setProperty("--of-bar-end", `${50 + Math.max(length, 0)}%`);
    const label = `Levels of ${row.cells[0].textContent.slice(0, 5)}`;
    if (row.getAttribute("aria-label") === label) return;
    row.tabIndex = 0;
    row.setAttribute("aria-label", label);
  }

  window.orderflow = Object.assign(window.orderflow || {}, {
    footprintRows: {
      rowsOf,
      candleOf,
      rowOf,

      /* The table has other rows, or will have them in a moment: `rows` are its data, new to old. */
      follow: (panel, rows) => {
        const place = panel.querySelector(".footprint-rows");
        place.dataset.opens = rows.map(({ id }) => id).join(" ");
        window.requestAnimationFrame(() => {
          window.orderflow.help.labelHeads(panel);
          rowsOf(place).forEach((row, index) => rows[index] && dress(row, rows[index]));
        });
      },
    },
  });
})();
