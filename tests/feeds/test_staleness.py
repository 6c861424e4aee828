"""How long a silence is still normal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.feeds.staleness import Rhythm


def beaten(*gaps: float) -> Rhythm:
    """A rhythm of these gaps between trades."""
    rhythm, now = Rhythm(), 100.0
    rhythm.beat(now)
    for gap in gaps:
        now += gap
        rhythm.beat(now)
    return rhythm


@given(st.lists(st.floats(0, 10_000), max_size=40))
def test_patience_has_bounds(gaps):
    """Whatever the gaps: never under 8 s, never over half an hour."""
    assert 8 <= beaten(*gaps).patience <= 1_800


def test_an_unknown_rhythm_gets_half_a_minute():
    """Before the first gaps nothing is known."""
    assert Rhythm().patience == 30
    assert beaten(1, 1, 1).patience == 30
    assert beaten(200).patience == 600


def test_a_busy_symbol_is_missed_sooner_than_a_rare_one():
    """Patience follows the symbol's own rhythm."""
    assert beaten(*[0.05] * 200).patience == 8
    assert beaten(*[60] * 50).patience == pytest.approx(1_500)
    assert beaten(*[0.1] * 100, 30, *[0.1] * 5).patience > 50


def test_a_break_of_the_connection_is_no_gap_of_the_market():
    """The silence while nobody listened is not learned."""
    rhythm = beaten(*[0.1] * 20)
    patience = rhythm.patience
    rhythm.rest()
    assert rhythm.last is None
    rhythm.beat(10_000.0)
    assert rhythm.patience == patience
    assert rhythm.last == 10_000.0
