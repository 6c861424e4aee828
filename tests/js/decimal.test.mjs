import assert from "node:assert/strict";
import { test } from "node:test";

import {
  compact,
  grouped,
  percent,
  places,
  signed,
  text,
  units,
} from "../../assets/js/chart/model/decimal.mjs";

const AMOUNTS = [
  [1e-9, 9, "0.000000001"],
  [-1e-9, 9, "−0.000000001"],
  [1e-9, 2, "0"],
  [-0.001, 2, "0"],
  [0.000123456, 9, "0.000123"],
  [0.5, 3, "0.500"],
  [0, 3, "0"],
  [-0, 3, "0"],
  [1, 0, "1"],
  [12.345, 3, "12.3"],
  [999.4, 2, "999"],
  [999.6, 2, "1.00k"],
  [-1234, 0, "−1.23k"],
  [123_456, 0, "123k"],
  [999_999, 0, "1.00M"],
  [1e6, 0, "1.00M"],
  [-2.5e9, 0, "−2.50B"],
  [1e12, 0, "1.00T"],
  [-1e12, 0, "−1.00T"],
  [3.5639e16, 0, "35,639T"],
  [NaN, 2, "–"],
];

test("short amounts have three significant digits", () => {
  for (const [value, decimals, expected] of AMOUNTS) assert.equal(compact(value, decimals), expected);
});

test("decimals are those of the JSON text", () => {
  const tokens = ["5", "0.5", "2e-5", "1.25E-7", "1e3", "-10.050"];
  assert.deepEqual(tokens.map(places), [0, 1, 5, 9, 0, 3]);
});

test("a decimal becomes whole units and the same text", () => {
  for (const digits of ["0.1", "-0.05", "97000.0", "0.00000001", "4503599627370.496"]) {
    const decimals = places(digits);
    assert.equal(text(units(Number(digits), decimals), decimals), digits);
  }
});

test("sums of units show no binary fractions", () => {
  assert.equal(text(units(0.1, 1) + units(0.2, 1), 1), "0.3");
});

test("inexact and missing numbers have no units", () => {
  for (const [value, decimals] of [
    [0.15, 1],
    [2 ** 53, 3],
    ["1", 0],
    [null, 0],
    [undefined, 2],
  ]) {
    assert.ok(Number.isNaN(units(value, decimals)), String(value));
  }
});

test("text for people has thousands and a minus sign", () => {
  assert.equal(grouped("-1234567.89"), "−1,234,567.89");
  assert.equal(grouped("0.123456"), "0.123456");
  assert.equal(signed(5, 1), "+0.5");
  assert.equal(signed(-12345, 0), "−12,345");
  assert.equal(signed(0, 2), "0.00");
});

test("percent has one decimal and no negative zero", () => {
  assert.equal(percent(1, 3), "33.3");
  assert.equal(percent(-1, 3), "−33.3");
  assert.equal(percent(-1, 1e6), "0.0");
  assert.equal(percent(1, 0), "–");
});
