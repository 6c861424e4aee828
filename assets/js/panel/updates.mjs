/* Runs the interval of the page while it has panels, and hands each answer to its panel: `orderflow:status` with the
   status, `orderflow:update` with the rest. The Dash callbacks are in web/api/panel_updates.py. */

/** @typedef {{status: unknown, content: unknown, profile: unknown, tick: unknown}} Cursors of the content of a panel */

const EVERY_MS = 1000;
const SLOW_MS = 700;
const SLOWEST_MS = 10000;
let every = EVERY_MS;

/**
 * Hand an answer to its panel; returns the cursors of its new content.
 * @param {Element} panel
 * @param {any} answer
 * @param {Cursors} shown
 * @returns {Cursors}
 */
function show(panel, { status, content, profile, steps }, shown) {
  panel.dispatchEvent(new CustomEvent("orderflow:status", { detail: status, bubbles: true }));
  panel.dispatchEvent(new CustomEvent("orderflow:update", { detail: { content, profile, steps } }));
  return {
    status: status.cursor,
    content: content ? content.cursor : shown.content,
    profile: profile ? profile.cursor : shown.profile,
    tick: steps ? steps.tick : shown.tick,
  };
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

  /**
   * Returns the cursors of each panel's content. One that React has not rendered yet, or has removed, gets the
   * answer to a later poll.
   * @param {any[] | null} answers
   * @param {{panel: string}[]} ids
   * @param {Cursors[]} shown
   */
  show: (answers, ids, shown) => {
    const { no_update } = window.dash_clientside;
    return ids.map((id, index) => {
      const panel = document.querySelector(`[data-panel="${CSS.escape(id.panel)}"]`);
      return panel && answers?.[index] ? show(panel, answers[index], shown[index]) : no_update;
    });
  },
};
