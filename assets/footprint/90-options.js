/* The chart's options: defaults, and what each accepts. */
(function () {
  "use strict";

  const parts = window.orderflow.footprint;

  const COLOURINGS = ["delta", "volume", "imbalance"];
  const oneOf = (...values) => [(value) => values.includes(value), values.join(" | ")];
  const atLeast = (least) => [(value) => Number.isFinite(value) && value >= least, `a number from ${least}`];
  const yesOrNo = oneOf(true, false);

  /* name: [default, test, what is accepted] */
  const OPTIONS = {
    content: ["bid-ask", ...oneOf(...parts.CONTENTS)],
    colouring: ["delta", ...oneOf(...COLOURINGS)],
    /* What is full colour: the strongest cell of the candle, of all in sight, or a cell of so much quote currency. */
    scale: [
      "candle",
      (value) => value === "candle" || value === "visible" || (Number.isFinite(value) && value > 0),
      "candle | visible | a number above 0",
    ],
    ratio: [3, ...atLeast(1)],
    minNotional: [0, ...atLeast(0)], // quote currency
    zeroOpposite: [false, ...yesOrNo],
    valueAreaRows: [2, ...oneOf(1, 2)],
    units: ["base", ...oneOf("base", "quote")],
    grouping: [true, ...yesOrNo], // rows too low for text hold several levels
    sideSwap: [false, ...yesOrNo], // ask on the left
    palette: ["red-green", ...oneOf(...parts.PALETTE_NAMES)],
    valueArea: [true, ...yesOrNo],
    imbalances: [true, ...yesOrNo],
    profile: [true, ...yesOrNo],
    statistics: [true, ...yesOrNo],
  };

  const GIVEN = ["feed", "help"]; // objects of the page's own
  const VIEW = ["exchange", "symbol", "tf", "step", "lookback", "emitMs"];
  const LOOKBACK = 30;

  /* All options with some changed. Throws a RangeError for a name or a value that is not accepted. */
  function withOptions(options, changes) {
    const result = { ...options };
    for (const [name, value] of Object.entries(changes)) {
      if (VIEW.includes(name) || GIVEN.includes(name)) {
        result[name] = value;
        continue;
      }
      if (!OPTIONS[name]) throw new RangeError(`the footprint chart has no option ${name}`);
      const [, test, accepted] = OPTIONS[name];
      if (!test(value)) throw new RangeError(`${name}=${value} is not accepted: ${accepted}`);
      result[name] = value;
    }
    return result;
  }

  function defaultOptions() {
    const options = { lookback: LOOKBACK, help: {} };
    for (const [name, [value]] of Object.entries(OPTIONS)) options[name] = value;
    return options;
  }

  /* Whether two sets of options show the same view of the same feed. */
  function sameView(one, other) {
    return one.feed === other.feed && VIEW.every((name) => one[name] === other[name]);
  }

  Object.assign(parts, { COLOURINGS, withOptions, defaultOptions, sameView });
})();
