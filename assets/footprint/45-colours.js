/* The chart's colours: the page's own CSS variables, mixed to ramps once per theme. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  const SHADES = 16; // steps of a ramp
  const WEAKEST = 0.07;
  const STRONGEST = 0.62;
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

  const alphaOf = (shade) => WEAKEST + ((STRONGEST - WEAKEST) * shade) / (SHADES - 1);

  function ramp(colour) {
    return Array.from({ length: SHADES }, (_, shade) => faded(colour, alphaOf(shade)));
  }

  /* A colour as one pixel of an ImageData seen as 32 bit integers; every browser's platform is little-endian. */
  function pixel([red, green, blue], alpha) {
    return ((Math.round(alpha * 255) << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }

  /* The same ramp as pixels, and after it the full colour. */
  function pixels(colour) {
    return Uint32Array.from({ length: SHADES + 1 }, (_, shade) => pixel(colour, shade < SHADES ? alphaOf(shade) : 1));
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
      valueArea: faded(text, 0.075),
      warnTint: faded(warn, 0.09),
      warnHatch: faded(warn, 0.32),
      divider: faded(text, 0.22),
      column: faded(text, 0.05),
      bid: token(names.bid),
      ask: token(names.ask),
      bidRamp: ramp(bid),
      askRamp: ramp(ask),
      volumeRamp: ramp(accent),
      bidPixels: pixels(bid),
      askPixels: pixels(ask),
      volumePixels: pixels(accent),
      font: token("--of-font"),
    };
  }

  Object.assign(parts, { readColours, shadeOf, SHADES, PALETTE_NAMES: Object.keys(PALETTES) });
})();
