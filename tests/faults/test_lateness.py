"""Neither the socket nor the page waits on repair or klines: measured in the app as its own process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from benchmarks.lateness import (
    ALLOWED_MS,
    EMIT_MS,
    LOST,
    Bench,
    Lateness,
    p99,
    running,
    while_klines_are_slow,
    while_repairing,
)


@pytest.fixture(scope="module")
def bench() -> Iterator[Bench]:
    """The app, live, with four socket clients and a page."""
    with running() as up:
        yield up


def assert_in_time(found: Lateness) -> None:
    """Deltas within emit_ms and 150 ms, answers to the page sooner than the next emission."""
    assert len(found.deltas) >= 20
    assert len(found.pages) >= 5
    assert p99(found.deltas) <= ALLOWED_MS
    assert p99(found.pages) <= EMIT_MS


def test_a_repair_of_5000_trades_delays_no_delta_and_no_page(bench: Bench) -> None:
    """While the venue takes 100 ms a page, and the trades of now stream on."""
    rounds, before = 4, bench.repaired()
    found = while_repairing(bench, rounds)
    assert bench.repaired() - before >= rounds * LOST
    assert_in_time(found)


def test_klines_that_take_seconds_delay_no_delta_and_no_page(bench: Bench) -> None:
    """While a request for klines is under way all the time."""
    assert_in_time(while_klines_are_slow(bench, 6))
