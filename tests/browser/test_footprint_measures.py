"""The chart's measures in the browser are the definitions, held against plain Python."""

from __future__ import annotations

import random
from fractions import Fraction
from itertools import product
from typing import Any

import pytest

from tests.browser.conftest import Page
from tests.browser.footprint_page import ChartPage

BUY, SELL, STACKED_BUY, STACKED_SELL = 1, 2, 4, 8
STEP = 5
CASES = 400

Levels = dict[int, tuple[int, int]]  # price -> bid, ask

_CALL = """
const parts = window.orderflow.footprint.measures;
const columns = (rows) => ({
  p: Float64Array.from(rows, (row) => row[0]),
  bid: Float64Array.from(rows, (row) => row[1]),
  ask: Float64Array.from(rows, (row) => row[2]),
});
"""


def random_levels(chance: random.Random) -> Levels:
    """Ladders with holes, ties, zero sides, single levels and long runs of one side."""
    size = chance.choice([1, 2, 3, 5, 12, 30])
    prices = chance.sample(range(20, 20 + chance.choice([1, 2]) * size), size)
    bid, ask = (chance.choice([1, 3, 12, 1_000_000]) for _ in range(2))
    levels = {price * STEP: (chance.randint(0, bid), chance.randint(0, ask)) for price in prices}
    return {price: sides for price, sides in levels.items() if sum(sides)} or {100: (1, 0)}


def rows(levels: Levels) -> list[list[int]]:
    """Levels as the chart has them: high to low."""
    return [[price, *levels[price]] for price in sorted(levels, reverse=True)]


def poc_of(levels: Levels) -> int:
    """Most volume; then nearest the middle of the range; then lower."""
    middle = Fraction(min(levels) + max(levels), 2)
    return min(levels, key=lambda price: (-sum(levels[price]), abs(price - middle), price))


def value_area_of(levels: Levels, pair: int) -> dict[str, int]:
    """From the POC the larger of the next rows above or below, until 70 % of the volume are in."""
    poc = low = high = poc_of(levels)
    total = sum(map(sum, levels.values()))
    lowest, highest = min(levels), max(levels)
    volume = lambda prices: sum(sum(levels.get(price, (0, 0))) for price in prices)  # noqa: E731
    while Fraction(volume(range(low, high + 1, STEP)), total) < Fraction(7, 10):
        above = [high + STEP * number for number in range(1, pair + 1) if high + STEP * number <= highest]
        below = [low - STEP * number for number in range(1, pair + 1) if low - STEP * number >= lowest]
        up, down = volume(above), volume(below)
        is_upper = up > down or (up == down and high - poc < poc - low)
        if above and (not below or is_upper):
            high = above[-1]
        else:
            low = below[-1]
    return {"low": low, "high": high}


def flags_of(levels: Levels, ratio: float, least: int, zero_opposite: bool) -> dict[int, int]:
    """Diagonal imbalances by price, and which of them are stacked."""
    flags = {}
    for price, (bid, ask) in levels.items():
        below = levels.get(price - STEP, (0, 0))[0]
        above = levels.get(price + STEP, (0, 0))[1]
        flag = 0
        if price != min(levels) and ask > ratio * below and (below or zero_opposite) and ask * price >= least:
            flag |= BUY
        if price != max(levels) and bid > ratio * above and (above or zero_opposite) and bid * price >= least:
            flag |= SELL
        flags[price] = flag
    stacked = dict(flags)
    for side, mark in ((BUY, STACKED_BUY), (SELL, STACKED_SELL)):
        for price in levels:
            run = [price]
            while flags.get(run[-1] + STEP, 0) & side:
                run.append(run[-1] + STEP)
            if flags[price] & side and len(run) >= 3:
                for each in run:
                    stacked[each] |= mark
    return stacked


@pytest.fixture
def chart(page: Page) -> ChartPage:
    """A page that has the chart's code."""
    return ChartPage(page)


@pytest.fixture(scope="module")
def ladders() -> list[Levels]:
    """The same ladders in every run."""
    chance = random.Random(7)
    return [random_levels(chance) for _ in range(CASES)]


def test_the_poc_is_the_defined_one(chart: ChartPage, ladders: list[Levels]) -> None:
    """Most volume; tie nearest the middle, then the lower."""
    found = chart.page.js(
        _CALL + "return arguments[0].map((rows) => rows[parts.pointOfControl(columns(rows))][0])",
        [rows(levels) for levels in ladders],
    )
    assert found == [poc_of(levels) for levels in ladders]


@pytest.mark.parametrize("pair", [1, 2])
def test_the_value_area_is_the_defined_one(chart: ChartPage, ladders: list[Levels], pair: int) -> None:
    """70 % around the POC, by one row or by two."""
    found = chart.page.js(
        _CALL
        + "return arguments[0].map((rows) => parts.valueArea(columns(rows), arguments[1], arguments[2]))",
        [rows(levels) for levels in ladders],
        STEP,
        pair,
    )
    assert found == [value_area_of(levels, pair) for levels in ladders]


def test_diagonal_and_stacked_imbalances_are_the_defined_ones(
    chart: ChartPage, ladders: list[Levels]
) -> None:
    """By ratio, least notional and whether an empty opposite side counts."""
    for ratio, least, zero_opposite in product((3, 1, 2.5), (0, 40_000), (False, True)):
        rules: Any = {"ratio": ratio, "least": least, "zeroOpposite": zero_opposite}
        found = chart.page.js(
            _CALL
            + "const [ladders, step, rules] = arguments;"
            + "return ladders.map((rows) => [...parts.imbalances(columns(rows), step, rules)])",
            [rows(levels) for levels in ladders],
            STEP,
            rules,
        )
        expected = [flags_of(levels, ratio, least, zero_opposite) for levels in ladders]
        assert found == [
            [flags[price] for price in sorted(levels, reverse=True)]
            for levels, flags in zip(ladders, expected, strict=True)
        ], rules
        for side in (BUY, SELL, STACKED_BUY, STACKED_SELL):
            assert any(flag & side for flags in found for flag in flags)


def test_a_profile_is_the_sum_of_its_candles(chart: ChartPage, ladders: list[Levels]) -> None:
    """Bid and ask by price over all candles, high to low."""
    found = chart.page.js(
        _CALL + "const all = parts.profile(arguments[0].map((rows) => ({levels: columns(rows)})));"
        "return [...all.p].map((price, index) => [price, all.bid[index], all.ask[index]])",
        [rows(levels) for levels in ladders],
    )
    total: dict[int, list[int]] = {}
    for levels in ladders:
        for price, (bid, ask) in levels.items():
            sides = total.setdefault(price, [0, 0])
            sides[0] += bid
            sides[1] += ask
    assert found == [[price, *total[price]] for price in sorted(total, reverse=True)]


def test_no_levels_have_no_measures(chart: ChartPage) -> None:
    """An empty ladder breaks nothing."""
    found = chart.page.js(
        _CALL + "const none = columns([]);"
        "return [parts.pointOfControl(none), parts.valueArea(none, 5, 2),"
        "[...parts.imbalances(none, 5, {ratio: 3, least: 0, zeroOpposite: true})],"
        "parts.profile([{levels: none}]).p.length]"
    )
    assert found == [-1, None, [], 0]
