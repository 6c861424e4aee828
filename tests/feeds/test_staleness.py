"""How long a silence is still normal."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.feeds.staleness import StaleDetector


def beaten(*gaps: float) -> StaleDetector:
    """A rhythm of these gaps between trades."""
    stale, now = StaleDetector(), 100.0
    stale.record(now)
    for gap in gaps:
        now += gap
        stale.record(now)
    return stale


@given(st.lists(st.floats(0, 10_000), max_size=40))
def test_patience_has_bounds(gaps):
    """Whatever the gaps: never under 8 s, never over half an hour."""
    assert 8 <= beaten(*gaps).threshold_s <= 1_800


def test_an_unknown_rhythm_gets_half_a_minute():
    """Before the first gaps nothing is known."""
    assert StaleDetector().threshold_s == 30
    assert beaten(1, 1, 1).threshold_s == 30
    assert beaten(200).threshold_s == 600


def test_a_busy_symbol_is_missed_sooner_than_a_rare_one():
    """Patience follows the symbol's own rhythm."""
    assert beaten(*[0.05] * 200).threshold_s == 8
    assert beaten(*[60] * 50).threshold_s == pytest.approx(1_500)
    assert beaten(*[0.1] * 100, 30, *[0.1] * 5).threshold_s > 50


def test_a_disconnect_does_not_count_as_an_interval():
    """The silence during a disconnect is not learned."""
    stale = beaten(*[0.1] * 20)
    threshold_s = stale.threshold_s
    stale.reset()
    assert stale.last is None
    stale.record(10_000.0)
    assert stale.threshold_s == threshold_s
    assert stale.last == 10_000.0
