/* The crosshair that a panel's charts share: the event `orderflow:crosshair` on the panel, detail {open_ts, source}.
   The CVD chart shows it as a line, and sends it for the candle under the pointer. */
(function () {
  "use strict";

  const EVENT = "orderflow:crosshair";
  const OWN = "cvd";
  const at = new WeakMap(); // candle under the crosshair, by panel
  const watched = new WeakSet(); // plots whose redrawing moves the line
  let told = null; // {panel, openTs} that the pointer sent last

  const plotOf = (panel) => panel.querySelector(".cvd-chart .js-plotly-plot");

  /* The candle of a chart that holds a time: the newest that opens at or before it. */
  function candleAt(plot, time) {
    const opens = plot.data[0] ? plot.data[0].x : [];
    for (let index = opens.length - 1; index >= 0; index -= 1) {
      if (opens[index] <= time) return index;
    }
    return opens.length ? 0 : -1;
  }

  function nearest(plot, time) {
    const opens = plot.data[0] ? plot.data[0].x : [];
    let best = -1;
    opens.forEach((open, index) => {
      if (best < 0 || Math.abs(open - time) < Math.abs(opens[best] - time)) best = index;
    });
    return best;
  }

  function lineOf(plot) {
    const place = plot.closest(".chart-section");
    let line = place.querySelector(".crosshair-line");
    if (!line) {
      line = document.createElement("div");
      line.className = "crosshair-line";
      line.append(document.createElement("span"));
      place.append(line);
    }
    return line;
  }

  function show(panel) {
    const plot = plotOf(panel);
    if (!plot || !plot.data || !plot._fullLayout?.xaxis) return;
    const { openTs, isOwn } = at.get(panel) || { openTs: null };
    const index = openTs === null ? -1 : candleAt(plot, openTs);
    const line = lineOf(plot);
    line.hidden = index < 0;
    if (index < 0) return;
    if (!watched.has(plot)) {
      watched.add(plot);
      for (const event of ["plotly_afterplot", "plotly_animated"]) plot.on(event, () => show(panel));
    }
    const { xaxis, yaxis } = plot._fullLayout;
    const x = xaxis._offset + xaxis.l2p(plot.data[0].x[index]);
    const box = plot.getBoundingClientRect();
    const place = line.parentElement.getBoundingClientRect();
    line.style.transform = `translate(${box.left - place.left + x}px, ${box.top - place.top + yaxis._offset}px)`;
    line.style.height = `${yaxis._length}px`;
    line.classList.toggle("is-left", x > xaxis._offset + xaxis._length / 2);
    const [time, cvd] = plot.data[0].customdata[index];
    line.firstChild.textContent = isOwn ? "" : `${time.slice(-5)}  ${cvd}`;
  }

  function send(panel, openTs) {
    if (told && told.panel === panel && told.openTs === openTs) return;
    if (told && told.panel !== panel && told.openTs !== null) tell(told.panel, null);
    tell(panel, openTs);
    told = { panel, openTs };
  }

  function tell(panel, openTs) {
    panel.dispatchEvent(new CustomEvent(EVENT, { detail: { open_ts: openTs, source: OWN } }));
  }

  function under(event) {
    const chart = event.target.closest && event.target.closest(".cvd-chart");
    const plot = chart && chart.querySelector(".js-plotly-plot");
    if (!plot || !plot.data || !plot._fullLayout?.xaxis) return null;
    const { xaxis } = plot._fullLayout;
    const x = event.clientX - plot.getBoundingClientRect().left - xaxis._offset;
    if (x < 0 || x > xaxis._length) return null;
    const index = nearest(plot, xaxis.p2l(x));
    return index < 0 ? null : { panel: plot.closest(".orderflow-panel"), openTs: plot.data[0].x[index] };
  }

  document.addEventListener("pointermove", (event) => {
    const found = under(event);
    if (found) send(found.panel, found.openTs);
    else if (told && told.openTs !== null) send(told.panel, null);
  });

  document.addEventListener("pointerout", (event) => {
    if (!event.relatedTarget && told && told.openTs !== null) send(told.panel, null);
  });

  document.addEventListener(
    EVENT,
    ({ target, detail }) => {
      if (!detail || !target.matches || !target.matches(".orderflow-panel")) return;
      at.set(target, { openTs: detail.open_ts ?? null, isOwn: detail.source === OWN });
      show(target);
    },
    true
  );
})();
