"""Diagonal imbalances, held against their definition in the plainest words."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.indicators.imbalance import diagonal_imbalances

volumes = st.integers(0, 12)
ladders = st.dictionaries(st.integers(1, 14), st.tuples(volumes, volumes), min_size=1)
ratios = st.sampled_from([Fraction(3), Fraction(3, 2), Fraction(1), Fraction(401, 100)])


def arrays(ladder: dict[int, tuple[int, int]], step: int) -> tuple[np.ndarray, np.ndarray]:
    """Levels and turnover as a candle has them; the keys count steps."""
    prices = sorted(ladder, reverse=True)
    levels = [[price * step, *ladder[price], 1] for price in prices]
    paid = [[price * step * side for side in ladder[price]] for price in prices]
    return np.array(levels, dtype=np.int64), np.array(paid, dtype=np.int64)


def plain(
    ladder: dict[int, tuple[int, int]], step: int, ratio: Fraction, minimum: int, *, zero: bool
) -> dict[str, set[int]]:
    """Level by level, as the definition reads."""
    buy, sell = set(), set()
    for price, (bid, ask) in ladder.items():
        below = ladder.get(price - 1, (0, 0))[0]
        above = ladder.get(price + 1, (0, 0))[1]
        if price != min(ladder) and ask > ratio * below and (below or zero) and ask * price * step >= minimum:
            buy.add(price)
        if price != max(ladder) and bid > ratio * above and (above or zero) and bid * price * step >= minimum:
            sell.add(price)
    return {
        "buy": buy,
        "sell": sell,
        "stacked_buy": in_rows_of_three(buy),
        "stacked_sell": in_rows_of_three(sell),
    }


def in_rows_of_three(prices: set[int]) -> set[int]:
    """Prices with two neighbors on one side, or one on each."""
    return {
        price for price in prices if any(set(range(price - n, price - n + 3)) <= prices for n in range(3))
    }


@given(ladders, st.sampled_from([1, 5]), ratios, st.sampled_from([0, 1, 40, 300]), st.booleans())
def test_marks_are_those_of_the_plain_definition(ladder, step, ratio, minimum, zero):
    """At any step, ratio, minimum and treatment of an empty other side."""
    levels, paid = arrays(ladder, step)
    found = diagonal_imbalances(levels, step, ratio=ratio, minimum=minimum, turnover=paid, zero_opposite=zero)
    for name, expected in plain(ladder, step, ratio, minimum, zero=zero).items():
        marked = levels[getattr(found, name), 0]
        assert {int(price) // step for price in marked} == expected, name


def marks(rows: list[tuple[int, int, int]], **options: object) -> tuple[list[int], list[int]]:
    """Prices of buy and sell marks of (price, bid, ask) rows."""
    levels = np.array([[price, bid, ask, 1] for price, bid, ask in rows], dtype=np.int64)
    found = diagonal_imbalances(levels, 1, **options)
    return levels[found.buy, 0].tolist(), levels[found.sell, 0].tolist()


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ([(11, 0, 10), (10, 3, 0)], {}, ([11], [])),  # 10 > 3 x 3
        ([(11, 0, 9), (10, 3, 0)], {}, ([], [])),  # strictly more
        ([(11, 0, 3), (10, 10, 0)], {}, ([], [10])),
        ([(11, 0, 10), (10, 0, 0)], {}, ([], [])),  # no bid below: skipped
        ([(11, 0, 10), (10, 0, 0)], {"zero_opposite": True}, ([11], [])),
        ([(12, 0, 10), (10, 3, 0)], {}, ([], [])),  # a price without trades lies between
        ([(11, 9, 9), (10, 1, 99)], {}, ([11], [])),  # ask at the lowest, bid at the highest: not tested
        ([(11, 99, 99)], {"zero_opposite": True}, ([], [])),
    ],
)
def test_marks_by_hand(rows, options, expected):
    """Prices of buy and of sell marks."""
    assert marks(rows, **options) == expected


def test_two_in_a_row_are_not_stacked_and_a_hole_breaks_a_row():
    """Three neighbors are stacked."""
    rows = [(price, 1, 9) for price in (20, 19, 18, 16, 15)] + [(14, 1, 0)]
    levels = np.array([[price, bid, ask, 1] for price, bid, ask in rows], dtype=np.int64)
    found = diagonal_imbalances(levels, 1)
    assert levels[found.buy, 0].tolist() == [20, 19, 16, 15]
    assert not found.stacked_buy.any()
    levels[3:, 0] += 1
    found = diagonal_imbalances(levels, 1)
    assert levels[found.stacked_buy, 0].tolist() == [20, 19, 18, 17, 16]
