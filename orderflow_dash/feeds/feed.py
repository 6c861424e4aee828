"""All trade streams of one venue: which symbol is on which connection, and the status of each."""

from __future__ import annotations

import logging
import threading
import time
from collections import ChainMap
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from orderflow_dash.exchanges.protocol import Event, ReconnectAsked, Rejected, StreamProtocol, TradeBatch
from orderflow_dash.feeds.backfill import Backfiller
from orderflow_dash.feeds.clock import ClockReading, VenueClock
from orderflow_dash.feeds.connection import Connection, ConnectionPolicy, Link
from orderflow_dash.feeds.health import FeedHealth
from orderflow_dash.feeds.latency import LagMeter, LagReading
from orderflow_dash.feeds.listings import InstrumentProvider
from orderflow_dash.feeds.pool import ConnectionPool
from orderflow_dash.feeds.sequencing import Known, Sequencer
from orderflow_dash.feeds.stream import StreamStatus, TradeSink, TradeStream
from orderflow_dash.market import Instrument, State, Venue

log = logging.getLogger(__name__)

_RENEW_AFTER_S = 60.0  # a silent topic is requested again no sooner
_CHECK_EVERY_S = 1.0  # for handovers to finish and topics to request again


@dataclass(frozen=True, slots=True)
class Timeliness:
    """The delay of a symbol's trades and the offset of the venue's clock; None if unknown."""

    lag: LagReading | None
    clock: ClockReading | None


