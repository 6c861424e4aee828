/* Says so when the page has lost its server: figures that no longer move must not look live.
   Every answer of an interval callback is a beat; a page without beats is frozen. */
(function () {
  "use strict";

  const LOST_AFTER_MS = 5000;
  let lastBeat = Date.now();
  let visibleSince = Date.now();
  let lost = false;

  const clock = (time) => new Date(time).toISOString().slice(11, 19);

  function tell(isLost) {
    if (!document.getElementById("server-lost")) return;
    lost = isLost;
    document.documentElement.toggleAttribute("data-server-lost", isLost);
    window.dash_clientside.set_props("server-lost", {
      children: isLost
        ? `No answer from the server since ${clock(lastBeat)} UTC. Everything below is frozen at that time. Retrying.`
        : "",
    });
  }

  function beat() {
    lastBeat = Date.now();
    if (lost) tell(false);
  }

  /* A hidden tab's timers sleep, so its silence is no sign; it gets its time again once it is seen. */
  document.addEventListener("visibilitychange", () => {
    visibleSince = Date.now();
  });

  window.setInterval(() => {
    const silent = Date.now() - Math.max(lastBeat, visibleSince);
    if (!lost && !document.hidden && silent > LOST_AFTER_MS) tell(true);
  }, 500);

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    server: {
      beat: () => {
        beat();
      },
    },
  });
})();
