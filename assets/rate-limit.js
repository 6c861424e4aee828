/* What the server refuses because this address asks too often (429). The page says so and goes on by itself: a beat
   of a clock is left out, what a person did is asked again when the time has come. Dash would do neither. */
(function () {
  "use strict";

  const ASKS = /\/_dash-(update-component|layout|dependencies)(\?|$)/;
  const CLOCK = ".n_intervals";
  const PATIENCE_MS = 10000; // for the answer to a beat: the next one asks again
  const WAIT_S = 5; // where the answer does not say
  const LONGEST_S = 120;
  const SPREAD_MS = 1000; // all pages of an office were refused at the same time

  const send = window.fetch.bind(window);
  let closedUntil = 0; // ms: nothing is asked before

  const pause = (ms) => new Promise((resolve) => window.setTimeout(resolve, ms));
  const nothingNew = () => new Response(null, { status: 204 }); // as when a callback has nothing to update

  function isBeat({ body } = {}) {
    if (typeof body !== "string") return false;
    const changed = JSON.parse(body).changedPropIds || [];
    return changed.length > 0 && changed.every((id) => id.endsWith(CLOCK));
  }

  function close(refusal) {
    const seconds = Number(refusal.headers.get("Retry-After")) || WAIT_S;
    closedUntil = Date.now() + 1000 * Math.min(seconds, LONGEST_S) + SPREAD_MS * Math.random();
    window.dash_clientside.server.paused(closedUntil);
  }

  async function ask(url, options) {
    const isOfClock = isBeat(options);
    for (;;) {
      const asked = Date.now();
      const wait = closedUntil - asked;
      if (wait > 0 && isOfClock) return nothingNew();
      if (wait > 0) await pause(wait);
      window.dash_clientside.server.asked();
      const answer = await send(url, isOfClock ? { ...options, signal: AbortSignal.timeout(PATIENCE_MS) } : options);
      if (isOfClock) window.orderflow.panelUpdates.answered(Date.now() - asked);
      if (answer.ok) window.dash_clientside.server.answered();
      if (answer.status !== 429) return answer;
      close(answer);
    }
  }

  window.fetch = (url, options) => (ASKS.test(String(url)) ? ask(url, options) : send(url, options));
})();
