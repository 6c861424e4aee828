"""One series' minutes for verification and storage, read and judged in short holds of its lock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator

from orderflow_dash.footprint.minute import Minute
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import Instrument, Kline, Verdict
from orderflow_dash.store.minutes import StoredMinute, to_stored

_AT_ONCE = 16  # minutes per hold of the lock: 0.2 ms at 200 levels each


class ClosedMinutes:
    """Minutes of a series to verify and to store. Thread-safe by the series' own lock."""

    def __init__(self, instrument: Instrument, lock: threading.Lock, series: Series) -> None:
        self.instrument = instrument
        self._lock = lock
        self._series = series

    @property
    def revision(self) -> int:
        """Rises with every change."""
        return self._series.revision

    def oldest(self) -> int:
        """Open (ms) of the oldest minute in the window."""
        return self._series.oldest_open

    def changed(self, since: int) -> tuple[int, list[int]]:
        """The revision, and opens (ms) of all minutes that may have changed since one, old to new."""
        with self._lock:
            start = self._series.changed_since(since)
            minutes = [] if start is None else self._series.minutes(start)
            return self._series.revision, [minute.open_ts for minute in minutes]

    def sort_out(self, opens: Collection[int]) -> tuple[list[int], list[int]]:
        """Of these minutes: those not verified yet, and those with a gap, which cannot be."""
        comparable, broken = [], []
        for few in _pieces(opens):
            with self._lock:
                for minute in self._kept(few):
                    if self._series.has_gap(minute):
                        broken.append(minute.open_ts)
                    elif minute.verified is None:
                        comparable.append(minute.open_ts)
        return comparable, broken

    def judge(self, opens: Collection[int], rule: Callable[[Kline, bool], Verdict]) -> None:
        """Apply a rule to each of these minutes in the window, and keep its verdict.

        The rule takes the minute's kline and whether the minute is whole: a partial one can be verified but
        not disproved. A minute with a gap gets None.
        """
        for few in _pieces(opens):
            with self._lock:
                verdicts: dict[int, Verdict] = {}
                for minute in self._kept(few):
                    has_gap = self._series.has_gap(minute)
                    verdicts[minute.open_ts] = (
                        None if has_gap else rule(minute.kline(self._series.grid), not minute.partial)
                    )
                self._series.verify(verdicts)

    def stored(self, opens: Collection[int]) -> list[StoredMinute]:
        """These minutes in stored form, as far as they are in the window."""
        found: list[StoredMinute] = []
        for few in _pieces(opens):
            with self._lock:
                found += [
                    to_stored(minute, self._series.grid, self._series.quality(minute), minute.verified)
                    for minute in self._kept(few)
                ]
        return found

    def around(self, open_ts: int) -> tuple[int, int] | None:
        """Opens of the minutes around a missing one; None if it is here, or in a gap."""
        with self._lock:
            around = self._series.around(open_ts)
        return None if around is None else (around[0].open_ts, around[1].open_ts)

    def lose(self, open_ts: int) -> None:
        """Mark a missing minute, from the trade before it to the one after, as a gap."""
        with self._lock:
            around = self._series.around(open_ts)
            if around is not None:
                before, after = around
                self._series.open_gap(before.path().last_time, after.path().first[0])

    def _kept(self, opens: Iterable[int]) -> Iterator[Minute]:
        """These minutes, as far as they are in the window; called with the lock held."""
        for open_ts in opens:
            yield from self._series.minutes(open_ts, open_ts + 1)


def _pieces(opens: Collection[int]) -> Iterator[list[int]]:
    wanted = list(opens)
    for start in range(0, len(wanted), _AT_ONCE):
        yield wanted[start : start + _AT_ONCE]
