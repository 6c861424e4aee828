"""One symbol's stream of trades: what keeps it whole, how it is, and what it has counted."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Protocol

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.backfill import Backfiller
from orderflow_dash.feeds.connection import Connection
from orderflow_dash.feeds.latency import LagMeter, LagWindow
from orderflow_dash.feeds.sequencing import Change, Gap, GapFilled, GapOpened, Known, NewTrades, Sequencer
from orderflow_dash.feeds.staleness import StaleDetector
from orderflow_dash.market import Grid, Instrument, Trade

log = logging.getLogger(__name__)

_LATE_MS = 60_000  # no venue sends a trade so long after it was made


class TradeSink(Protocol):
    """Where a symbol's trades go. Called by one thread at a time."""

    def on_trades(self, trades: list[Trade], grid: Grid | None = None) -> None:
        """Trades that were not seen before, usually but not always in order, and the grid of their units."""

    def on_fetched(self, trades: list[Trade], grid: Grid | None = None) -> None:
        """Backfilled trades that were missing, in order among themselves."""

    def on_gap(self, gap: Gap) -> None:
        """Trades are missing: right before the next new ones, unless the gap's times differ."""

    def on_gap_filled(self, gap: Gap) -> None:
        """The last missing trade has arrived."""


class TradeStream:
    """Continuity, rhythm, lag and counters of one symbol; between a connection and the sink of its trades."""

    def __init__(
        self,
        instrument: Instrument,
        topic: str,
        sink: TradeSink,
        sequencer: Callable[[], Sequencer],
        backfiller: Backfiller | None,
        known: Known | None = None,
    ) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.topic = topic
        self.ended = False
        self.past_known: bool | None = None  # of a silent stream; None while it is not asked for
        self.repaired = 0  # trades that came by request
        self.sequencer = sequencer()
        self._known = known
        if known is not None:
            self.sequencer.known_until = known.until
        self.stale = StaleDetector()
        self.lock = threading.RLock()  # two connections may carry it during a handover
        self.trades = 0
        self.gaps = 0
        self.refused = ""
        self.outrun = False  # what is known is later than what comes: it is of another source
        self.connection: Connection | None = None
        self.asked_at = time.monotonic()
        self.lag = lag = LagMeter()
        self.recent_lag = LagWindow(lambda: lag.count()[0])
        self._sink = sink
        self._backfiller = backfiller
        self._unknown: Gap | None = None  # from what is known on, until something shows what passed since

    def start(self) -> None:
        """Mark the time since the trades that are known: whether some passed meanwhile is not known yet."""
        if self._known is not None and not self._known.is_current:
            self._unknown = Gap(self._known.until, self._known.until, None)
            self.mark(self._unknown)

    def receive(self, batch: TradeBatch, now: float, received_ms: int) -> None:
        """Take a batch, at ``now`` (monotonic seconds), ``received_ms`` by the clock."""
        with self.lock:
            self.refused = ""  # whatever the venue said: here are trades
            before = self.trades
            newest = batch.trades[-1][0] if batch.trades else 0
            self.outrun = self._known is not None and 0 < newest < self._known.until - _LATE_MS
            changes = self.sequencer.receive(batch)
            if changes is None:
                self.trades += len(batch.trades)
                self._sink.on_trades(batch.trades, batch.grid)
            else:
                self._apply(changes)
            if self.trades != before:  # repeats are no sign of life
                self.stale.record(now)
                self.lag.note(received_ms - newest)
                if not before and self._backfiller is not None:
                    self._backfiller.begin(self, batch, self._known)
                    self._settle_past()

    def begin_with(self, batch: TradeBatch) -> None:
        """Begin with a trade of the past, where none has come by itself.

        It is no sign of life: rhythm and lag do not hear of it. Whether others pass between it and the
        first to come is still to be proved, as after a break of the connection.
        """
        with self.lock:
            if self.trades or not batch.trades or self._backfiller is None:
                return
            if self._known is not None and batch.trades[-1][0] < self._known.until:
                self._settle_past()  # nothing passed since
                return
            self._apply(self.sequencer.receive(batch) or [])
            if self.trades:
                self.sequencer.on_disconnect()
                self._backfiller.begin(self, batch, self._known)
                self._settle_past()

    def _settle_past(self) -> None:
        """What is missing since the trades that are known has marks of its own now."""
        if self._unknown is not None:
            self.unmark(self._unknown)
            self._unknown = None

    def interrupted(self) -> None:
        """Its connection broke."""
        with self.lock:
            self.stale.reset()
            self.sequencer.on_disconnect()

    def counts(self) -> Counter[str]:
        """What it has counted, by name."""
        sequencer = self.sequencer
        return Counter(
            trades=self.trades,
            gaps=self.gaps,
            repaired=self.repaired,
            repeats=sequencer.repeats,
            impossible=sequencer.impossible,
        )

    # Fillable: what repair does to it.

    def fill(self, batch: TradeBatch) -> int:
        """Count backfilled trades where they were missing; returns how many were."""
        filled = 0
        with self.lock:
            for change in self.sequencer.fill(batch):
                if isinstance(change, NewTrades):
                    filled += len(change.trades)
                    self._sink.on_fetched(*change)
                elif isinstance(change, GapFilled):
                    self._fill_gap(change.gap)
            self.repaired += filled
        return filled

    def expect(self, gap: Gap) -> None:
        """The trades of a gap that continuity did not find itself are about to come."""
        with self.lock:
            self.sequencer.expect(gap)
            self._open_gap(gap)

    def close(self, gap: Gap) -> None:
        """Nothing is missing there any more."""
        with self.lock:
            if self.sequencer.close(gap):
                self._fill_gap(gap)

    def lose(self, after: int, before: int) -> None:
        """Trades between two times (ms) are missing, and stay so."""
        with self.lock:
            self.gaps += 1
            self._sink.on_gap(Gap(after, before, None))

    def mark(self, gap: Gap) -> None:
        """Mark a gap until its extent is known."""
        with self.lock:
            self._sink.on_gap(gap)

    def unmark(self, gap: Gap) -> None:
        """Take back such a mark: what is missing there has marks of its own now."""
        with self.lock:
            self._sink.on_gap_filled(gap)

    def _apply(self, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, NewTrades):
                self.trades += len(change.trades)
                self._sink.on_trades(*change)
            elif isinstance(change, GapOpened):
                self._open_gap(change.gap)
            else:
                self._fill_gap(change.gap)

    def _open_gap(self, gap: Gap) -> None:
        self._sink.on_gap(gap)
        if gap.whole_from is not None:  # the time before the first trade is no gap
            return
        self.gaps += 1
        if self._backfiller is not None:
            self._backfiller.gap(self, gap)
        log.debug("%s: trades are missing between %d and %d ms", self.symbol, gap.after, gap.before)

    def _fill_gap(self, gap: Gap) -> None:
        if gap.whole_from is None and not gap.fetched:  # the trades only came out of order
            self.gaps -= 1
        self._sink.on_gap_filled(gap)
