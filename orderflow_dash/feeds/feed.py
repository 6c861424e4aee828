"""All trade streams of one venue: which symbol is on which connection, and how each of them is."""

from __future__ import annotations

import logging
import threading
import time
from collections import ChainMap, Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial

from orderflow_dash.exchanges.protocol import Event, ReconnectAsked, Rejected, StreamProtocol, TradeBatch
from orderflow_dash.feeds.backfill import Backfiller
from orderflow_dash.feeds.clock import ClockReading, VenueClock
from orderflow_dash.feeds.connection import Connection, ConnectionPolicy, Link
from orderflow_dash.feeds.latency import LagMeter, LagReading, LagWindow
from orderflow_dash.feeds.listings import InstrumentProvider
from orderflow_dash.feeds.sequencing import Known, Sequencer
from orderflow_dash.feeds.stream import TradeSink, TradeStream
from orderflow_dash.market import Instrument, State, Venue

log = logging.getLogger(__name__)

_SETTLE_S = 1.0  # both run on after the successor has shown every symbol
_HANDOVER_S = 20.0  # longest overlap of a connection with its planned successor
_LOG_EVERY_S = 60.0
_ASK_AGAIN_S = 60.0
_STANDS_STILL_S = 5.0  # a connection's thread comes round several times a second
# One live stream shows that the feed works; else the worst state tells.
_TELLING = (State.LIVE, State.DISCONNECTED, State.REPAIRING, State.CONNECTING, State.STALE)


@dataclass(frozen=True, slots=True)
class StreamStatus:
    """State of one symbol's stream. ``age_ms``: since its last trade came; None before the first.

    ``past_known``: whether the past of a stream without a trade has been asked for; None where it is not, and
    once there is a trade.
    """

    state: State
    detail: str
    age_ms: int | None
    past_known: bool | None = None


