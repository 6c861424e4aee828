"""One symbol's stream of trades: what keeps it whole, how it is, and what it has counted."""

from __future__ import annotations

import logging
import threading
import time
import weakref
from collections import Counter
from collections.abc import Callable

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.backfill import Backfiller
from orderflow_dash.feeds.connection import Connection
from orderflow_dash.feeds.latency import LagMeter, LagWindow
from orderflow_dash.feeds.sequencing import Gap, Known, Sequencer, TradeSink
from orderflow_dash.feeds.staleness import StaleDetector
from orderflow_dash.market import Grid, Instrument, Trade

log = logging.getLogger(__name__)

_LATE_MS = 60_000  # no venue sends a trade so long after it was made


class TradeStream:
    """Continuity, rhythm, lag and counters of one symbol; between a connection and the sink of its trades."""

    def __init__(
        self,
        instrument: Instrument,
        topic: str,
        sink: TradeSink,
        sequencer: Callable[[TradeSink], Sequencer],
        backfiller: Backfiller | None,
        known: Known | None = None,
    ) -> None:
        self.instrument = instrument
        self.symbol = instrument.symbol
        self.topic = topic
        self.ended = False
        self.past_known: bool | None = None  # of a silent stream; None while it is not asked for
        self.repaired = 0  # trades that came by request
        # No cycle: what an ended symbol held would stay until the collector has gone through everything.
        self.sequencer = sequencer(weakref.proxy(self))
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
            self.sequencer.receive(batch)
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
            self.sequencer.receive(batch)
            if self.trades:
                self.sequencer.interrupted()
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
            self.sequencer.interrupted()

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
        """Count trades that were fetched, where they were missing; how many were."""
        with self.lock:
            return self.sequencer.fill(batch)

    def expect(self, gap: Gap) -> None:
        """The trades of a gap that continuity did not find itself are about to come."""
        with self.lock:
            self.sequencer.expect(gap)

    def close(self, gap: Gap) -> None:
        """Nothing is missing there any more."""
        with self.lock:
            self.sequencer.close(gap)

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

    # TradeSink: between continuity and the sink it counts.

    def on_trades(self, trades: list[Trade], grid: Grid | None) -> None:
        """Pass on."""
        self.trades += len(trades)
        self._sink.on_trades(trades, grid)

    def on_fetched(self, trades: list[Trade], grid: Grid | None) -> None:
        """Pass on."""
        self.repaired += len(trades)
        self._sink.on_fetched(trades, grid)

    def on_gap(self, gap: Gap) -> None:
        """Pass on; what came before the first trade is no gap."""
        self._sink.on_gap(gap)
        if gap.whole_from is not None:
            return
        self.gaps += 1
        if self._backfiller is not None:
            self._backfiller.gap(self, gap)
        log.debug("%s: trades are missing between %d and %d ms", self.symbol, gap.after, gap.before)

    def on_gap_filled(self, gap: Gap) -> None:
        """Pass on. Where nothing was fetched it was only a matter of order: no gap after all."""
        if gap.whole_from is None and not gap.fetched:
            self.gaps -= 1
        self._sink.on_gap_filled(gap)
