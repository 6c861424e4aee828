/* How old figures are when they reach this page, in a panel's status line: from the exchange's own time of the newest
   trade, over the server, to here. Nothing is asked for it: it is read off the polls and the socket as they come.

   The browser's clock is measured by the answers to its polls, which tell the server's time and how long they took, with
   half of the rest of the round trip. It is taken into account. The exchange's clock is not: how far it is off is told. */
(function () {
  "use strict";

  const MINUTE_MS = 60000;
  const JOIN_MS = 10000; // a delta and the poll that tells of it are seconds apart at most
  const LEAST = 5; // fewer samples say nothing
  const APART_MS = 100; // clocks that differ by more than this, beyond doubt, are told as a warning
  const POLL = "_dash-update-component";

  /* -- this browser's clock against the server's -- */

  let answers = []; // of the last minute: {at, offset, within}; offset is the server's clock less this one

  function noteAnswer(asked, answered, timing) {
    const took = /\bapp;dur=([\d.]+)/.exec(timing || "");
    const told = /\bclock;desc="(\d+)"/.exec(timing || "");
    if (!took || !told) return;
    const [spent, theirs] = [Number(took[1]), Number(told[1])];
    const within = Math.max(0.5, (answered - asked - spent) / 2);
    answers = answers.filter(({ at }) => answered - at < MINUTE_MS);
    answers.push({ at: answered, offset: theirs - spent / 2 - (asked + answered) / 2, within });
  }

  /* By the quickest answer of the last minute; null before the first. */
  function clock() {
    const fresh = answers.filter(({ at }) => Date.now() - at < MINUTE_MS);
    return fresh.reduce((best, each) => (best && best.within <= each.within ? best : each), null);
  }

  const fetchAsEver = window.fetch;
  window.fetch = function (resource, options) {
    const asked = Date.now();
    const answer = fetchAsEver.call(this, resource, options);
    if (String(resource.url || resource).split("?")[0].endsWith(POLL)) {
      const note = ({ headers }) => noteAnswer(asked, Date.now(), headers.get("Server-Timing"));
      answer.then(note, () => {}); // who asked hears of the failure
    }
    return answer;
  };

  /* -- when deltas came -- */

  const arrivals = new Map(); // series: Map of server_ts: time

  function arrived(series, serverTs, now) {
    if (document.hidden) return; // a tab that nobody sees is served late by its browser
    const times = arrivals.get(series) || new Map();
    for (const [ts, at] of times) if (now - at > JOIN_MS) times.delete(ts);
    times.set(serverTs, now);
    arrivals.set(series, times);
  }

  /* -- what a panel shows -- */

  const panels = new WeakMap(); // element: samples of the last minute {at, sent, here}

  function join(samples, { series, sent }, offset) {
    const times = arrivals.get(series);
    if (!times || offset === null) return;
    for (const [serverTs, age] of sent) {
      if (!times.has(serverTs) || samples.some(({ ts }) => ts === serverTs)) continue;
      const at = times.get(serverTs);
      samples.push({ ts: serverTs, at, sent: age, here: age + (at + offset - serverTs) });
    }
  }

  function quantiles(values) {
    if (values.length < LEAST) return null;
    const sorted = [...values].sort((a, b) => a - b);
    return [0.5, 0.99].map((share) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))]);
  }

  function duration(ms) {
    const size = Math.abs(ms);
    const sign = ms < 0 && Math.round(size) ? "−" : "";
    if (size < 999.5) return `${sign}${Math.round(size)} ms`;
    return size < 99500 ? `${sign}${(size / 1000).toFixed(1)} s` : `${sign}${Math.round(size / 1000)} s`;
  }

  /* Median and p99; where both have the same unit it stands once. */
  function pairText([p50, p99]) {
    const [first, second] = [duration(p50), duration(p99)];
    const unit = first.slice(first.lastIndexOf(" "));
    return `${first} (p99 ${second.endsWith(unit) ? second.slice(0, -unit.length) : second})`;
  }

  function skewText(who, skew, within, ending) {
    if (Math.abs(skew) <= within) return `${who} agrees with the server’s to ${duration(within)}.`;
    const side = skew > 0 ? "ahead of" : "behind";
    return `${who} is ${duration(Math.abs(skew))} ${side} the server’s, give or take ${duration(within)}. ${ending}`;
  }

  /* The status line has room for one figure: to here where that is known, else to the server. */
  function line(here, received) {
    if (here) return `exchange→here ${pairText(here)}`;
    return received ? `exchange→server ${pairText(received)}` : "";
  }

  function write(place, name, text) {
    const part = place.querySelector(`[data-latency="${name}"]`);
    if (part.textContent !== text) part.textContent = text;
  }

  /* Show what a poll told of a panel's latency; nothing where it has none. */
  function show(panel, told) {
    const place = panel.querySelector(".feed-latency");
    if (!place) return;
    const now = Date.now();
    const own = clock();
    const samples = (panels.get(panel) || []).filter(({ at }) => now - at < MINUTE_MS);
    panels.set(panel, samples);
    if (told) join(samples, told, own && own.offset);
    const sent = quantiles(samples.map((each) => each.sent));
    const here = quantiles(samples.map((each) => each.here));
    const text = told ? line(here, told.received) : "";
    place.hidden = !text;
    if (!text) return;
    const button = place.querySelector(".latency-button");
    if (button.textContent !== text) button.textContent = text;
    for (const [name, pair] of Object.entries({ received: told.received, sent, here })) {
      write(place, `${name}-p50`, pair ? duration(pair[0]) : "–");
      write(place, `${name}-p99`, pair ? duration(pair[1]) : "–");
    }
    const [skew, within] = told.clock || [0, 0];
    const venueClock = `The clock of ${told.venue}`;
    place.toggleAttribute("data-skewed", Boolean(told.clock) && Math.abs(skew) - within > APART_MS);
    write(
      place,
      "venue-clock",
      told.clock
        ? skewText(venueClock, skew, within, "The figures are not corrected for it.")
        : `${venueClock} has not been compared with the server’s.`
    );
    write(
      place,
      "browser-clock",
      own ? skewText("This browser’s clock", -own.offset, own.within, "The figures are corrected for it.") : ""
    );
  }

  window.orderflow = Object.assign(window.orderflow || {}, { latency: { arrived, show } });
})();
