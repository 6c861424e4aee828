/* Random ladders, the same in every run. */

export const STEP = 5;

/** Numbers in [0, 1) from a seed (mulberry32). */
export function chanceOf(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A ladder {price: [bid, ask]} with holes, ties, zero sides, single levels or long runs of one side. */
function randomLadder(chance) {
  const below = (limit) => Math.floor(chance() * limit);
  const pick = (values) => values[below(values.length)];
  const size = pick([1, 2, 3, 5, 12, 30]);
  const span = pick([1, 2]) * size;
  const prices = Array.from({ length: span }, (_, index) => 20 + index)
    .map((price) => ({ price, order: chance() }))
    .sort((one, other) => one.order - other.order)
    .slice(0, size)
    .map(({ price }) => price * STEP);
  const [bid, ask] = [pick([1, 3, 12, 1_000_000]), pick([1, 3, 12, 1_000_000])];
  const ladder = new Map();
  for (const price of prices) {
    const sides = [below(bid + 1), below(ask + 1)];
    if (sides[0] + sides[1]) ladder.set(price, sides);
  }
  return ladder.size ? ladder : new Map([[100, [1, 0]]]);
}

export function randomLadders(count) {
  const chance = chanceOf(7);
  return Array.from({ length: count }, () => randomLadder(chance));
}

/** A ladder as the chart has it: columns, high to low. */
export function columnsOf(ladder) {
  const prices = [...ladder.keys()].sort((one, other) => other - one);
  return {
    p: Float64Array.from(prices),
    bid: Float64Array.from(prices, (price) => ladder.get(price)[0]),
    ask: Float64Array.from(prices, (price) => ladder.get(price)[1]),
    n: Float64Array.from(prices, () => 1),
  };
}
