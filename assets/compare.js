/* The page `/compare`: the address names every panel, and panels follow each other where they are linked. */
(function () {
  "use strict";

  const EVENT = "orderflow:crosshair";
  const LINKED = "link"; // the source of an event that was passed on
  let links = [];
  let shownPanels = null; // how many panels the address named last; null before the first
  const times = new Map(); // timeframe and lookback of each panel, as seen last

  const timeOf = (view) => `${view.tf} ${view.lookback ?? ""}`;

  /* Panels, and the texts of those that cannot be had, by their ids. */
  function byCell(values, ids) {
    return new Map(ids.map(({ panel }, index) => [panel, values[index]]));
  }

  /* The address of the panels in the order of their cells, each by its view or, where it has none, its text. */
  function address(order, views, missing) {
    const { panelText, encoded } = window.dash_clientside.share;
    const parts = order
      .filter((panel) => views.has(panel) || missing.has(panel))
      .map((panel) => `panel=${views.has(panel) ? panelText(views.get(panel)) : encoded(missing.get(panel))}`);
    if (links.length) parts.push(`link=${links.join(",")}`);
    return parts.length ? "?" + parts.join("&") : "";
  }

  /* Panels that come or go are a step of history, a changed setting is not. */
  function write(search, count) {
    const isStep = shownPanels !== null && count !== shownPanels;
    shownPanels = count;
    if (search === window.location.search) return;
    const url = window.location.pathname + search;
    if (isStep) window.history.pushState(null, "", url);
    else window.history.replaceState(null, "", url);
  }

  /* Which panel leads: the one whose time was changed, or the first where linking begins. */
  function leader(panels, begins) {
    const changed = panels.find(([panel, view]) => times.has(panel) && times.get(panel) !== timeOf(view));
    if (changed) return changed[1];
    const apart = new Set(panels.map(([, view]) => timeOf(view))).size > 1;
    return apart && (begins || panels.some(([panel]) => !times.has(panel))) ? panels[0][1] : null;
  }

  /* `panels`: [id, view] in the order of the cells. */
  function linkTime(panels, begins, byDefault) {
    const lead = links.includes("time") ? leader(panels, begins) : null;
    times.clear();
    panels.forEach(([panel, view]) => times.set(panel, timeOf(lead || view)));
    if (!lead) return;
    const { tf, lookback } = lead;
    panels.forEach(([panel, view]) => {
      if (timeOf(view) === timeOf(lead)) return;
      const { set_props } = window.dash_clientside;
      set_props({ type: "panel-timeframe", panel }, { value: tf });
      set_props({ type: "panel-option", panel, option: "lookback" }, { value: lookback ?? byDefault });
    });
  }

  document.addEventListener(
    EVENT,
    ({ target, detail }) => {
      if (!links.includes("crosshair") || !detail || detail.source === LINKED) return;
      for (const panel of document.querySelectorAll(".orderflow-panel")) {
        if (panel === target) continue;
        panel.dispatchEvent(new CustomEvent(EVENT, { detail: { open_ts: detail.open_ts, source: LINKED } }));
      }
    },
    true
  );

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    compare: {
      follow: (viewed, texts, chosen, viewIds, textIds, cellIds, defaults, wish) => {
        if (!wish) return window.dash_clientside.no_update;
        const [views, missing] = [byCell(viewed, viewIds), byCell(texts, textIds)];
        // What Dash hands over is in the order in which it appeared.
        const order = cellIds.map(({ panel }) => panel);
        const panels = order.filter((panel) => views.has(panel)).map((panel) => [panel, views.get(panel)]);
        const begins = !links.includes("time") && (chosen || []).includes("time");
        links = ["crosshair", "time"].filter((link) => (chosen || []).includes(link));
        linkTime(panels, begins, defaults[0]?.lookback);
        const count = views.size + missing.size;
        if (count || shownPanels !== null) write(address(order, views, missing), count);
        document.title = panels.length
          ? `${panels.map(([, { symbol }]) => symbol).join(", ")} · Order flow`
          : "Compare · Order flow";
        return window.location.search;
      },
    },
  });
})();
