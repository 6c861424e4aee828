/* Shows a panel's updates: in its charts, its table, and the elements that carry the name of a text (`data-live`),
   which React creates once and does not render again. The age of the last trade is counted here. */
(function () {
  "use strict";

  const COUNT_MS = 1000;
  const pendingSteps = new WeakMap(); // panel: what ends the wait of its step menu
  const trades = new WeakMap(); // panel: time of its last trade by this clock, ms

  function ageText(ms) {
    if (ms < 10000) return `${(Math.max(ms, 0) / 1000).toFixed(1)} s`;
    if (ms < 120000) return `${Math.floor(ms / 1000)} s`;
    return ms < 7200000 ? `${Math.floor(ms / 60000)} min` : `${Math.floor(ms / 3600000)} h`;
  }

  function writeAll(panel, texts, prefix = "") {
    for (const [name, text] of Object.entries(texts)) {
      for (const place of panel.querySelectorAll(`[data-live="${prefix}${name}"]`)) {
        window.orderflow.liveText.write(place, text);
      }
    }
  }

  function put(target, name, value) {
    if (target[name] !== value) target[name] = value;
  }

  const idOf = (type, panel) => ({ type, panel: panel.dataset.panel });

  function showAge(panel) {
    if ("serverLost" in document.documentElement.dataset) return; // nothing here is current
    const at = trades.get(panel);
    writeAll(panel, { age: at === undefined ? "" : `${ageText(Date.now() - at)} ago` });
  }

  function showStatus(panel, { state, word, cause, age_ms: age, latency }) {
    window.orderflow.latency.show(panel, latency);
    put(panel.querySelector(".feed-status"), "className", `feed-status is-${state}`);
    writeAll(panel, { word, cause });
    if (age === null) trades.delete(panel);
    else trades.set(panel, Date.now() - age);
    showAge(panel);
  }

  function showChart(type, panel, figure) {
    const plot = panel.querySelector(`.${type === "panel-chart" ? "cvd" : "profile"}-chart .js-plotly-plot`);
    window.orderflow.liveFigure.show(idOf(type, panel), plot, figure);
  }

  function showContent(panel, { rows, tooltips, figure, levels, texts }) {
    window.orderflow.footprintRows.show(panel, idOf("panel-table", panel), rows, tooltips);
    writeAll(panel, texts);
    put(panel.querySelector(".cvd-now").dataset, "side", texts.now.startsWith("−") ? "bid" : "ask");
    window.orderflow.levels.show(panel, levels);
    showChart("panel-chart", panel, figure);
  }

  function showProfile(panel, { figure, texts }) {
    writeAll(panel, texts, "profile-");
    showChart("profile-chart", panel, figure);
  }

  /* The step menu of another tick. The chosen step stays in it; a menu that has the focus may be open, and would close
     under the pointer: it changes once it has been left or something was chosen. */
  function showSteps(panel, { options }) {
    const select = panel.querySelector(".panel-controls > .step-label > select");
    const write = () => {
      const chosen = [...select.options].find(({ value }) => value === select.value);
      const has = !chosen?.value || options.some(({ value }) => value === chosen.value);
      const all = has ? options : [...options, { label: chosen.label, value: chosen.value }];
      all.sort((one, other) => one.value - other.value);
      window.dash_clientside.set_props(idOf("panel-step", panel), { options: all });
    };
    pendingSteps.get(panel)?.abort();
    if (document.activeElement !== select) {
      write();
      return;
    }
    const pending = new AbortController();
    pendingSteps.set(panel, pending);
    const once = () => {
      pending.abort();
      write();
    };
    for (const event of ["blur", "change"]) select.addEventListener(event, once, { signal: pending.signal });
  }

  /* The props are those of the Python class of the same name: what the panel's other parts show at first. */
  function PanelLive({ status, content, profile }) {
    const { useLayoutEffect, useRef } = window.React;
    const own = useRef(null);
    useLayoutEffect(() => {
      const panel = own.current.closest(".orderflow-panel");
      const update = ({ detail }) => {
        if (detail.content) showContent(panel, detail.content);
        if (detail.profile) showProfile(panel, detail.profile);
        if (detail.steps) showSteps(panel, detail.steps);
      };
      const light = ({ detail }) => showStatus(panel, detail);
      panel.addEventListener("orderflow:update", update);
      panel.addEventListener("orderflow:status", light);
      panel.dispatchEvent(new CustomEvent("orderflow:status", { detail: status, bubbles: true }));
      showContent(panel, content);
      showProfile(panel, profile);
      const counting = window.setInterval(() => showAge(panel), COUNT_MS);
      return () => {
        window.clearInterval(counting);
        panel.removeEventListener("orderflow:update", update);
        panel.removeEventListener("orderflow:status", light);
      };
    }, []);
    return window.React.createElement("span", { ref: own, hidden: true });
  }

  window.orderflow_dash = Object.assign(window.orderflow_dash || {}, { PanelLive });
})();
