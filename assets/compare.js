/* The page `/compare`: the address names every panel, and panels follow each other where they are linked. */
(function () {
  "use strict";

  const EVENT = "orderflow:crosshair";
  const LINKED = "link"; // the source of an event that was passed on
  let links = [];
  let shownPanels = null; // how many panels the address named last; null before the first
  const times = new Map(); // timeframe and lookback of each panel, as seen last

  const timeOf = (view) => `${view.tf} ${view.lookback ?? ""}`;

  function address(views, missing) {
    const { panelText } = window.dash_clientside.share;
    const texts = [...views.map(panelText), ...missing.map(encodeURIComponent)];
    const parts = texts.map((text) => `panel=${text}`);
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
  function leader(views, ids, begins) {
    const changed = ids.findIndex(
      ({ panel }, index) => times.has(panel) && times.get(panel) !== timeOf(views[index])
    );
    if (changed >= 0) return changed;
    const apart = new Set(views.map(timeOf)).size > 1;
    return apart && (begins || ids.some(({ panel }) => !times.has(panel))) ? 0 : -1;
  }

  function linkTime(views, ids, begins, byDefault) {
    const lead = links.includes("time") ? leader(views, ids, begins) : -1;
    times.clear();
    ids.forEach(({ panel }, index) => times.set(panel, timeOf(views[lead < 0 ? index : lead])));
    if (lead < 0) return;
    const { tf, lookback } = views[lead];
    ids.forEach(({ panel }, index) => {
      if (timeOf(views[index]) === timeOf(views[lead])) return;
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
      follow: (views, missing, chosen, ids, defaults, wish) => {
        if (!wish) return window.dash_clientside.no_update;
        const begins = !links.includes("time") && (chosen || []).includes("time");
        links = ["crosshair", "time"].filter((link) => (chosen || []).includes(link));
        linkTime(views, ids, begins, defaults[0]?.lookback);
        if (views.length + missing.length || shownPanels !== null) {
          write(address(views, missing), views.length + missing.length);
        }
        document.title = views.length
          ? `${views.map(({ symbol }) => symbol).join(", ")} · Order flow`
          : "Compare · Order flow";
        return window.location.search;
      },
    },
  });
})();
