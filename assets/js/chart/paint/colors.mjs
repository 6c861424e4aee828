/* The chart's colors: the page's own CSS variables, mixed to ramps once per theme. */

/** @typedef {number[]} Channels red, green and blue, 0 to 255 */
/** @typedef {ReturnType<typeof readColors>} Colors */

export const SHADES = 16; // steps of a ramp
const WEAKEST = 0.07;
const STRONGEST = 0.62; // or less, where text would not be readable on it
const READABLE = 4.6; // to 1: a little more than WCAG AA requires
const VALUE_AREA = 0.075; // of the text's color, below the cells
/** @type {Record<string, {bid: string, ask: string}>} */
const PALETTES = {
  "red-green": { bid: "--of-bid", ask: "--of-ask" },
  "blue-orange": { bid: "--of-bid-orange", ask: "--of-ask-blue" },
};
export const PALETTE_NAMES = Object.keys(PALETTES);

/**
 * The channels of any CSS color, as the canvas parses it.
 * @param {CanvasRenderingContext2D} context
 * @param {string} color
 * @returns {Channels}
 */
function channels(context, color) {
  context.fillStyle = "#000000";
  context.fillStyle = color;
  const plain = String(context.fillStyle);
  if (plain.startsWith("#")) return [1, 3, 5].map((at) => parseInt(plain.slice(at, at + 2), 16));
  return (plain.match(/[\d.]+/g) ?? ["0", "0", "0"]).slice(0, 3).map(Number);
}

/** @type {(color: Channels, alpha: number) => string} */
const faded = ([red, green, blue], alpha) => `rgba(${red}, ${green}, ${blue}, ${alpha.toFixed(3)})`;

/**
 * A translucent color as it looks on a ground.
 * @type {(color: Channels, alpha: number, ground: Channels) => Channels}
 */
const mixed = (color, alpha, ground) => color.map((each, at) => alpha * each + (1 - alpha) * ground[at]);

/** @param {Channels} color */
function luminance(color) {
  const [red, green, blue] = color.map((each) => {
    const share = each / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
}

/**
 * Contrast of two colors by WCAG 2.
 * @param {Channels} one
 * @param {Channels} other
 */
function contrast(one, other) {
  const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

/**
 * The highest opacity of a color on which text stays readable.
 * @param {Channels} color
 * @param {Channels} text
 * @param {Channels} ground
 */
function strongest(color, text, ground) {
  let alpha = STRONGEST;
  while (alpha > WEAKEST && contrast(text, mixed(color, alpha, ground)) < READABLE) alpha -= 0.01;
  return alpha;
}

/** @type {(shade: number, most: number) => number} */
const alphaOf = (shade, most) => WEAKEST + ((most - WEAKEST) * shade) / (SHADES - 1);

/**
 * @param {Channels} color
 * @param {number} most
 */
function ramp(color, most) {
  return Array.from({ length: SHADES }, (_, shade) => faded(color, alphaOf(shade, most)));
}

/**
 * A color as one pixel of an ImageData read as 32 bit integers; browsers run on little-endian platforms only.
 * @param {Channels} color
 * @param {number} alpha
 */
function pixel([red, green, blue], alpha) {
  return ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
}

/**
 * The same ramp as pixels, and after it the full color.
 * @param {Channels} color
 * @param {number} most
 */
function pixels(color, most) {
  return Uint32Array.from({ length: SHADES + 1 }, (_, shade) =>
    pixel(color, shade < SHADES ? alphaOf(shade, most) : 1),
  );
}

/**
 * Index of a ramp for a strength of 0 to 1; greater strengths have the last shade.
 * @param {number} strength
 */
export function shadeOf(strength) {
  return Math.min(SHADES - 1, Math.max(0, Math.floor(strength * SHADES)));
}

/**
 * Read the colors in effect at an element.
 * @param {Element} element
 * @param {CanvasRenderingContext2D} context
 * @param {string} paletteName
 */
export function readColors(element, context, paletteName) {
  const style = window.getComputedStyle(element);
  /** @type {(name: string) => string} */
  const token = (name) => style.getPropertyValue(name).trim() || "#808080";
  const names = PALETTES[paletteName];
  /** @type {(name: string) => Channels} */
  const read = (name) => channels(context, token(name));
  const [bid, ask, text, muted, warn, accent] = [
    read(names.bid),
    read(names.ask),
    ...["--of-text", "--of-muted", "--of-warn", "--of-accent"].map(read),
  ];
  const ground = mixed(text, VALUE_AREA, read("--of-surface"));
  const [bidMost, askMost, volumeMost] = [bid, ask, accent].map((color) => strongest(color, text, ground));
  return {
    surface: token("--of-surface"),
    raised: token("--of-raised"),
    line: token("--of-line"),
    lineStrong: token("--of-line-strong"),
    text: token("--of-text"),
    muted: token("--of-muted"),
    warn: token("--of-warn"),
    accent: token("--of-accent"),
    faint: faded(muted, 0.62),
    valueArea: faded(text, VALUE_AREA),
    warnTint: faded(warn, 0.09),
    warnHatch: faded(warn, 0.32),
    divider: faded(text, 0.22),
    column: faded(text, 0.05),
    bid: token(names.bid),
    ask: token(names.ask),
    bidRamp: ramp(bid, bidMost),
    askRamp: ramp(ask, askMost),
    volumeRamp: ramp(accent, volumeMost),
    bidPixels: pixels(bid, bidMost),
    askPixels: pixels(ask, askMost),
    volumePixels: pixels(accent, volumeMost),
    font: token("--of-font"),
  };
}
