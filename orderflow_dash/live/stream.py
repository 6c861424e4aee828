"""One symbol's live series, the sink of its trades."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from orderflow_dash.feeds.feed import Feed, Timeliness
from orderflow_dash.feeds.sequencing import Gap, Known
from orderflow_dash.feeds.stream import StreamStatus
from orderflow_dash.footprint.hourly import HourLevels, HourlyLevels
from orderflow_dash.footprint.minute import Minute
from orderflow_dash.footprint.series import Series
from orderflow_dash.live.closed_minutes import ClosedMinutes
from orderflow_dash.market import Grid, Instrument, Scale, State, Trade

_PORTION: Final = 250  # fetched trades applied in one hold of the lock
_READING: Final = StreamStatus(State.CONNECTING, "reading stored history", None)


class StoredSeries(NamedTuple):
    """Stored data that a stream starts with: arguments of ``Series.restore``, hours before, known trades."""

    grid: Grid  # of minutes and hours
    minutes: Sequence[Minute]
    gaps: Sequence[tuple[int, int]]
    cvd_from: int
    hours: Sequence[HourLevels]
    known: Known


class SeriesStream:
    """One symbol's live series and its lock. The sink of its trades."""

    def __init__(
        self,
        instrument: Instrument,
        trades: Feed,
        window: int,
        on_refine: Callable[[], None] | None = None,
    ) -> None:
        """``on_refine`` is called, under the lock, when a trade needs a finer grid."""
        self.instrument = instrument
        self.lock = threading.Lock()
        self.hourly = hourly = HourlyLevels()  # hours that memory does not hold, under the same lock

        def refined(scale: Scale) -> None:  # not a method: the series would keep its stream alive
            hourly.refine(scale)
            if on_refine is not None:
                on_refine()

        self.series = Series(window, on_evict=hourly.take_over, grid=instrument.grid, on_refine=refined)
        self.closed_minutes = ClosedMinutes(instrument, self.lock, self.series)
        self.references = 0
        self.idle_since: float | None = None
        self.started = False  # its trades are subscribed to
        self.ended = False
        self._on_refine = on_refine
        self._life = threading.Lock()
        self._trades = trades

    def start(self, stored: StoredSeries | None = None) -> bool:
        """Subscribe to trades that follow the stored ones; False if it has started or ended already."""
        with self._life:
            if self.started or self.ended:
                return False
            if stored is not None:
                with self.lock:
                    for hour in stored.hours:
                        self.hourly.put(*hour[:3], span=hour[3:])
                    self.series.restore(stored.minutes, stored.gaps, stored.cvd_from, stored.grid)
            known = None if stored is None else stored.known
            self._trades.subscribe(self.instrument.symbol, self, known)
            self.started = True
            return True

    def end(self) -> None:
        """Unsubscribe; a stream that has not started never will."""
        with self._life:
            self.ended = True
            if self.started:
                self._trades.unsubscribe(self.instrument.symbol)

    def reset(self) -> SeriesStream:
        """A new stream for the same viewers with an empty series, not started."""
        stream = SeriesStream(self.instrument, self._trades, self.series.window, self._on_refine)
        stream.series.revision = self.series.revision + 1  # never falls: pages identify content by it
        stream.references, stream.idle_since = self.references, self.idle_since
        return stream

    def finest(self, grid: Grid) -> Grid:
        """The series' grid after refining it to fit another. OverflowError if that is too fine."""
        with self.lock:
            self.series.refine(grid)
            return self.series.grid

    def relist(self, instrument: Instrument) -> None:
        """Take the instrument as listed now, so that steps of its tick fit. OverflowError if too fine."""
        with self.lock:
            self.series.refine(instrument.grid)
            self.instrument = instrument

    def status(self) -> StreamStatus:
        """State of its trades."""
        return self._trades.status(self.instrument.symbol) if self.started else _READING

    def timeliness(self) -> Timeliness | None:
        """The delay of its trades; None if unknown."""
        return self._trades.timeliness(self.instrument.symbol)

    def on_trades(self, trades: list[Trade], grid: Grid | None = None) -> None:
        """Apply live trades."""
        with self.lock:
            self.series.apply(trades, grid)

    def on_fetched(self, trades: list[Trade], grid: Grid | None = None) -> None:
        """Apply fetched trades, in portions, so that a reader never waits for all of them."""
        for start in range(0, len(trades), _PORTION):
            with self.lock:
                late = self.series.late
                self.series.apply(trades[start : start + _PORTION], grid)
                self.series.late = late  # requested trades are not late

    def on_gap(self, gap: Gap) -> None:
        """Mark the minutes."""
        with self.lock:
            missing_to = gap.missing[-1][1] if gap.missing else None
            self.series.open_gap(gap.after, gap.before, missing_to)

    def on_gap_filled(self, gap: Gap) -> None:
        """Unmark the minutes."""
        with self.lock:
            fetched = gap.fetched > 0
            self.series.close_gap(gap.after, gap.before, fetched=fetched, whole_from=gap.whole_from)
