/* Asks the server once a second for updates of the page's panels: one request for all of them, and at once after a
   change of a view. The answer goes to its panel as `orderflow:update`, its status as `orderflow:status`. */

const EVERY_MS = 1000;
const PATIENCE_MS = 10000;
/** @type {Map<HTMLElement, {cursor: unknown, profile: unknown, tick: string}>} what each panel shows */
const panels = new Map();
let isAsking = false;
let isOutdated = false; // the pending request is for another view

/** @param {string | Record<string, string>} id */
const dataOf = (id) => window.dash_component_api.getLayout(id)?.props.data;
/**
 * The view of a panel; undefined once it is leaving the page.
 * @param {HTMLElement} panel
 */
const viewOf = (panel) => dataOf({ type: "panel-view", panel: panel.dataset.panel ?? "" });

/** @param {HTMLElement} panel */
function question(panel) {
  return { id: panel.dataset.panel, view: viewOf(panel), ...panels.get(panel) };
}

/**
 * The answers; null without any: the connection banner reports a lost server.
 * @param {unknown} body
 */
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

/**
 * @param {HTMLElement} panel
 * @param {{view: unknown}} asked
 * @param {any} answer
 */
function show(panel, asked, { status, content, profile, steps }) {
  const shown = panels.get(panel);
  const isMeant = JSON.stringify(viewOf(panel)) === JSON.stringify(asked.view);
  panel.dispatchEvent(new CustomEvent("orderflow:status", { detail: status, bubbles: true }));
  if (!isMeant || !shown) return; // the view has changed: its own answer follows
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

export function pollPanels() {
  window.setInterval(ask, EVERY_MS);
}

/**
 * Follow a panel that shows these cursors. Returns a function that ends it.
 * @param {HTMLElement} panel
 * @param {unknown} cursor
 * @param {unknown} profile
 * @param {string} tick
 */
export function followPanel(panel, cursor, profile, tick) {
  panels.set(panel, { cursor, profile, tick });
  return () => panels.delete(panel);
}

/* Clientside callbacks. */
export const panelUpdates = {
  /* The view of a panel, or the theme, has changed. */
  ask: () => {
    ask();
  },
};
