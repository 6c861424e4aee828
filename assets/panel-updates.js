/* Asks the server once a second what is new in the panels of this page: one request for all of them, and at once where
   a panel is to show something else. What came goes to the panel, as `orderflow:update`; its status to whoever
   listens, as `orderflow:status`. */
(function () {
  "use strict";

  const EVERY_MS = 1000;
  const PATIENCE_MS = 10000;
  const panels = new Map(); // element: {cursor, profile, tick} of what it shows
  let isAsking = false;
  let isOutdated = false; // what is being asked is no longer what is to be shown

  const dataOf = (id) => window.dash_component_api.getLayout(id)?.props.data;
  const viewOf = (panel) => dataOf({ type: "panel-view", panel: panel.dataset.panel }); // none: it is leaving the page

  function question(panel) {
    return { id: panel.dataset.panel, view: viewOf(panel), ...panels.get(panel) };
  }

  /* The answers; null where there are none: the page says by itself that it has lost its server. */
  async function fetched(body) {
    try {
      const response = await window.fetch(new URL("api/panels", window.location.href), {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(PATIENCE_MS),
      });
      return response.status === 200 ? await response.json() : null;
    } catch {
      return null;
    }
  }

  function show(panel, asked, answer) {
    const shown = panels.get(panel);
    const { status, content, profile, steps } = answer;
    const isMeant = JSON.stringify(viewOf(panel)) === JSON.stringify(asked.view);
    panel.dispatchEvent(new CustomEvent("orderflow:status", { detail: status, bubbles: true }));
    if (!isMeant) return; // chosen anew meanwhile: the answer to that is on its way
    if (content) shown.cursor = content.cursor;
    if (profile) shown.profile = profile.cursor;
    if (steps) shown.tick = steps.tick;
    panel.dispatchEvent(new CustomEvent("orderflow:update", { detail: { content, profile, steps } }));
  }

  async function ask() {
    isOutdated = isAsking;
    const asked = [...panels.keys()].filter(viewOf);
    if (isAsking || !asked.length) return;
    const body = { theme: dataOf("theme"), panels: asked.map(question) };
    isAsking = true;
    const answers = await fetched(body);
    isAsking = false;
    asked.forEach((panel, index) => {
      if (answers && panels.has(panel)) show(panel, body.panels[index], answers[index]);
    });
    if (isOutdated) ask();
  }

  window.setInterval(ask, EVERY_MS);

  window.orderflow = Object.assign(window.orderflow || {}, {
    panelUpdates: {
      /* Begin with a panel that shows this already. Returns what ends it. */
      follow: (panel, cursor, profile, tick) => {
        panels.set(panel, { cursor, profile, tick });
        return () => panels.delete(panel);
      },
    },
  });

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    panelUpdates: {
      /* A panel's view, or the theme, is another. */
      ask: () => {
        ask();
      },
    },
  });
})();
