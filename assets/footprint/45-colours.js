/* The chart's colours: the page's own CSS variables, mixed to ramps once per theme. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  const SHADES = 16; // steps of a ramp
  const WEAKEST = 0.07;
  const STRONGEST = 0.62; // or less, where texts would not be readable on it
  const READABLE = 4.6; // to 1: a little more than WCAG AA asks for
  const VALUE_AREA = 0.075; // of the text's colour, below the cells
  const PALETTES = {
    "red-green": { bid: "--of-bid", ask: "--of-ask" },
    "blue-orange": { bid: "--of-bid-orange", ask: "--of-ask-blue" },
  };

  /* Red, green and blue of any colour that CSS can say, by the canvas's own reading of it. */
  function channels(context, colour) {
    context.fillStyle = "#000000";
    context.fillStyle = colour;
    const plain = context.fillStyle;
    if (plain.startsWith("#")) return [1, 3, 5].map((at) => parseInt(plain.slice(at, at + 2), 16));
    return plain.match(/[\d.]+/g).slice(0, 3).map(Number);
  }

  const faded = ([red, green, blue], alpha) => `rgba(${red}, ${green}, ${blue}, ${alpha.toFixed(3)})`;

  /* A colour on a ground, as it is seen. */
  const mixed = (colour, alpha, ground) => colour.map((each, at) => alpha * each + (1 - alpha) * ground[at]);

  function luminance(colour) {
    const [red, green, blue] = colour.map((each) => {
      const share = each / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }

  /* Contrast of two colours by WCAG 2. */
  function contrast(one, other) {
    const [light, dark] = [luminance(one), luminance(other)].sort((a, b) => b - a);
    return (light + 0.05) / (dark + 0.05);
  }

  /* How opaque a colour may be so that a text on it stays readable. */
  function strongest(colour, text, ground) {
    let alpha = STRONGEST;
    while (alpha > WEAKEST && contrast(text, mixed(colour, alpha, ground)) < READABLE) alpha -= 0.01;
    return alpha;
  }

  const alphaOf = (shade, most) => WEAKEST + ((most - WEAKEST) * shade) / (SHADES - 1);

  function ramp(colour, most) {
    return Array.from({ length: SHADES }, (_, shade) => faded(colour, alphaOf(shade, most)));
  }

  /* A colour as one pixel of an ImageData seen as 32 bit integers; every browser's platform is little-endian. */
  function pixel([red, green, blue], alpha) {
    return ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }

  /* The same ramp as pixels, and after it the full colour. */
  function pixels(colour, most) {
    return Uint32Array.from({ length: SHADES + 1 }, (_, shade) =>
      pixel(colour, shade < SHADES ? alphaOf(shade, most) : 1)
    );
  }

  /* Index of a ramp for a strength of 0 to 1; what is stronger is as strong as it gets. */
  function shadeOf(strength) {
    return Math.min(SHADES - 1, Math.max(0, Math.floor(strength * SHADES)));
  }

  /* Read the colours that hold at an element. */
  function readColours(element, context, paletteName) {
    const style = window.getComputedStyle(element);
    const token = (name) => style.getPropertyValue(name).trim() || "#808080";
    const names = PALETTES[paletteName];
    const read = (name) => channels(context, token(name));
    const [bid, ask, text, muted, warn, accent] = [
      read(names.bid),
      read(names.ask),
      ...["--of-text", "--of-muted", "--of-warn", "--of-accent"].map(read),
    ];
    const ground = mixed(text, VALUE_AREA, read("--of-surface"));
    const [bidMost, askMost, volumeMost] = [bid, ask, accent].map((colour) => strongest(colour, text, ground));
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

  Object.assign(parts, { readColours, shadeOf, SHADES, PALETTE_NAMES: Object.keys(PALETTES) });
})();
