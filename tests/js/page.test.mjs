/* Modules of the page that need little of a browser: a stub stands in for it. */

import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";

const stored = new Map();
const listeners = {};
const requests = [];
let answers = [];

globalThis.window = globalThis;
globalThis.document = {
  documentElement: { dataset: {}, setAttribute() {}, removeAttribute() {} },
  getElementById: () => null,
  querySelector: (css) => (css.includes("binance") ? {} : null),
  addEventListener() {},
};
globalThis.localStorage = {
  getItem: (key) => stored.get(key) ?? null,
  setItem: (key, value) => stored.set(key, value),
};
globalThis.addEventListener = (name, listener) => {
  listeners[name] = listener;
};
globalThis.fetch = async (url, options) => {
  requests.push({ url: String(url), options });
  const { status = 200, headers = {} } = answers.shift() ?? {};
  return new Response(null, { status, headers });
};
globalThis.location = { href: "http://127.0.0.1/", pathname: "/", search: "", hash: "" };

const preferences = await import("../../assets/js/symbols/preferences.mjs");
const { duration, pairText, quantiles } = await import("../../assets/js/panel/latency.mjs");
const { ageText, causeAfter } = await import("../../assets/js/panel/live.mjs");
const { encoded, panelText } = await import("../../assets/js/panel/share.mjs");
const { linePath } = await import("../../assets/js/symbols/sparkline.mjs");
const { notePoll } = await import("../../assets/js/panel/updates.mjs");
const { request } = await import("../../assets/js/pages/http.mjs");

beforeEach(() => {
  stored.clear();
  requests.length = 0;
  answers = [];
});

test("favorites are toggled and stored", () => {
  preferences.startPreferences();
  assert.ok(preferences.toggleFavorite("demo:ETHUSDT"));
  assert.ok(preferences.isFavorite("demo:ETHUSDT"));
  assert.equal(stored.get("symbol-favorites"), '["demo:ETHUSDT"]');
  preferences.toggleFavorite("demo:ETHUSDT");
  assert.ok(!preferences.hasFavorites());
});

test("stored favorites are not trusted", () => {
  stored.set("symbol-favorites", JSON.stringify([1, null, "x", "demo:ETHUSDT", {}]));
  preferences.startPreferences();
  assert.ok(preferences.isFavorite("demo:ETHUSDT"));
  preferences.toggleFavorite("demo:BTCUSDT");
  assert.deepEqual(JSON.parse(stored.get("symbol-favorites")), ["demo:ETHUSDT", "demo:BTCUSDT"]);
});

test("a favorite beyond the limit is refused", () => {
  const full = Array.from({ length: preferences.MOST_FAVORITES }, (_, index) => `demo:S${index}`);
  stored.set("symbol-favorites", JSON.stringify(full));
  preferences.startPreferences();
  assert.equal(preferences.toggleFavorite("demo:ONEMORE"), false);
});

test("another tab's favorites are followed", () => {
  preferences.startPreferences();
  const changes = [];
  preferences.onChange((change) => changes.push(change));
  stored.set("symbol-favorites", '["demo:SOLUSDT"]');
  listeners.storage({ key: "symbol-favorites" });
  assert.ok(preferences.isFavorite("demo:SOLUSDT"));
  assert.deepEqual(changes, ["favorites"]);
});

test("a stored venue counts only if it is served", () => {
  const stands = { binance: "binance", nowhere: "", 'x"]': "", 7: "" };
  for (const [name, expected] of Object.entries(stands)) {
    stored.set("symbol-venue", JSON.stringify(name));
    assert.equal(preferences.venue(), expected);
  }
});

test("each layout keeps its own columns", () => {
  assert.equal(preferences.columnsOf("wide"), null);
  preferences.chooseColumns("wide", ["last"]);
  preferences.chooseColumns("narrow", ["volume", "change"]);
  assert.deepEqual(preferences.columnsOf("wide"), ["last"]);
  preferences.chooseColumns("wide", null);
  assert.equal(preferences.columnsOf("wide"), null);
  assert.deepEqual(preferences.columnsOf("narrow"), ["volume", "change"]);
});

test("quantiles need five samples", () => {
  assert.equal(quantiles([1, 2, 3, 4]), null);
  assert.deepEqual(quantiles([5, 1, 4, 2, 3]), [3, 5]);
});

test("durations have one unit, written once", () => {
  assert.deepEqual([0, 12.4, -3, 1234, 250_000].map(duration), ["0 ms", "12 ms", "−3 ms", "1.2 s", "250 s"]);
  assert.equal(pairText([12, 80]), "12 ms (p99 80)");
  assert.equal(pairText([900, 1500]), "900 ms (p99 1.5 s)");
});

test("a panel's text names its view and options", () => {
  const view = { exchange: "demo", symbol: "BTCUSDT", tf: "1m", step: "0.5", units: "quote" };
  assert.equal(panelText(view), "demo:BTCUSDT:1m:0.5:units=quote");
  assert.equal(encoded("a&b c:d=e"), "a%26b%20c:d=e");
});

test("a missing hour breaks the line", () => {
  assert.equal(linePath(["0", "100", "-", "50", "50"]), "M1.0 17.0L18.5 1.0M53.5 9.0L71.0 9.0");
});

test("a limited request is repeated when the limit ends", async () => {
  answers = [{ status: 429, headers: { "Retry-After": "0.01" } }, { status: 200 }];
  Math.random = () => 0;
  const body = JSON.stringify({ changedPropIds: ["panel-step.value"] });
  const response = await request("/_dash-update-component", { body });
  assert.equal(response.status, 200);
  assert.equal(requests.length, 2);
});

test("a tick in a pause is skipped", async () => {
  answers = [{ status: 429, headers: { "Retry-After": "0.2" } }, { status: 200 }];
  Math.random = () => 0;
  const click = request("/_dash-layout");
  await new Promise((resolve) => setTimeout(resolve, 20));
  const body = JSON.stringify({ changedPropIds: ["tick.n_intervals"] });
  assert.equal((await request("/_dash-update-component", { body })).status, 204);
  assert.equal((await click).status, 200);
  assert.equal(requests.length, 2);
});

test("slow polls slow the interval down", async () => {
  const intervals = [];
  globalThis.dash_clientside = { set_props: (_id, { interval }) => intervals.push(interval) };
  for (const ms of [100, 699, 700, 1900, 20_000, 100]) notePoll(ms);
  assert.deepEqual(intervals, [2000, 4000, 10_000, 1000]);
});

test("an age has one unit", () => {
  const ages = [-5, 3210, 12_900, 119_999, 120_000, 7_200_000].map(ageText);
  assert.deepEqual(ages, ["0.0 s", "3.2 s", "12 s", "119 s", "2 min", "2 h"]);
});

test("the duration of a cause grows; its other figures stay", () => {
  const cause = "no trade for 14 s; more than 10 s is unusual";
  assert.equal(causeAfter(cause, 2900), "no trade for 16 s; more than 10 s is unusual");
  assert.equal(causeAfter("next attempt in 5 s", 2900), "next attempt in 5 s");
});

test("other requests are not limited", async () => {
  answers = [{ status: 429 }];
  assert.equal((await request("api/replay")).status, 429);
});
