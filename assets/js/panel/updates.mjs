/* Runs the interval of the page while it has panels, and hands each answer to its panel: `orderflow:status` with the
   status, `orderflow:update` with the rest. The Dash callback is in web/api/panel_updates.py. */

/** @typedef {{status: unknown, content: unknown, profile: unknown, tick: unknown}} Cursors of what a panel shows */

const EVERY_MS = 1000;
const SLOW_MS = 700;
const SLOWEST_MS = 10000;
let every = EVERY_MS;

/** @type {Map<string, Cursors>} by panel */
const shown = new Map();

/** @type {((props: {shown: Record<string, Cursors>}) => void) | null} of the page's component */
let setProps = null;

const publish = () => setProps?.({ shown: Object.fromEntries(shown) });

/**
 * Note what a panel shows as it opens; the next poll asks for what differs.
 * @param {string} panel
 * @param {Cursors} cursors
 */
export function startUpdates(panel, cursors) {
  shown.set(panel, cursors);
  publish();
}

/** @param {string} panel */
export function stopUpdates(panel) {
  shown.delete(panel);
  publish();
}

/**
 * Hand an answer to its panel. One that React has removed gets none.
 * @param {any} answer without the name of its panel where the page has only one
 */
function show({ panel: name, status, content, profile, steps }) {
  const id = name ?? [...shown.keys()][0] ?? "";
  const cursors = shown.get(id);
  const panel = document.querySelector(`[data-panel="${CSS.escape(id)}"]`);
  if (!panel || !cursors) return;
  panel.dispatchEvent(new CustomEvent("orderflow:status", { detail: status, bubbles: true }));
  panel.dispatchEvent(new CustomEvent("orderflow:update", { detail: { content, profile, steps } }));
  shown.set(id, {
    status: status.cursor,
    content: content ? content.cursor : cursors.content,
    profile: profile ? profile.cursor : cursors.profile,
    tick: steps ? steps.tick : cursors.tick,
  });
}

/**
 * Hands the answers to a poll to their panels.
 * @param {{answers?: any[], setProps: typeof setProps}} props those of the Python class of the same name
 */
export function PanelUpdates({ answers, setProps: ownSetProps }) {
  window.React.useLayoutEffect(() => {
    setProps = ownSetProps; // cheaper than set_props, which computes the paths of the page's components
    answers?.filter(Boolean).forEach(show);
    publish();
  }, [answers]);
  return null;
}

/**
 * Pace the polls: one was answered after `ms`. Dash drops the answer to a poll if the next one has started, so polls slow
 * down with their answers.
 * @param {number} ms
 */
export function notePoll(ms) {
  const next = ms < SLOW_MS ? EVERY_MS : Math.min(SLOWEST_MS, EVERY_MS * Math.ceil((2 * ms) / EVERY_MS));
  if (next === every) return;
  every = next;
  window.dash_clientside.set_props("panel-interval", { interval: every });
}

/* Clientside callbacks. */
export const panelUpdates = {
  /**
   * Returns whether the interval is disabled.
   * @param {unknown[]} views
   */
  run: (views) => !views.length,
};
