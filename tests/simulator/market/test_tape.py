"""The tape keeps what it was given, within its bounds."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.simulator.market.tape import Print, Tape


def filled(times, keep=100_000):
    tape = Tape(10, keep=keep)
    for i, time in enumerate(times):
        tape.append(Print(10 + i, time, 100 + i % 7, 3 if i % 2 else -2, 2, 2 * i, 2 * i + 1))
    return tape


@given(st.lists(st.integers(1, 500_000), min_size=1, max_size=80).map(sorted), st.data())
def test_ranges_are_what_a_plain_scan_finds(times, data):
    """Selection by id and by time equals a filter over everything."""
    tape = filled(times)
    every = tape.prints(0, len(tape))
    low, high = data.draw(st.integers(0, 500_000)), data.draw(st.integers(0, 500_000))
    limit = data.draw(st.integers(1, 20))
    assert tape.between(low, high, limit) == [t for t in every if low <= t.time <= high][:limit]
    assert tape.between(None, high, limit) == [t for t in every if t.time <= high][-limit:]
    assert tape.since_id(10 + low % 90, limit) == [t for t in every if t.id >= 10 + low % 90][:limit]


@given(st.lists(st.integers(0, 3_000_000), min_size=1, max_size=60).map(sorted))
def test_candles_of_any_interval_hold_the_same_volume(times):
    """Five-minute candles add up to the minutes, and fill the silence with the last close."""
    tape = filled(times)
    total = sum(abs(t.quantity) for t in tape.prints(0, len(tape)))
    for interval in (60_000, 300_000, 3_600_000):
        candles = tape.candles(interval, None, None, 1500)
        assert sum(c.volume for c in candles) == total
        starts = [c.start for c in candles]
        assert starts == list(range(starts[0], starts[-1] + 1, interval))
        assert candles[-1].close == tape.at(-1).price


def test_old_prints_go_first_and_ids_stay():
    """Beyond its bound the tape forgets the oldest prints; the rest keep their ids."""
    tape = filled(range(1, 201), keep=80)
    assert 80 <= len(tape) <= 90
    assert tape.at(-1).id == 209
    assert tape.first_id == 210 - len(tape)
    assert tape.since_id(0, 1)[0].id == tape.first_id


def test_an_id_that_does_not_ascend_is_refused():
    """A print cannot be put on the tape twice."""
    tape = filled([1, 2])
    with pytest.raises(ValueError, match="comes after"):
        tape.append(Print(11, 3, 100, 1, 1, 1, 1))
