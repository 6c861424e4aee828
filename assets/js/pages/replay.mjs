/* The replay's controls: fills every `.replay-controls` on the page and keeps all of them in step with the server.
   React renders these places empty and never updates them. */

import { createElement, find, put } from "../dom.mjs";
import { request } from "./http.mjs";

/**
 * The answer of /api/replay.
 * @typedef {object} ReplayState
 * @property {"waiting" | "loading" | "playing" | "paused" | "ended" | "failed"} phase
 * @property {boolean} paused
 * @property {number} speed
 * @property {number | null} clock_ms
 * @property {number} start_ms
 * @property {number} end_ms
 * @property {number} loaded_bytes
 * @property {number} total_bytes
 * @property {number} rows
 * @property {{name: string, notes: string[], error: string | null}[]} files
 * @property {{from_ms: number, to_ms: number}[]} silences
 */

const ASK_EVERY_MS = 500;
const LOOK_EVERY_MS = 100;
const LOOK_SELDOM_MS = 500; // without a replay
/** @type {[number, string][]} */
const SPEEDS = [
  [1, "1×"],
  [5, "5×"],
  [20, "20×"],
  [100, "100×"],
  [0, "max"],
];
const MINUTE = 60000;
const PHASES = {
  waiting: "waiting for a symbol to be opened",
  loading: "",
  playing: "",
  paused: "paused",
  ended: "ended",
  failed: "no file could be loaded",
};
const LEAD_MS = 1000; // after a silence the clock resumes this long before the next trade
const SHOWN_SILENCES = 3; // the newest ones

/** @type {ReplayState | null} */
let state = null;
let asked = 0; // number of the newest request; older answers are out of date
let askedAt = 0;

/** @param {number} time */
const stamp = (time) => new Date(time).toISOString().slice(0, 19).replace("T", " ");
/** @param {number} time */
const wholeMinute = (time) => time - (time % MINUTE);
/** @param {number} count */
const grouped = (count) => String(count).replace(/\B(?=(\d{3})+$)/g, ",");

/**
 * "No trades from 03:10 to 07:45: skipped", with the day if it differs.
 * @param {{from_ms: number, to_ms: number}} silence
 */
function silenceNote({ from_ms, to_ms }) {
  const [from, to] = [stamp(from_ms).slice(0, 16), stamp(to_ms).slice(0, 16)];
  const until = from.slice(0, 10) === to.slice(0, 10) ? to.slice(11) : to;
  return `No trades from ${from.slice(11)} to ${until}: skipped`;
}

/** @param {ReplayState} state */
function notes({ files, silences, clock_ms }) {
  const ofFiles = files.flatMap((file) => file.notes.map((note) => `${file.name}: ${note}`));
  const passed = silences.filter(({ to_ms }) => to_ms <= (clock_ms ?? 0) + LEAD_MS);
  return [...ofFiles, ...passed.slice(-SHOWN_SILENCES).map(silenceNote)];
}

/** @returns {NodeListOf<HTMLElement>} */
const places = () => document.querySelectorAll(".replay-controls");

/**
 * Read the replay's state, or change it.
 * @param {HTMLElement} place
 * @param {Record<string, unknown>} [change]
 */
async function ask(place, change) {
  asked += 1;
  const number = asked;
  const options = change && {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(change),
  };
  try {
    const response = await request(place.dataset.url ?? "", options);
    const answer = await response.json();
    if (!response.ok || number !== asked) return;
    state = answer;
    for (const each of places()) show(each);
  } catch {
    // The connection banner reports a lost server.
  }
}

/** @param {HTMLElement} place */
function build(place) {
  const play = createElement("button", "replay-play btn btn-sm", { type: "button" });
  play.addEventListener("click", () => ask(place, { paused: !state?.paused }));
  const speeds = createElement("div", "replay-speeds", { role: "group", "aria-label": "Speed" });
  for (const [speed, label] of SPEEDS) {
    const button = createElement("button", "btn btn-sm", { type: "button", "data-speed": String(speed) });
    button.textContent = label;
    button.addEventListener("click", () => ask(place, { speed }));
    speeds.append(button);
  }
  const clock = createElement("span", "replay-clock", { title: "The replay's own time" });
  const note = createElement("span", "replay-note", { role: "status" });
  const progress = createElement("progress", "replay-progress", { max: "1", "aria-label": "Loading" });
  const error = createElement("div", "replay-error", { role: "alert" });
  const remarks = createElement("div", "replay-remarks", { role: "status" });
  place.append(play, speeds, createSlider(place, clock), clock, progress, note, error, remarks);
}

