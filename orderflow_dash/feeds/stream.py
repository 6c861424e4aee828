"""One symbol's stream of trades, between the connections that carry it and the sink of its trades."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.backfill import Backfiller
from orderflow_dash.feeds.connection import Connection, Link
from orderflow_dash.feeds.latency import LagMeter, LagWindow
from orderflow_dash.feeds.listings import InstrumentProvider
from orderflow_dash.feeds.sequencing import Change, Gap, GapFilled, GapOpened, Known, NewTrades, Sequencer
from orderflow_dash.feeds.staleness import StaleDetector
from orderflow_dash.market import Grid, Instrument, State, Trade

log = logging.getLogger(__name__)

_LATE_MS = 60_000  # no venue sends a trade this long after its time
_UNRESPONSIVE_S = 5.0  # a connection's thread loops several times a second


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


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """State of one symbol's stream. ``age_ms``: since its last trade arrived; None before the first.

    ``past_known``: whether the history of a stream without a trade was requested; None where it is not
    wanted, and once there is a trade.
    """

    state: State
    detail: str
    age_ms: int | None
    past_known: bool | None = None


@dataclass(slots=True)
class Subscription:
    """A stream's topic, the connection that carries it, and the venue's response."""

    topic: str
    connection: Connection | None = None
    requested_at: float = field(default_factory=time.monotonic)  # s
    rejection: str = ""  # the venue's reason


@dataclass(slots=True)
class StreamCounts:
    """Counters of a stream."""

    trades: int = 0  # live ones that counted
    gaps: int = 0
    repaired: int = 0  # backfilled trades


@dataclass(slots=True)
class _Resumption:
    """How a stream continues after trades that are known from before."""

    known: Known | None
    mark: Gap | None = None  # since the known trades, until it is clear what is missing
    is_newer: bool = False  # known trades are newer than live ones: they are of another source


class TradeStream:
    """Sequencing, staleness, lag and counters of one symbol."""

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
        self.subscription = Subscription(topic)
        self.lock = threading.RLock()  # two connections may carry it during a handover
        self.ended = False
        self.past_known: bool | None = None  # see StreamStatus
        self.sequencer = sequencer()
        self.stale = StaleDetector()
        self.counts = StreamCounts()
        self.lag = lag = LagMeter()
        self.recent_lag = LagWindow(lambda: lag.count()[0])
        self._sink = sink
        self._backfiller = backfiller
        self._resumption = _Resumption(known)
        if known is not None:
            self.sequencer.known_until = known.until

    @property
    def symbol(self) -> str:
        """As the venue names it."""
        return self.instrument.symbol

    @property
    def has_traded(self) -> bool:
        """Whether any trade has counted."""
        return self.counts.trades > 0

    def start(self) -> None:
        """Mark the time since the known trades, until it is clear whether others passed; request history."""
        resumption = self._resumption
        if resumption.known is not None and not resumption.known.is_current:
            resumption.mark = Gap(resumption.known.until, resumption.known.until, None)
            self.mark(resumption.mark)
        if self._backfiller is not None:
            self._backfiller.start_silent(self)

    def receive(self, batch: TradeBatch, now: float, received_ms: int) -> None:
        """Take a live batch, at ``now`` (monotonic seconds), ``received_ms`` by the clock."""
        with self.lock:
            counts, known = self.counts, self._resumption.known
            self.subscription.rejection = ""  # whatever the venue said: here are trades
            before = counts.trades
            newest = batch.trades[-1][0] if batch.trades else 0
            if known is not None:
                self._resumption.is_newer = 0 < newest < known.until - _LATE_MS
            changes = self.sequencer.receive(batch)
            if changes is None:
                counts.trades += len(batch.trades)
                self._sink.on_trades(batch.trades, batch.grid)
            else:
                self._apply(changes)
            if counts.trades != before:  # repeats prove nothing about the connection
                self.stale.record(now)
                self.lag.note(received_ms - newest)
                if not before:
                    self._fetch_history(batch)

    def start_from(self, batch: TradeBatch) -> None:
        """Start a silent stream with a past trade.

        It counts neither for staleness nor for lag. Whether others pass between it and the first live trade
        is still to be proved, as after a disconnect.
        """
        with self.lock:
            if self.has_traded or not batch.trades or self._backfiller is None:
                return
            known = self._resumption.known
            if known is not None and batch.trades[-1][0] < known.until:
                self._clear_mark()  # no trade passed since
                return
            self._apply(self.sequencer.receive(batch) or [])
            if self.has_traded:
                self.sequencer.on_disconnect()
                self._fetch_history(batch)

    def on_disconnect(self) -> None:
        """Its connection broke."""
        with self.lock:
            self.stale.reset()
            self.sequencer.on_disconnect()

    def totals(self) -> Counter[str]:
        """Its counters by name."""
        return Counter(
            trades=self.counts.trades,
            gaps=self.counts.gaps,
            repaired=self.counts.repaired,
            repeats=self.sequencer.repeats,
            impossible=self.sequencer.impossible,
        )

    # -- status ------------------------------------------------------------------------------

    def status(self, now: float, listing: InstrumentProvider | None) -> StreamStatus:
        """State and cause at ``now`` (monotonic, s)."""
        connection, last = self.subscription.connection, self.stale.last
        if connection is None:
            return StreamStatus(State.DISCONNECTED, "not streaming", None)
        age_ms = None if last is None else int((now - last) * 1000)
        is_silent = last is None or now - last > self.stale.threshold_s
        rejection = self.subscription.rejection
        absence = "" if listing is None else listing.absence(self.symbol)
        if absence and (rejection or (is_silent and connection.link is Link.CONNECTED)):
            return StreamStatus(State.STALE, absence, age_ms)
        if listing is not None and (rejection or (is_silent and last is not None)):
            listing.doubt(self.symbol)
        if rejection:
            return StreamStatus(State.DISCONNECTED, f"the venue refuses this symbol: {rejection}", age_ms)
        if self._resumption.is_newer:
            detail = "stored history is newer than live trades: wrong data source?"
            return StreamStatus(State.STALE, detail, age_ms)
        if connection.link is not Link.CONNECTED:
            return StreamStatus(*_unconnected(connection, now), age_ms)
        still = now - connection.turned_at
        if still > _UNRESPONSIVE_S:
            return StreamStatus(State.STALE, f"feed thread unresponsive for {still:.0f} s", age_ms)
        if self._backfiller is not None and self._backfiller.is_busy(self):
            return StreamStatus(State.REPAIRING, "backfilling missing trades", age_ms)
        if last is None:
            detail = "connected, waiting for a trade"
            return StreamStatus(State.CONNECTING, detail, None, self.past_known)
        if is_silent:
            usual = f"more than {self.stale.threshold_s:.0f} s is unusual for {self.symbol}"
            return StreamStatus(State.STALE, f"no trade for {now - last:.0f} s; {usual}", age_ms)
        return StreamStatus(State.LIVE, absence, age_ms)

    # -- BackfillTarget ----------------------------------------------------------------------

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
            self.counts.repaired += filled
        return filled

    def expect(self, gap: Gap) -> None:
        """Wait for the trades of a gap that the sequencer did not detect itself."""
        with self.lock:
            self.sequencer.expect(gap)
            self._open_gap(gap)

    def close(self, gap: Gap) -> None:
        """Nothing is missing there any more, except what was lost."""
        with self.lock:
            if self.sequencer.close(gap):
                self._fill_gap(gap)

    def lose(self, after: int, before: int) -> None:
        """Trades between two times (ms) are missing for good."""
        with self.lock:
            self.counts.gaps += 1
            self._sink.on_gap(Gap(after, before, None))

    def mark(self, gap: Gap) -> None:
        """Mark a gap until its extent is known."""
        with self.lock:
            self._sink.on_gap(gap)

    def unmark(self, gap: Gap) -> None:
        """Remove such a mark: the missing trades have marks of their own now."""
        with self.lock:
            self._sink.on_gap_filled(gap)

    # -- inside ------------------------------------------------------------------------------

    def _fetch_history(self, first: TradeBatch) -> None:
        if self._backfiller is not None:
            self._backfiller.fetch_history(self, first, self._resumption.known)
            self._clear_mark()

    def _clear_mark(self) -> None:
        mark, self._resumption.mark = self._resumption.mark, None
        if mark is not None:
            self.unmark(mark)

    def _apply(self, changes: list[Change]) -> None:
        for change in changes:
            if isinstance(change, NewTrades):
                self.counts.trades += len(change.trades)
                self._sink.on_trades(*change)
            elif isinstance(change, GapOpened):
                self._open_gap(change.gap)
            else:
                self._fill_gap(change.gap)

    def _open_gap(self, gap: Gap) -> None:
        self._sink.on_gap(gap)
        if gap.whole_from is not None:  # the time before the first trade does not count as a gap
            return
        self.counts.gaps += 1
        if self._backfiller is not None:
            self._backfiller.fetch_gap(self, gap)
        log.debug("%s: trades are missing between %d and %d ms", self.symbol, gap.after, gap.before)

    def _fill_gap(self, gap: Gap) -> None:
        if gap.whole_from is None and not gap.fetched:  # the trades only came out of order
            self.counts.gaps -= 1
        self._sink.on_gap_filled(gap)


def _unconnected(connection: Connection, now: float) -> tuple[State, str]:
    """State and cause of a connection that is lost or not open yet."""
    detail = connection.detail
    if connection.link is Link.LOST:
        wait = max(0.0, connection.retry_at - now)
        return State.DISCONNECTED, f"{detail}; next attempt in {wait:.0f} s"
    return State.CONNECTING, f"retrying after: {detail}" if detail else "opening the connection"
