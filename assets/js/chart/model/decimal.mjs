/* Figures as whole units (ticks, lots): a decimal becomes an integer on its way in and text on its way out, so that
   no sum ever shows a binary fraction. */

/** @type {[number, string][]} */
const UNITS = [
  [1e12, "T"],
  [1e9, "B"],
  [1e6, "M"],
  [1e3, "k"],
];
export const NOTHING = "–";
export const MINUS = "−"; // in text for people; exact texts have a hyphen

/**
 * Decimals of a number as JSON prints it: 1 of "0.5", 5 of "2e-5".
 * @param {string} token
 */
export function places(token) {
  const [mantissa, exponent] = token.toLowerCase().split("e");
  const point = mantissa.indexOf(".");
  const fraction = point < 0 ? 0 : mantissa.length - point - 1;
  return Math.max(0, fraction - Number(exponent || 0));
}

/**
 * A number in whole units of `decimals`; NaN if it is not a number or too large to be exact.
 * @param {unknown} value
 * @param {number} decimals
 */
export function units(value, decimals) {
  if (typeof value !== "number") return NaN;
  const scaled = value * 10 ** decimals;
  const whole = Math.round(scaled);
  const exact = Math.abs(scaled - whole) <= 1e-6 + Math.abs(whole) * 1e-15;
  return exact && Number.isSafeInteger(whole) ? whole + 0 : NaN;
}

/**
 * Units as decimal text, every digit: text(-5, 2) is "-0.05".
 * @param {number} whole
 * @param {number} decimals
 */
export function text(whole, decimals) {
  if (!Number.isFinite(whole)) return NOTHING;
  const digits = String(Math.abs(whole)).padStart(decimals + 1, "0");
  const cut = digits.length - decimals;
  return (whole < 0 ? "-" : "") + digits.slice(0, cut) + (decimals ? `.${digits.slice(cut)}` : "");
}

/**
 * The same digits, thousands marked.
 * @param {string} decimalText
 */
export function grouped(decimalText) {
  const [whole, fraction] = decimalText.replace("-", MINUS).split(".");
  const marked = whole.replace(/\B(?=(\d{3})+$)/g, ",");
  return fraction === undefined ? marked : `${marked}.${fraction}`;
}

/**
 * @param {number} whole
 * @param {number} decimals
 */
export function signed(whole, decimals) {
  return (whole > 0 ? "+" : "") + grouped(text(whole, decimals));
}

/**
 * The short form of money and volumes: three significant digits with k, M, B or T, no space, and never more decimals
 * than the figure has. web/text.py has the whole rule.
 * @param {number} value
 * @param {number} decimals
 */
export function compact(value, decimals) {
  if (!Number.isFinite(value)) return NOTHING;
  const size = Math.abs(value);
  for (const [unit, letter] of UNITS) {
    if (size >= unit * 0.9995) {
      const scaled = size / unit;
      const shown = grouped(scaled.toFixed(scaled < 9.995 ? 2 : scaled < 99.95 ? 1 : 0)) + letter;
      return value < 0 ? MINUS + shown : shown;
    }
  }
  const wanted = size < 9.995 ? (size < 0.9995 ? 2 - Math.floor(Math.log10(size)) : 2) : size < 99.95 ? 1 : 0;
  const shown = value.toFixed(Math.min(wanted, decimals, 20)).replace("-", MINUS);
  return Number(shown.replace(MINUS, "")) === 0 ? "0" : shown;
}

/**
 * A share in percent with one decimal.
 * @param {number} part
 * @param {number} whole
 */
export function percent(part, whole) {
  if (!whole) return NOTHING;
  const shown = ((100 * part) / whole).toFixed(1);
  return Number(shown) === 0 ? "0.0" : shown.replace("-", MINUS);
}