/**
 * @param {HTMLElement} place
 * @param {HTMLElement} clock
 */
function createSlider(place, clock) {
  const slider = createElement("input", "replay-slider", {
    type: "range",
    "aria-label": "Time of the replay",
  });
  slider.addEventListener("input", () => {
    slider.dataset.held = "true";
    clock.textContent = `${stamp(Number(slider.value))} UTC`;
  });
  slider.addEventListener("change", () => {
    const end = state?.end_ms ?? Number(slider.max);
    const wanted = Math.min(Math.max(Number(slider.value), Number(slider.min)), end);
    ask(place, { seek_ms: wanted }).finally(() => delete slider.dataset.held);
  });
  return slider;
}

/** @param {HTMLElement} place */
function show(place) {
  if (!place.firstChild) build(place);
  if (!state) return;
  const isReady = state.clock_ms !== null;
  place.dataset.phase = state.phase;
  for (const css of [".replay-play", ".replay-speeds", ".replay-slider", ".replay-clock"]) {
    put(find(place, css), "hidden", !isReady);
  }
  showProgress(place, state);
  const errors = state.files.map((file) => file.error).filter(Boolean);
  put(find(place, ".replay-error"), "textContent", errors.join(" · "));
  put(find(place, ".replay-remarks"), "textContent", notes(state).join(" · "));
  if (state.clock_ms === null) return;
  showButtons(place, state);
  showTime(place, state, state.clock_ms);
}

/**
 * @param {HTMLElement} place
 * @param {ReplayState} state
 */
function showProgress(place, { phase, loaded_bytes, total_bytes, rows }) {
  const progress = /** @type {HTMLProgressElement} */ (find(place, ".replay-progress"));
  const note = find(place, ".replay-note");
  put(progress, "hidden", phase !== "loading");
  if (phase !== "loading") {
    put(note, "textContent", PHASES[phase]);
    return;
  }
  const share = loaded_bytes / Math.max(1, total_bytes);
  put(progress, "value", share);
  put(note, "textContent", `Loading: ${Math.floor(share * 100)} %, ${grouped(rows)} trades`);
}

/**
 * @param {HTMLElement} place
 * @param {ReplayState} state
 */
function showButtons(place, { paused, speed }) {
  const play = find(place, ".replay-play");
  put(play, "textContent", paused ? "▶" : "❚❚");
  play.setAttribute("aria-label", paused ? "Play" : "Pause");
  play.title = paused ? "Play" : "Pause";
  /** @type {NodeListOf<HTMLElement>} */
  const buttons = place.querySelectorAll("[data-speed]");
  for (const button of buttons) {
    const isChosen = Number(button.dataset.speed) === speed;
    button.classList.toggle("active", isChosen);
    button.setAttribute("aria-pressed", String(isChosen));
  }
}

/**
 * @param {HTMLElement} place
 * @param {ReplayState} state
 * @param {number} clock_ms
 */
function showTime(place, { start_ms, end_ms }, clock_ms) {
  const slider = /** @type {HTMLInputElement} */ (find(place, ".replay-slider"));
  put(slider, "step", String(MINUTE));
  put(slider, "min", String(wholeMinute(start_ms)));
  put(slider, "max", String(wholeMinute(end_ms)));
  if (!slider.dataset.held) {
    put(slider, "value", String(wholeMinute(clock_ms)));
    put(find(place, ".replay-clock"), "textContent", `${stamp(clock_ms)} UTC`);
  }
  slider.setAttribute("aria-valuetext", `${stamp(Number(slider.value))} UTC`);
}

/* Look for controls on the page, and ask for their state. */
export function watchReplay() {
  const found = places();
  window.setTimeout(watchReplay, found.length ? LOOK_EVERY_MS : LOOK_SELDOM_MS);
  if (!found.length) return;
  for (const place of found) if (!place.firstChild) show(place); // a panel that was just opened
  if (document.hidden || Date.now() - askedAt < ASK_EVERY_MS) return;
  askedAt = Date.now();
  ask(found[0]);
}
