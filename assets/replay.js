/* The replay's controls: fills every `.replay-controls` on the page and keeps all of them in step with the
   server. React renders these places empty and never looks inside. */
(function () {
  "use strict";

  const ASK_EVERY_MS = 500;
  const LOOK_EVERY_MS = 100;
  const LOOK_SELDOM_MS = 500; // where nothing is replayed
  const SPEEDS = [
    [1, "1×"],
    [5, "5×"],
    [20, "20×"],
    [100, "100×"],
    [0, "max"],
  ];
  const MINUTE = 60000;
  const PHASES = {
    waiting: "waits for a symbol to be opened",
    playing: "",
    paused: "paused",
    ended: "ended",
    failed: "nothing could be loaded",
  };

  const stamp = (time) => new Date(time).toISOString().slice(0, 19).replace("T", " ");
  const LEAD_MS = 1000; // after a silence the clock goes on so much before the next trade
  const SHOWN_SILENCES = 3; // the newest ones
  const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

  /* "No trades from 03:10 to 07:45: skipped", with the day where it is another one. */
  function silence({ from_ms, to_ms }) {
    const [from, to] = [stamp(from_ms).slice(0, 16), stamp(to_ms).slice(0, 16)];
    const until = from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to;
    return `No trades from ${from.slice(11)} to ${until}: skipped`;
  }

  function notes() {
    const files = state.files.flatMap((file) => file.notes.map((note) => `${file.name}: ${note}`));
    const passed = state.silences.filter((each) => each.to_ms <= state.clock_ms + LEAD_MS);
    return [...files, ...passed.slice(-SHOWN_SILENCES).map(silence)];
  }

  let state = null; // what the server said last
  let asked = 0; // the newest question; an older answer is out of date

  function element(tag, className, attributes) {
    const made = document.createElement(tag);
    made.className = className;
    Object.entries(attributes || {}).forEach(([name, value]) => made.setAttribute(name, value));
    return made;
  }

  function take(answer) {
    state = answer;
    document.querySelectorAll(".replay-controls").forEach(show);
  }

  async function ask(place, wish) {
    const number = ++asked;
    const options = wish && {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify(wish),
    };
    try {
      const response = await fetch(place.dataset.url, options || {});
      const answer = await response.json();
      if (response.ok && number === asked) take(answer);
    } catch {
      /* The page says by itself that it has lost its server. */
    }
  }

  function build(place) {
    const play = element("button", "replay-play btn btn-sm", { type: "button" });
    play.addEventListener("click", () => ask(place, { paused: !state.paused }));
    const speeds = element("div", "replay-speeds", { role: "group", "aria-label": "Speed" });
    SPEEDS.forEach(([speed, label]) => {
      const button = element("button", "btn btn-sm", { type: "button", "data-speed": speed });
      button.textContent = label;
      button.addEventListener("click", () => ask(place, { speed }));
      speeds.append(button);
    });
    const slider = element("input", "replay-slider", { type: "range", "aria-label": "Time of the replay" });
    const clock = element("span", "replay-clock", { title: "The replay's own time" });
    slider.addEventListener("input", () => {
      slider.dataset.held = "true";
      clock.textContent = `${stamp(Number(slider.value))} UTC`;
    });
    slider.addEventListener("change", () => {
      const wanted = Math.min(Math.max(Number(slider.value), slider.min), state.end_ms);
      ask(place, { seek_ms: wanted }).finally(() => delete slider.dataset.held);
    });
    const note = element("span", "replay-note", { role: "status" });
    const progress = element("progress", "replay-progress", { max: 1, "aria-label": "Loading" });
    const error = element("div", "replay-error", { role: "alert" });
    const remarks = element("div", "replay-remarks", { role: "status" });
    place.append(play, speeds, slider, clock, progress, note, error, remarks);
  }

  function set(node, name, value) {
    if (node[name] !== value) node[name] = value;
  }

  function show(place) {
    if (!place.firstChild) build(place);
    if (!state) return;
    const find = (css) => place.querySelector(css);
    const loading = state.phase === "loading";
    const ready = state.clock_ms !== null;
    place.dataset.phase = state.phase;
    for (const css of [".replay-play", ".replay-speeds", ".replay-slider", ".replay-clock"]) {
      set(find(css), "hidden", !ready);
    }
    set(find(".replay-progress"), "hidden", !loading);
    if (loading) {
      const share = state.loaded_bytes / Math.max(1, state.total_bytes);
      set(find(".replay-progress"), "value", share);
      set(find(".replay-note"), "textContent", `Loading: ${Math.floor(share * 100)} %, ${grouped(state.rows)} trades`);
    } else {
      set(find(".replay-note"), "textContent", PHASES[state.phase]);
    }
    const faults = state.files.map((file) => file.error).filter(Boolean);
    set(find(".replay-error"), "textContent", faults.join(" · "));
    set(find(".replay-remarks"), "textContent", notes().join(" · "));
    if (!ready) return;
    const play = find(".replay-play");
    set(play, "textContent", state.paused ? "▶" : "❚❚");
    play.setAttribute("aria-label", state.paused ? "Play" : "Pause");
    play.title = state.paused ? "Play" : "Pause";
    place.querySelectorAll("[data-speed]").forEach((button) => {
      const chosen = Number(button.dataset.speed) === state.speed;
      button.classList.toggle("active", chosen);
      button.setAttribute("aria-pressed", String(chosen));
    });
    const slider = find(".replay-slider");
    set(slider, "step", String(MINUTE));
    set(slider, "min", String(state.start_ms - (state.start_ms % MINUTE)));
    set(slider, "max", String(state.end_ms - (state.end_ms % MINUTE)));
    if (!slider.dataset.held) {
      set(slider, "value", String(state.clock_ms - (state.clock_ms % MINUTE)));
      set(find(".replay-clock"), "textContent", `${stamp(state.clock_ms)} UTC`);
    }
    slider.setAttribute("aria-valuetext", `${stamp(Number(slider.value))} UTC`);
  }

  let askedAt = 0;

  function look() {
    const places = document.querySelectorAll(".replay-controls");
    window.setTimeout(look, places.length ? LOOK_EVERY_MS : LOOK_SELDOM_MS);
    if (!places.length) return;
    places.forEach((place) => place.firstChild || show(place)); // a panel that was opened just now
    if (document.hidden || Date.now() - askedAt < ASK_EVERY_MS) return;
    askedAt = Date.now();
    ask(places[0]);
  }

  look();
})();
