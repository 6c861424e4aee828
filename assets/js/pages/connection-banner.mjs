/* Shows a banner when the server stops answering or limits the page: frozen figures must not look live. Only a missing
   answer counts as a loss: a page without live content sends no requests. http.mjs reports requests and answers. */

const LOST_AFTER_MS = 5000;
/** @type {Record<"lost" | "paused", (time: string) => string>} */
const TEXTS = {
  lost: (time) =>
    `No answer from the server since ${time} UTC. Everything below is frozen at that time. Retrying.`,
  paused: (time) =>
    `Too many requests from your network. Everything below is frozen since ${time} UTC; updates resume shortly. ` +
    `Other pages and people on the same address count too. Closing pages and panels helps.`,
};
let lastAnswer = Date.now();
let dueSince = 0; // the first request since the last answer; 0 without one
let visibleSince = Date.now();
let pausedUntil = 0;
/** @type {"" | "lost" | "paused"} */
let shown = "";

/** @param {number} time */
const clock = (time) => new Date(time).toISOString().slice(11, 19);

/** @param {"" | "lost" | "paused"} state */
function show(state) {
  if (state === shown || !document.getElementById("server-lost")) return;
  shown = state;
  if (state) document.documentElement.setAttribute("data-server-lost", state);
  else document.documentElement.removeAttribute("data-server-lost");
  const text = state ? TEXTS[state](clock(lastAnswer)) : "";
  window.dash_clientside.set_props("server-lost", { children: text });
}

function check() {
  const silent = Date.now() - Math.max(dueSince, visibleSince, pausedUntil);
  if (document.hidden || silent <= LOST_AFTER_MS) return;
  if (dueSince) show("lost");
  else if (shown === "paused") show(""); // no request since then
}

export function watchConnection() {
  // A hidden tab's timers sleep: its silence starts to count when it is visible again.
  document.addEventListener("visibilitychange", () => {
    visibleSince = Date.now();
  });
  window.setInterval(check, 500);
}

export function noteRequest() {
  dueSince = dueSince || Date.now();
}

export function noteAnswer() {
  lastAnswer = Date.now();
  pausedUntil = dueSince = 0;
  show("");
}

/**
 * The server limits this address until then.
 * @param {number} until ms since the epoch
 */
export function notePause(until) {
  pausedUntil = until;
  dueSince = 0;
  show("paused");
}
