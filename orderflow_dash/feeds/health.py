"""Counters of a venue's feed, and its part of ``/health``."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from orderflow_dash.feeds.clock import ClockReading
from orderflow_dash.feeds.latency import LagMeter, LagReading, LagWindow
from orderflow_dash.feeds.stream import StreamStatus, TradeStream
from orderflow_dash.market import State, Venue

log = logging.getLogger(__name__)

_LOG_EVERY_S = 60.0
# One live stream shows that the feed works; otherwise the worst state counts.
_PRECEDENCE = (State.LIVE, State.DISCONNECTED, State.REPAIRING, State.CONNECTING, State.STALE)


class FeedHealth:
    """Counters of one venue's feed, streams that have ended included.

    ``running`` returns the streams that run; it is called under ``lock``, so that none counts twice while it
    ends.
    """

    def __init__(
        self, venue: Venue, running: Callable[[], Iterable[TradeStream]], lock: threading.Lock
    ) -> None:
        self.counters: Counter[str] = Counter()
        self.last_event: float | None = None  # monotonic, s
        self._venue = venue
        self._running = running
        self._lock = lock
        self._ended: Counter[str] = Counter()
        self._ended_lags = LagMeter()
        self._recent_lag = LagWindow(lambda: self.lags().count()[0])
        self._logged_at = -_LOG_EVERY_S
        self._unlogged = 0

    def skip(self, count: int, reason: str) -> None:
        """Count malformed frames or rows; the log reports them at most once a minute."""
        self.counters["malformed"] += count
        self._unlogged += count
        now = time.monotonic()
        if now - self._logged_at >= _LOG_EVERY_S:
            log.warning("%s: skipped %d malformed, the last: %s", self._venue, self._unlogged, reason[:200])
            self._logged_at, self._unlogged = now, 0

    def add_ended(self, stream: TradeStream) -> None:
        """Keep the counters of a stream that has ended; called under the lock."""
        self._ended += stream.totals()
        self._ended_lags.take_over(stream.lag)

    def lags(self) -> LagMeter:
        """The delay of all trades."""
        total = LagMeter()
        with self._lock:
            total.take_over(self._ended_lags)
            for stream in self._running():
                total.take_over(stream.lag)
        return total

    def totals(self) -> Counter[str]:
        """The counters of all streams; called under the lock."""
        return sum((stream.totals() for stream in self._running()), Counter(self._ended))

    def recent_lag(self) -> LagReading | None:
        """The delay of the last minute's trades."""
        return self._recent_lag.reading()

    def report(
        self,
        statuses: Mapping[TradeStream, StreamStatus],
        totals: Counter[str],
        *,
        connections: int,
        reconnects: int,
        lag: LagReading | None,
        clock: ClockReading | None,
    ) -> dict[str, object]:
        """The venue's part of ``/health``."""
        states = [status.state for status in statuses.values()]
        age_ms = None if self.last_event is None else int((time.monotonic() - self.last_event) * 1000)
        return {
            "state": next((state.value for state in _PRECEDENCE if state in states), "idle"),
            "lag": _as_dict(lag),
            "clock": _as_dict(clock),
            "connections": connections,
            "age_ms": age_ms,
            "reconnects": reconnects,
            "gaps": totals["gaps"],
            "repaired": totals["repaired"],
            "trades": totals["trades"],
            "repeats": totals["repeats"],
            "malformed": self.counters["malformed"] + totals["impossible"],
            "excluded": self.counters["excluded"],
            "refused": self.counters["refused"],
            "handovers": self.counters["handovers"],
            "streams": {stream.symbol: _of_stream(stream, status) for stream, status in statuses.items()},
        }


def _of_stream(stream: TradeStream, status: StreamStatus) -> dict[str, object]:
    return {
        "state": status.state.value,
        "detail": status.detail,
        "age_ms": status.age_ms,
        **stream.totals(),
    }


def _as_dict(reading: LagReading | ClockReading | None) -> dict[str, int] | None:
    return None if reading is None else reading._asdict()
