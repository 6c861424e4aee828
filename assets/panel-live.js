/* All that moves in a panel comes as news, of which charts, table and words are given what is new to each. Words go to
   the elements that carry their names (`data-live`); React made those once and never looks again. */
(function () {
  "use strict";

  const pendingSteps = new WeakMap(); // panel: what ends the wait of its step menu

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

  function showStatus(panel, { state, latency, ...words }) {
    window.orderflow.latency.show(panel, latency);
    put(panel.querySelector(".feed-status"), "className", `feed-status is-${state}`);
    writeAll(panel, words);
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

  /* The props are those of the Python class of the same name: what the panel's other parts begin with. */
  function PanelLive({ status, content, profile, tick }) {
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
      const leave = window.orderflow.panelUpdates.follow(panel, content.cursor, profile.cursor, tick);
      return () => {
        leave();
        panel.removeEventListener("orderflow:update", update);
        panel.removeEventListener("orderflow:status", light);
      };
    }, []);
    return window.React.createElement("span", { ref: own, hidden: true });
  }

  window.orderflow_dash = Object.assign(window.orderflow_dash || {}, { PanelLive });
})();
