/* Says so when the page has lost its server, or is refused by it: figures that no longer move must not look live.
   Only an answer that is due and does not come is a loss: a page that shows nothing live asks nothing.
   `assets/rate-limit.js` reports what the page asks and what is answered. */
(function () {
  "use strict";

  const LOST_AFTER_MS = 5000;
  const WORDS = {
    lost: (time) => `No answer from the server since ${time} UTC. Everything below is frozen at that time. Retrying.`,
    paused: (time) =>
      `Your network address asks this server more often than it may; other pages and people at it count too. ` +
      `Everything below is frozen since ${time} UTC and goes on by itself. Closing pages and panels helps.`,
  };
  let lastBeat = Date.now();
  let dueSince = 0; // when the first question since the last answer was asked; 0 without one
  let visibleSince = Date.now();
  let pausedUntil = 0;
  let told = "";

  const clock = (time) => new Date(time).toISOString().slice(11, 19);

  /* `state` is "lost", "paused" or nothing. */
  function tell(state) {
    if (state === told || !document.getElementById("server-lost")) return;
    told = state;
    if (state) document.documentElement.setAttribute("data-server-lost", state);
    else document.documentElement.removeAttribute("data-server-lost");
    window.dash_clientside.set_props("server-lost", { children: state ? WORDS[state](clock(lastBeat)) : "" });
  }

  function beat() {
    lastBeat = Date.now();
    pausedUntil = dueSince = 0;
    tell("");
  }

  /* A hidden tab's timers sleep, so its silence is no sign; it gets its time again once it is seen. */
  document.addEventListener("visibilitychange", () => {
    visibleSince = Date.now();
  });

  window.setInterval(() => {
    const silent = Date.now() - Math.max(dueSince, visibleSince, pausedUntil);
    if (document.hidden || silent <= LOST_AFTER_MS) return;
    if (dueSince) tell("lost");
    else if (told === "paused") tell(""); // and nothing was asked since
  }, 500);

  window.dash_clientside = Object.assign(window.dash_clientside || {}, {
    server: {
      asked: () => {
        dueSince = dueSince || Date.now();
      },

      answered: () => {
        beat();
      },

      /* The server answers, but has enough of this address until then (ms since the epoch). */
      paused: (until) => {
        pausedUntil = until;
        dueSince = 0;
        tell("paused");
      },
    },
  });
})();
