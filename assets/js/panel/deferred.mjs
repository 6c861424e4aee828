/* Content that a panel shows once its footprint has painted: Plotly takes a tenth of a second to draw its first charts,
   and a person who opens a panel wants the footprint first. */

const PATIENCE_MS = 400; // without a feed there is nothing to paint

/**
 * @param {{children: unknown, className: string}} props those of the Python class of the same name
 */
export function Deferred({ children, className }) {
  const { createElement, useEffect, useRef, useState } = window.React;
  const ref = useRef(null);
  const [isDue, setDue] = useState(false);
  useEffect(() => {
    /** @type {HTMLElement} */
    const panel = ref.current.closest(".orderflow-panel");
    const show = () => setDue(true);
    const timer = window.setTimeout(show, PATIENCE_MS);
    panel.addEventListener("orderflow:footprint-painted", show, { once: true });
    return () => {
      window.clearTimeout(timer);
      panel.removeEventListener("orderflow:footprint-painted", show);
    };
  }, []);
  return createElement("div", { ref, className }, isDue ? children : null);
}