class Feed:
    """Streams of one venue on as few connections as its limits allow. Thread-safe."""

    def __init__(
        self,
        venue: Venue,
        url: str,
        protocol: Callable[[Mapping[str, Instrument]], StreamProtocol],
        sequencer: Callable[[], Sequencer],
        instruments: dict[str, Instrument],
        policy: ConnectionPolicy,
        backfiller: Backfiller | None = None,
        clock: VenueClock | None = None,
        *,
        is_timely: bool = True,
        status_override: Callable[[StreamStatus], StreamStatus] | None = None,
        deliver: Callable[[TradeStream, TradeBatch, float, int], None] = TradeStream.receive,
    ) -> None:
        self.venue = venue
        self.url = url
        self.listing: InstrumentProvider | None = None
        self.is_timely = is_timely  # the trades are of now, not recorded and not of a faster market
        self._clock = clock or VenueClock()
        self._listed = instruments
        # A venue may delist a symbol while it streams: its last trades still count.
        self._streamed: dict[str, Instrument] = {}
        new_protocol = partial(protocol, ChainMap(instruments, self._streamed))
        sample = new_protocol()
        self._topic = sample.trade_topic
        self._status_override = status_override
        self._deliver = deliver
        self._new_stream = partial(TradeStream, sequencer=sequencer, backfiller=backfiller)
        self._lock = threading.Lock()
        self._streams: dict[str, TradeStream] = {}
        self._health = FeedHealth(venue, self._streams.values, self._lock)
        self._next_check = 0.0  # monotonic, s

        def connect() -> Connection:
            name = f"{venue}-trades"
            connection = Connection(url, new_protocol, self, policy, name=name, clock=self._clock)
            connection.start()
            return connection

        self._pool = ConnectionPool(connect, sample.limits)

    # -- streams -----------------------------------------------------------------------------

    def subscribe(self, symbol: str, sink: TradeSink, known: Known | None = None) -> None:
        """Start a symbol's stream; it must be listed and not running. ``known`` trades do not come again."""
        instrument = self._listed[symbol]
        stream = self._new_stream(instrument, self._topic(symbol), sink, known=known)
        subscription = stream.subscription
        with self._lock:
            if symbol in self._streams:
                raise ValueError(f"{symbol} is streaming already")
            self._streamed[symbol] = instrument
            self._streams[symbol] = stream
            try:
                subscription.connection = self._pool.with_room(subscription.topic)
            except RuntimeError:  # the system has no thread left: a later attempt must find the symbol free
                del self._streams[symbol]
                raise
            stream.start()
            subscription.connection.add([subscription.topic])

    def unsubscribe(self, symbol: str) -> None:
        """End a symbol's stream, and its connection with the last stream on it. Waits for nothing."""
        with self._lock:
            stream = self._streams.pop(symbol)
            stream.ended = True
            self._health.add_ended(stream)
            idle = self._pool.release(stream.subscription.topic)
        for connection in idle:
            connection.stop(wait=0)

    def stop(self, wait: float = 1.0) -> None:
        """End everything; a handshake under way is waited for ``wait`` seconds at most."""
        with self._lock:
            connections = list(self._pool.connections)
            self._streams.clear()
            self._pool.handovers.clear()
        for connection in connections:
            connection.stop(wait=0)
        deadline = time.monotonic() + wait
        for connection in connections:
            connection.stop(wait=max(0.0, deadline - time.monotonic()))

    # -- status ------------------------------------------------------------------------------

    def status(self, symbol: str) -> StreamStatus:
        """State of a symbol's stream with its cause, and a note if the venue's clock is off."""
        stream = self._streams.get(symbol)
        if stream is None:
            status = StreamStatus(State.DISCONNECTED, "not streaming", None)
        else:
            status = stream.status(time.monotonic(), self.listing)
        notes = [self._clock.difference()] if self.is_timely else []
        if status.state is not State.LIVE:
            notes.append(self._clock.disbelief())
        detail = "; ".join(part for part in (status.detail, *notes) if part)
        status = status if detail == status.detail else replace(status, detail=detail)
        return status if self._status_override is None else self._status_override(status)

    def lags(self) -> LagMeter | None:
        """The delay of all trades; None if their times are not current."""
        return self._health.lags() if self.is_timely else None

    def timeliness(self, symbol: str) -> Timeliness | None:
        """The delay of a symbol's trades; None if their times are not current."""
        stream = self._streams.get(symbol)
        if stream is None or not self.is_timely:
            return None
        return Timeliness(stream.recent_lag.reading(), self._clock.reading())

    def health(self) -> dict[str, object]:
        """The venue's part of ``/health``."""
        with self._lock:
            streams, connections = list(self._streams.values()), list(self._pool.connections)
            totals = self._health.totals()
            reconnects = self._pool.reconnects + sum(each.reconnects for each in connections)
        return self._health.report(
            {stream: self.status(stream.symbol) for stream in streams},
            totals,
            connections=len(connections),
            reconnects=reconnects,
            lag=self._health.recent_lag() if self.is_timely else None,
            clock=self._clock.reading(),
        )

    # -- ConnectionHandler -------------------------------------------------------------------

    def on_event(self, connection: Connection, event: Event) -> None:
        """Hand trades to their stream."""
        now = self._health.last_event = time.monotonic()
        if isinstance(event, TradeBatch):
            if event.excluded:
                self._health.counters["excluded"] += event.excluded
            if event.malformed:
                self._health.skip(event.malformed, f"rows of {event.symbol}")
            stream = self._streams.get(event.symbol)
            # No stream, or another connection's: the frame was in flight when the stream ended.
            if stream is not None and (event.trades or event.lost) and self._carries(connection, stream):
                self._deliver(stream, event, now, connection.received_ms)
                self._pool.shown(connection, event.symbol)
        elif isinstance(event, Rejected):
            self._reject(event)
        elif isinstance(event, ReconnectAsked):
            log.info("%s: %s", self.venue, event.reason)
            self.on_aged(connection)
        if now >= self._next_check:
            self._next_check = now + _CHECK_EVERY_S
            self._finish_handovers(now)
            self._renew_silent(now)

    def on_malformed(self, reason: str) -> None:
        """Count it; the log reports it at most once a minute."""
        self._health.skip(1, reason)

    def on_lost(self, connection: Connection) -> None:
        """Notify the streams that no other connection carries."""
        with self._lock:
            for stream in self._streams.values():
                if stream.subscription.connection is connection:
                    stream.on_disconnect()
            handover = self._pool.handovers.get(connection)
            if handover is not None:  # the successor has to show every symbol again
                handover.restart(self._symbols_on(handover.old))

    def on_aged(self, connection: Connection) -> None:
        """Open a successor; the old connection stays until the new one has data."""
        with self._lock:
            self._pool.replace(connection, self._symbols_on(connection))

    # -- inside ------------------------------------------------------------------------------

    def _carries(self, connection: Connection, stream: TradeStream) -> bool:
        return connection is stream.subscription.connection or connection in self._pool.handovers

    def _symbols_on(self, connection: Connection) -> set[str]:
        """Symbols on a connection that have traded; called with the lock held."""
        topics = connection.topics
        return {s.symbol for s in self._streams.values() if s.subscription.topic in topics and s.has_traded}

    def _finish_handovers(self, now: float) -> None:
        for successor, handover in self._pool.due(now):
            with self._lock:
                if self._pool.handovers.pop(successor, None) is None:
                    continue
                for stream in self._streams.values():
                    if stream.subscription.connection is handover.old:
                        stream.subscription.connection = successor
                self._pool.drop(handover.old)
            self._health.counters["handovers"] += 1
            handover.old.stop(wait=0)

    def _renew_silent(self, now: float) -> None:
        """Request topics again that are stale while their connection is alive."""
        for stream in list(self._streams.values()):
            stream.lag.count()  # or its notes would pile up while no page reads them
            subscription = stream.subscription
            connection = subscription.connection
            if connection is None or connection.link is not Link.CONNECTED:
                continue  # it is requested with the connection
            silent_since = max(stream.stale.last or 0.0, subscription.requested_at)
            if now - silent_since > max(_RENEW_AFTER_S, 2 * stream.stale.threshold_s):
                subscription.requested_at = now
                connection.renew(subscription.topic)

    def _reject(self, event: Rejected) -> None:
        self._health.counters["refused"] += 1
        log.warning("%s refused %s: %s", self.venue, ", ".join(event.topics) or "a request", event.reason)
        for stream in list(self._streams.values()):
            if stream.subscription.topic in event.topics:
                stream.subscription.rejection = event.reason
