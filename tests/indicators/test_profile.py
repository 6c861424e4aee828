"""Value area and turnover, held against their definitions in the slowest words."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.indicators.profile import turnover, value_area
from tests.footprint.reference import poc_of, rows

volumes = st.integers(0, 6)
# A level exists only by a trade, and a trade has volume.
levels = st.tuples(volumes, volumes, st.just(1)).filter(lambda row: row[0] + row[1])
ladders = st.dictionaries(st.integers(1, 60), levels, min_size=1)
sparse_ladders = st.dictionaries(
    st.one_of(st.integers(1, 20), st.integers(1, 2_000)), levels, min_size=1, max_size=12
)


def array(levels: dict[int, tuple[int, int, int]], step: int = 1) -> np.ndarray:
    """A ladder as the product has it; the keys count steps."""
    return np.array(rows({price * step: list(row) for price, row in levels.items()}), dtype=np.int64)


def plain_value_area(levels: dict[int, tuple[int, int, int]], size: int) -> tuple[int, int]:
    """Row by row, as the definition reads."""
    volume = {price: bid + ask for price, (bid, ask, _) in levels.items()}
    bottom, top = min(levels), max(levels)
    low = high = poc = poc_of({price: list(row) for price, row in levels.items()})
    while 100 * sum(volume.get(price, 0) for price in range(low, high + 1)) < 70 * sum(volume.values()):
        above = list(range(high + 1, min(high + size, top) + 1))
        below = list(range(max(low - size, bottom), low))
        gain_above = sum(volume.get(price, 0) for price in above)
        gain_below = sum(volume.get(price, 0) for price in below)
        if not below:
            up = True
        elif not above:
            up = False
        elif gain_above != gain_below:
            up = gain_above > gain_below
        else:
            up = high - poc < poc - low
        low, high = (low, above[-1]) if up else (below[0], high)
    return low, high


@given(ladders | sparse_ladders, st.sampled_from([1, 2]), st.sampled_from([1, 5, 7]))
def test_the_value_area_is_that_of_the_plain_definition(levels, size, step):
    """Pairs or single rows, dense or with wide empty stretches, at any step."""
    low, high = value_area(array(levels, step), step, size)
    assert (low // step, high // step) == plain_value_area(levels, size)
    assert low % step == high % step == 0


@given(ladders, st.sampled_from([1, 2]))
def test_the_value_area_holds_seventy_per_cent_around_the_poc(levels, size):
    """At least 70 %, the POC within, no end beyond the ladder's."""
    low, high = value_area(array(levels), 1, size)
    within = sum(bid + ask for price, (bid, ask, _) in levels.items() if low <= price <= high)
    assert 100 * within >= 70 * sum(bid + ask for bid, ask, _ in levels.values())
    assert (
        min(levels)
        <= low
        <= poc_of({price: list(row) for price, row in levels.items()})
        <= high
        <= max(levels)
    )


def ladder(*volumes: int) -> np.ndarray:
    """Volumes of the rows 100, 99, 98 and so on; a row of 0 has no level."""
    found = [(100 - n, volume, 0, 1) for n, volume in enumerate(volumes) if volume]
    return np.array(found, dtype=np.int64)


@pytest.mark.parametrize(
    ("volumes", "size", "expected"),
    [
        ((10,), 2, (100, 100)),
        ((70, 30), 2, (100, 100)),  # exactly 70 % is enough
        ((69, 31), 2, (99, 100)),
        ((1, 20, 50, 19, 3, 7), 1, (98, 99)),  # 50, then 20 above: 70 of 100
        ((1, 20, 50, 19, 3, 7), 2, (96, 98)),  # 22 below against 21 above, and both rows of a pair count
        ((5, 5, 40, 5, 5), 2, (96, 98)),  # a tie goes to the lower side; 50 of 60 are enough
        ((10, 5, 20, 5, 10, 6), 1, (95, 98)),  # the tie below, then 10 and 6 against 5
        ((9, 5, 20, 5, 2, 2), 1, (97, 100)),  # the tie below, then 5 and 9 against 2
        ((30, 0, 0, 0, 50, 20), 2, (95, 96)),
        ((30, 0, 0, 0, 50, 5), 2, (95, 100)),
        ((50, 0, 0, 0, 0, 0, 60), 2, (94, 100)),  # empty rows lie between
    ],
)
def test_value_areas_by_hand(volumes, size, expected):
    """The lowest and the highest row."""
    assert value_area(ladder(*volumes), 1, size) == expected


def test_a_price_far_away_costs_nothing():
    """Over 10^14 empty rows the two sides are taken in turn, in one go; the lower reaches its level first."""
    middle, far = 10**15, 10**14
    levels = np.array([[middle + far, 5, 0, 1], [middle, 5, 5, 2], [middle - far, 5, 0, 1]], dtype=np.int64)
    assert value_area(levels, 1, 2) == (middle - far, middle + far - 4)


@given(ladders)
def test_turnover_is_price_times_volume(levels):
    """Summed over all levels."""
    assert turnover(array(levels)) == sum(p * (bid + ask) for p, (bid, ask, _) in levels.items())


def test_turnover_does_not_overflow():
    """Prices and volumes whose products leave 64 bits sum up exactly."""
    levels = np.array([[10**12, 10**15, 3, 1], [10**11, 7, 10**15, 1]], dtype=np.int64)
    assert turnover(levels) == 10**12 * (10**15 + 3) + 10**11 * (10**15 + 7)
    assert turnover(levels[:0]) == 0