@dataclass(frozen=True, slots=True)
class Timeliness:
    """How late a symbol's trades come, and how the venue's clock and ours differ; None where not known."""

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
        self.listing: InstrumentProvider | None = None
        self.is_timely = is_timely  # trades are of now, not recorded and not of a faster market
        self._ended_lags = LagMeter()  # of streams that were released
        self._clock = clock or VenueClock()
        self._backfiller = backfiller
        self.counters: Counter[str] = Counter()
        self.url = url
        self._listed = instruments
        # A venue may end a listing while a symbol streams: its last trades still count.
        self._streamed: dict[str, Instrument] = {}
        self._protocol = partial(protocol, ChainMap(instruments, self._streamed))
        sample = self._protocol()
        self._topic = sample.trade_topic
        self._limits = sample.limits
        self._sequencer = sequencer
        self._policy = policy
        self._status_override = status_override
        self._deliver = deliver
        self._lock = threading.Lock()
        self._streams: dict[str, TradeStream] = {}
        self._connections: list[Connection] = []
        self._handovers: dict[Connection, _Handover] = {}
        self._last_event: float | None = None
        self._last_log = -_LOG_EVERY_S
        self._unlogged = 0
        self._next_look = 0.0
        self._ended: Counter[str] = Counter()  # what released streams and connections had counted
        self._recent_lag = LagWindow(lambda: self._all_lags().count()[0])

    # -- who wants what ----------------------------------------------------------------------

    def subscribe(self, symbol: str, sink: TradeSink, known: Known | None = None) -> None:
        """Begin a symbol's stream; it must be listed and not running. ``known`` trades do not come again."""
        instrument = self._listed[symbol]
        stream = TradeStream(instrument, self._topic(symbol), sink, self._sequencer, self._backfiller, known)
        with self._lock:
            if symbol in self._streams:
                raise ValueError(f"{symbol} is streaming already")
            self._streamed[symbol] = instrument
            self._streams[symbol] = stream
            try:
                stream.connection = self._roomy_connection(stream.topic)
            except RuntimeError:  # no thread is to be had: whoever asks again must find the place free
                del self._streams[symbol]
                raise
            stream.start()
            stream.connection.add([stream.topic])
        if self._backfiller is not None:
            self._backfiller.start_silent(stream)

    def unsubscribe(self, symbol: str) -> None:
        """End a symbol's stream; the last one on a connection ends that too. Waits for nothing."""
        with self._lock:
            stream = self._streams.pop(symbol)
            stream.ended = True
            self._ended += stream.counts()
            self._ended_lags.take_over(stream.lag)
            idle = []
            for connection in self._connections:
                connection.remove([stream.topic])
                if not connection.topics:
                    idle.append(connection)
            self._forget(idle)
        for connection in idle:
            connection.stop(wait=0)

    def stop(self, wait: float = 1.0) -> None:
        """End everything; a handshake under way is waited for so many seconds and then ends by itself."""
        with self._lock:
            connections = list(self._connections)
            self._streams.clear()
            self._handovers.clear()
        for connection in connections:
            connection.stop(wait=0)
        deadline = time.monotonic() + wait
        for connection in connections:
            connection.stop(wait=max(0.0, deadline - time.monotonic()))

    # -- how it is ---------------------------------------------------------------------------

    def status(self, symbol: str) -> StreamStatus:
        """State of a symbol's stream with its cause, and what is unusual about the venue's clock."""
        status = self._plain_status(symbol)
        notes = [self._clock.difference()] if self.is_timely else []
        if status.state is not State.LIVE:
            notes.append(self._clock.disbelief())
        detail = "; ".join(part for part in (status.detail, *notes) if part)
        status = status if detail == status.detail else replace(status, detail=detail)
        return status if self._status_override is None else self._status_override(status)

    def _plain_status(self, symbol: str) -> StreamStatus:
        stream = self._streams.get(symbol)
        if stream is None or stream.connection is None:
            return StreamStatus(State.DISCONNECTED, "not streaming", None)
        link, detail = stream.connection.link, stream.connection.detail
        last, now = stream.stale.last, time.monotonic()
        age_ms = None if last is None else int((now - last) * 1000)
        absence = "" if self.listing is None else self.listing.absence(symbol)
        is_silent = last is None or now - last > stream.stale.threshold_s
        if absence and (stream.refused or (is_silent and link is Link.CONNECTED)):
            return StreamStatus(State.STALE, absence, age_ms)
        if self.listing is not None and (stream.refused or (is_silent and last is not None)):
            self.listing.doubt(symbol)
        if stream.refused:
            refusal = f"the venue refuses this symbol: {stream.refused}"
            return StreamStatus(State.DISCONNECTED, refusal, age_ms)
        if stream.outrun:
            stored = "what is stored of this symbol is later than its trades: it is of another source"
            return StreamStatus(State.STALE, stored, age_ms)
        if link is Link.LOST:
            wait = max(0.0, stream.connection.retry_at - now)
            return StreamStatus(State.DISCONNECTED, f"{detail}; next attempt in {wait:.0f} s", age_ms)
        if link is Link.CONNECTING:
            again = f"trying again after: {detail}" if detail else "opening the connection"
            return StreamStatus(State.CONNECTING, again, age_ms)
        still = now - stream.connection.turned_at
        if still > _STANDS_STILL_S:
            return StreamStatus(State.STALE, f"its thread stands still for {still:.0f} s", age_ms)
        if self._backfiller is not None and self._backfiller.busy(stream):
            return StreamStatus(State.REPAIRING, "fetching trades that are missing", age_ms)
        if last is None or age_ms is None:
            return StreamStatus(State.CONNECTING, "connected, waiting for a trade", None, stream.past_known)
        if is_silent:
            usual = f"more than {stream.stale.threshold_s:.0f} s is unusual for {symbol}"
            return StreamStatus(State.STALE, f"no trade for {now - last:.0f} s; {usual}", age_ms)
        return StreamStatus(State.LIVE, absence, age_ms)

    def lags(self) -> LagMeter | None:
        """How late all trades have come; None where their times are not of now."""
        return self._all_lags() if self.is_timely else None

    def timeliness(self, symbol: str) -> Timeliness | None:
        """How late a symbol's trades come; None where their times are not of now."""
        stream = self._streams.get(symbol)
        if stream is None or not self.is_timely:
            return None
        return Timeliness(stream.recent_lag.reading(), self._clock.reading())

    def health(self) -> dict[str, object]:
        """Counters and ages of the venue's streams, for ``/health``."""
        with self._lock:
            streams, connections = list(self._streams.values()), list(self._connections)
            counts = sum((stream.counts() for stream in streams), Counter(self._ended))
            reconnects = self.counters["reconnects"] + sum(each.reconnects for each in connections)
        now = time.monotonic()
        states = [self.status(stream.symbol).state for stream in streams]
        return {
            "state": next((state.value for state in _TELLING if state in states), "idle"),
            "lag": _told(self._recent_lag.reading()) if self.is_timely else None,
            "clock": _told(self._clock.reading()),
            "connections": len(connections),
            "age_ms": None if self._last_event is None else int((now - self._last_event) * 1000),
            "reconnects": reconnects,
            "gaps": counts["gaps"],
            "repaired": counts["repaired"],
            "trades": counts["trades"],
            "repeats": counts["repeats"],
            "malformed": self.counters["malformed"] + counts["impossible"],
            "excluded": self.counters["excluded"],
            "refused": self.counters["refused"],
            "handovers": self.counters["handovers"],
            "streams": {stream.symbol: self._stream_health(stream) for stream in streams},
        }

    def _stream_health(self, stream: TradeStream) -> dict[str, object]:
        status = self.status(stream.symbol)
        return {
            "state": status.state.value,
            "detail": status.detail,
            "age_ms": status.age_ms,
            **stream.counts(),
        }

    # -- ConnectionHandler -------------------------------------------------------------------

    def on_event(self, connection: Connection, event: Event) -> None:
        """Hand trades to their stream."""
        now = self._last_event = time.monotonic()
        if isinstance(event, TradeBatch):
            if event.excluded:
                self.counters["excluded"] += event.excluded
            if event.malformed:
                self._skip(event.malformed, f"rows of {event.symbol}")
            stream = self._streams.get(event.symbol)
            # No stream, or another connection's: it was in flight when the stream was given back.
            if stream is not None and (event.trades or event.lost) and self._carries(connection, stream):
                self._deliver(stream, event, now, connection.received_ms)
                handover = self._handovers.get(connection)
                if handover is not None:
                    handover.waiting.discard(event.symbol)
        elif isinstance(event, Rejected):
            self._refuse(event)
        elif isinstance(event, ReconnectAsked):
            log.info("%s: %s", self.venue, event.reason)
            self.on_aged(connection)
        if now >= self._next_look:
            self._next_look = now + 1.0
            self._finish_handovers(now)
            self._look_after(now)

    def on_malformed(self, reason: str) -> None:
        """Count; log at most once a minute."""
        self._skip(1, reason)

    def _skip(self, count: int, reason: str) -> None:
        self.counters["malformed"] += count
        self._unlogged += count
        now = time.monotonic()
        if now - self._last_log >= _LOG_EVERY_S:
            log.warning("%s: skipped %d malformed, the last: %s", self.venue, self._unlogged, reason[:200])
            self._last_log, self._unlogged = now, 0

    def on_lost(self, connection: Connection) -> None:
        """Tell the streams whose only connection it was."""
        with self._lock:
            for stream in self._streams.values():
                if stream.connection is connection:
                    stream.interrupted()
            handover = self._handovers.get(connection)
            if handover is not None:  # it must show everything anew
                self._handovers[connection] = self._handover_from(handover.old)

    def on_aged(self, connection: Connection) -> None:
        """Open a successor; the old one stays until the new one has data."""
        with self._lock:
            if connection not in self._connections or self._is_handing_over(connection):
                return
            successor = self._new_connection()
            successor.add(connection.topics)
            self._handovers[successor] = self._handover_from(connection)

    # -- inside ------------------------------------------------------------------------------

    def _all_lags(self) -> LagMeter:
        total = LagMeter()
        with self._lock:
            total.take_over(self._ended_lags)
            for stream in self._streams.values():
                total.take_over(stream.lag)
        return total

    def _carries(self, connection: Connection, stream: TradeStream) -> bool:
        return connection is stream.connection or connection in self._handovers

    def _is_handing_over(self, connection: Connection) -> bool:
        """Whether a handover from or to it is under way."""
        return connection in self._handovers or any(
            connection is handover.old for handover in self._handovers.values()
        )

    def _handover_from(self, old: Connection) -> _Handover:
        """The begin of a handover; called with the lock held."""
        return _Handover(
            old, {s.symbol for s in self._streams.values() if s.topic in old.topics and s.trades}
        )

    def _finish_handovers(self, now: float) -> None:
        """Give up an old connection once its successor has shown all its symbols, or time is up."""
        for successor, handover in list(self._handovers.items()):
            if successor.link is not Link.CONNECTED:
                continue
            if handover.until is None:
                handover.until = now + _HANDOVER_S
            if not handover.waiting and not handover.settling:
                # The old one may still be behind: let it deliver what it has.
                handover.settling = True
                handover.until = min(handover.until, now + _SETTLE_S)
            if now <= handover.until:
                continue
            with self._lock:
                if self._handovers.pop(successor, None) is None:
                    continue
                for stream in self._streams.values():
                    if stream.connection is handover.old:
                        stream.connection = successor
                self._forget([handover.old])
            self.counters["handovers"] += 1
            handover.old.stop(wait=0)

    def _look_after(self, now: float) -> None:
        """Ask again for topics that are silent out of rhythm while their connection is alive."""
        for stream in list(self._streams.values()):
            stream.lag.count()  # or what was noted would pile up where nobody asks
            silent_since = stream.stale.last or stream.asked_at
            threshold_s = max(_ASK_AGAIN_S, 2 * stream.stale.threshold_s)
            if stream.connection is None or stream.connection.link is not Link.CONNECTED:
                continue  # it is asked for with the connection
            if now - max(silent_since, stream.asked_at) > threshold_s:
                stream.asked_at = now
                stream.connection.renew(stream.topic)

    def _refuse(self, event: Rejected) -> None:
        self.counters["refused"] += 1
        log.warning("%s refused %s: %s", self.venue, ", ".join(event.topics) or "a request", event.reason)
        for stream in list(self._streams.values()):
            if stream.topic in event.topics:
                stream.refused = event.reason

    def _roomy_connection(self, topic: str) -> Connection:
        """A connection with room for one more topic; called with the lock held."""
        ending = [handover.old for handover in self._handovers.values()]
        for connection in self._connections:
            if connection in ending:
                continue  # its successor would not know of the topic
            characters = sum(len(each) for each in connection.topics) + len(topic)
            most = self._limits.topics - 1  # one place is kept for the pulse
            if len(connection.topics) < most and characters < self._limits.topic_characters:
                return connection
        return self._new_connection()

    def _new_connection(self) -> Connection:
        name = f"{self.venue}-trades"
        connection = Connection(self.url, self._protocol, self, self._policy, name=name, clock=self._clock)
        connection.start()
        self._connections.append(connection)
        return connection

    def _forget(self, connections: list[Connection]) -> None:
        for connection in connections:
            self._connections.remove(connection)
            for successor, handover in list(self._handovers.items()):
                if connection in (successor, handover.old):
                    del self._handovers[successor]
            self.counters["reconnects"] += connection.reconnects


@dataclass(slots=True)
class _Handover:
    old: Connection
    waiting: set[str]  # symbols the successor has not shown yet
    until: float | None = None  # monotonic; counts from when the successor is connected
    settling: bool = False


def _told(reading: LagReading | ClockReading | None) -> dict[str, int] | None:
    return None if reading is None else reading._asdict()
