"""Waits before the next attempt."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.runtime.backoff import Backoff


@given(st.floats(0.01, 5), st.floats(5, 100), st.integers(1, 60))
def test_every_wait_is_between_the_floor_and_its_own_bound(floor, ceiling, failures):
    """Bounds double from twice the floor to the ceiling; no wait is ever under the floor."""
    backoff = Backoff(floor, ceiling)
    for failure in range(failures):
        assert floor <= backoff.next() <= min(ceiling, floor * 2 ** (failure + 1))


def test_data_starts_the_waits_over():
    """After a reset the first wait is short again."""
    backoff = Backoff(1, 1_000)
    for _ in range(20):
        backoff.next()
    backoff.reset()
    assert backoff.next() <= 2


def test_waits_differ():
    """Many clients that lost the same server do not come back together."""
    assert len({Backoff(1, 30).next() for _ in range(20)}) > 1


def test_years_of_failures_do_not_overflow():
    """The bound stays the ceiling."""
    backoff = Backoff(0.5, 30)
    assert max(backoff.next() for _ in range(5_000)) <= 30
