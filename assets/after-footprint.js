/* What a panel may show a moment later: Plotly takes a tenth of a second to draw its first charts, and whoever opens a
   panel looks for the footprint. Its place is there from the beginning. */
(function () {
  "use strict";

  const PATIENCE_MS = 400; // without a feed there is nothing to paint

  function Deferred({ children, className }) {
    const { createElement, useEffect, useRef, useState } = window.React;
    const own = useRef(null);
    const [isDue, setDue] = useState(false);
    useEffect(() => {
      const panel = own.current.closest(".orderflow-panel");
      const show = () => setDue(true);
      const timer = window.setTimeout(show, PATIENCE_MS);
      panel.addEventListener("orderflow:footprint-painted", show, { once: true });
      return () => {
        window.clearTimeout(timer);
        panel.removeEventListener("orderflow:footprint-painted", show);
      };
    }, []);
    return createElement("div", { ref: own, className }, isDue ? children : null);
  }

  window.orderflow_dash = Object.assign(window.orderflow_dash || {}, { Deferred });
})();
