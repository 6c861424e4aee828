"""Levels and path as bytes."""

from __future__ import annotations

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from orderflow_dash.footprint.minute import Levels
from orderflow_dash.market import WHOLE, Grid
from orderflow_dash.store.codec import VERSION, Path, decode, encode
from tests.store.market import START, ladder

LARGEST = (1 << 63) - 1
FIGURE = st.integers(-(1 << 62), 1 << 62)
TRADE = st.tuples(st.integers(START, START + 59_999), st.integers(0, 1 << 62))
GRID = Grid.of(Decimal("0.05"), Decimal("0.001"))
PATHS = st.builds(Path, FIGURE, FIGURE, FIGURE, FIGURE, TRADE, TRADE)
PATH = Path(834_344, 834_341, -7, 12, (START + 3, 17), (START + 59_000, 44))


@st.composite
def ladders(draw: st.DrawFn) -> Levels:
    """Any levels: prices that fall, and any volumes of 63 bits."""
    prices = draw(st.lists(st.integers(0, 1 << 61), max_size=40, unique=True))
    if draw(st.booleans()):
        prices = list(range(1_000, 1_000 + len(prices)))
    levels = np.empty((len(prices), 4), dtype=np.int64)
    levels[:, 0] = sorted(prices, reverse=True)
    largest = draw(st.sampled_from([0, 1, 255, 256, 65_536, LARGEST]))
    levels[:, 1:] = draw(arrays(np.int64, (len(prices), 3), elements=st.integers(0, largest)))
    return levels


@given(ladders(), PATHS)
def test_any_levels_and_path_round_trip(levels: Levels, path: Path) -> None:
    """Whatever a minute holds comes back to the last digit."""
    got, got_path, grid = decode(START, encode(START, levels, path, GRID), WHOLE)
    assert got.dtype == np.int64
    assert got.shape == levels.shape
    assert np.array_equal(got, levels)
    assert got_path == path
    assert grid == GRID


@given(ladders(), st.data())
def test_a_damaged_body_raises(levels: Levels, data: st.DataObject) -> None:
    """No flipped bit and no cut end passes for a minute."""
    blob = encode(START, levels, PATH, GRID)
    at = data.draw(st.integers(0, len(blob) - 1))
    flipped = bytearray(blob)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (bytes(flipped), blob[:at]):
        with pytest.raises(ValueError, match="stored minute"):
            decode(START, damaged, WHOLE)


@given(st.binary(max_size=64))
def test_bytes_of_something_else_are_refused(noise: bytes) -> None:
    """Noise does not decode to a minute."""
    with pytest.raises(ValueError, match="stored minute"):
        decode(START, bytes((VERSION,)) + noise, WHOLE)


def test_a_newer_version_is_named() -> None:
    """A body of a later version says so instead of being misread."""
    blob = encode(START, ladder((5, 1, 1, 1)), PATH, GRID)
    with pytest.raises(ValueError, match="version 3; supported: up to 2"):
        decode(START, b"\x03" + blob[1:], WHOLE)


@pytest.mark.parametrize(
    "levels",
    [
        ladder((5, 1, 1, 1), (5, 1, 1, 1)),
        ladder((5, 1, 1, 1), (6, 1, 1, 1)),
        ladder((5, -1, 1, 1)),
        ladder((-5, 1, 1, 1)),
        np.zeros((2, 3), dtype=np.int64),
        np.zeros((2, 4)),
    ],
    ids=["same price", "rising", "negative volume", "negative price", "shape", "floats"],
)
def test_an_invalid_ladder_is_refused(levels: Levels) -> None:
    """Only levels that fall in price and hold nothing negative are kept."""
    with pytest.raises(ValueError, match="levels"):
        encode(START, levels, PATH, GRID)
