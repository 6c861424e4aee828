"""Measures on candles and levels, held against their definitions."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.footprint.measures import default_step, is_imbalanced, point_of_control, step_choices
from tests.footprint.reference import poc_of, rows

volumes = st.integers(0, 5)


@given(st.dictionaries(st.integers(1, 30), st.tuples(volumes, volumes, st.just(1)), min_size=1))
def test_the_poc_has_most_volume_ties_to_the_middle_then_lower(levels):
    """Ties go to the level nearest the middle of the range, then to the lower one."""
    plain = {price: list(row) for price, row in levels.items()}
    assert point_of_control(np.array(rows(plain), dtype=np.int64)) == poc_of(plain)


def test_poc_ties_by_hand():
    """Of 10, 20 and 40 with the same volume the middle one wins; of 10 and 40 the lower one."""
    rows_of = {10: [5, 0, 1], 20: [0, 5, 1], 40: [2, 3, 1]}
    assert point_of_control(np.array(rows(rows_of), dtype=np.int64)) == 20
    rows_of = {10: [5, 0, 1], 25: [0, 1, 1], 40: [2, 3, 1]}
    assert point_of_control(np.array(rows(rows_of), dtype=np.int64)) == 10


@given(st.integers(0, 10**15), st.integers(0, 10**15))
def test_imbalance_is_the_ratio_over_three_strictly(bid, ask):
    """max(ask/bid, bid/ask) > 3; zero against something is imbalanced, nothing against nothing is not."""
    low, high = sorted((bid, ask))
    expected = bool(high) if not low else Fraction(high, low) > 3
    assert is_imbalanced(bid, ask) == expected


@pytest.mark.parametrize(
    ("bid", "ask", "expected"),
    [(1, 3, False), (3, 1, False), (1, 4, True), (4, 1, True), (0, 1, True), (1, 0, True), (0, 0, False)],
)
def test_exactly_three_to_one_is_not_an_imbalance(bid, ask, expected):
    """The ratio must be exceeded on either side."""
    assert is_imbalanced(bid, ask) is expected


@pytest.mark.parametrize(
    ("tick", "price", "step"),
    [
        ("0.1", "83434.4", "0.5"),
        ("0.5", "500", "0.5"),
        ("0.1", None, "0.5"),
        ("0.01", "40", "0.02"),  # 0.5 is over 1 % of 40: 1/2000 of it is 0.02
        ("0.01", "50", "0.02"),  # 0.5 is 1 % of 50, not under it
        ("0.01", "50.01", "0.5"),
        ("0.3", "30", "0.3"),  # 0.5 is not a multiple
        ("0.0000001", "0.0012345", "0.0000005"),
        ("0.0000001", "0.0000003", "0.0000001"),
        ("10", "1000000", "500"),
        ("10", None, "10"),
        ("0.3", None, "0.3"),
        ("0.1", "0.04", "0.1"),  # a price below one tick
        ("1E+17", "60000", "1E+17"),
    ],
)
def test_the_default_step_is_half_a_dollar_if_it_fits(tick, price, step):
    """0.5 quote if it is whole ticks and under 1 % of the price, else the 1-2-5 step near price / 2000."""
    assert default_step(Decimal(tick), None if price is None else Decimal(price)) == Decimal(step)


@given(
    st.sampled_from(["0.1", "0.01", "0.05", "0.5", "10", "0.0000001", "0.3", "1E+17"]).map(Decimal),
    st.none() | st.decimals("0.0000001", 10**9, allow_nan=False, places=7),
)
def test_step_choices_hold_the_default_and_are_whole_ticks(tick, price):
    """Choices ascend, are positive and hold the default; default and choices never fail for any price."""
    choices = step_choices(tick, price)
    assert choices == sorted(set(choices))
    assert choices[0] > 0
    assert not any(step % tick for step in choices)
    assert default_step(tick, price) in choices
