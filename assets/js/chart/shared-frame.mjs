/* Pictures that follow data, of all charts of a page together: at most ten frames a second. The browser composes every
   canvas of a page in each frame, so six charts that each paint at their own time would cost six times as much. A person's
   own moves are not limited. */

const GAP_MS = 100;
/** @type {Set<() => void>} */
const waiting = new Set();
let timer = 0;
let ranAt = Number.NEGATIVE_INFINITY;

function run() {
  timer = 0;
  ranAt = performance.now();
  const due = [...waiting];
  waiting.clear();
  for (const each of due) each();
}

/**
 * Run a function with those of the other charts: at once if the last run is long enough ago.
 * @param {() => void} invalidate the same for the same chart
 */
export function shareFrame(invalidate) {
  waiting.add(invalidate);
  if (timer) return;
  const left = ranAt + GAP_MS - performance.now();
  if (left <= 0) run();
  else timer = window.setTimeout(run, left);
}

/** @param {() => void} invalidate */
export const leaveFrame = (invalidate) => waiting.delete(invalidate);
