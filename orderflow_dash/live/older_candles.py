"""Candles from before a view's own, read from the history on request."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import NamedTuple

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.live.encoded_candles import EncodedCandles
from orderflow_dash.live.history import HistoryLoader
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.market import Quality, Timeframe


class _Span(NamedTuple):
    """Candles that open from ``since`` and before ``until`` (ms)."""

    since: int
    until: int


class OlderCandles:
    """Requests and takes in the older candles of one view. Not thread-safe: the view holds its lock."""

    def __init__(
        self, stream: SeriesStream, timeframe: Timeframe, step: Decimal, history: HistoryLoader | None
    ) -> None:
        self.version = 0  # rises whenever older candles arrive: they come in a snapshot, not in a delta
        self.is_reading = False
        self._stream = stream
        self._timeframe = timeframe
        self._step = step
        self._history = history
        self._requested = 0  # most candles requested from the history

    def missing(self, lookback: int, candles: EncodedCandles) -> _Span | None:
        """The span to read for a lookback; None if nothing is missing or a read is under way."""
        is_short = lookback > max(len(candles), self._requested)
        if self._history is None or self.is_reading or not is_short or not self._stream.started:
            return None
        oldest = candles.oldest
        if oldest is None:
            return None  # a stream without restored minutes has none in the store
        self.is_reading, self._requested = True, lookback
        return _Span(candles.newest_open - (lookback - 1) * self._timeframe.ms, oldest.open_ts)

    def read(self, span: _Span, on_read: Callable[[Sequence[Candle]], None]) -> None:
        """Pass the candles of a span to ``on_read`` later; returns at once. Call without the lock."""
        if self._history is not None:
            self._history.read_older(self._stream.instrument, self._timeframe, self._step, *span, on_read)

    def prepend(self, older: Sequence[Candle], candles: EncodedCandles) -> None:
        """Add stored candles before a view's own."""
        self.is_reading = False
        if candles.oldest is None or not older:
            return
        candles.refine(self._stream.finest(older[0].grid))
        oldest = candles.oldest
        before = [candle.on(candles.grid) for candle in older if candle.open_ts < oldest.open_ts]
        if before:
            closing = oldest.quote_cvd - oldest.quote_delta
            candles.prepend(_with_quote_cvd(self._with_known_gaps(before), closing))
            self.version += 1

    def _with_known_gaps(self, candles: Sequence[Candle]) -> list[Candle]:
        """Stored candles with the gaps that only the series knows: its start, and gaps up to its minutes."""
        series = self._stream.series
        marked = []
        with self._stream.lock:
            for candle in candles:
                span = candle.open_ts, candle.open_ts + self._timeframe.ms
                if series.has_gap_between(*span):
                    marked.append(candle.no_better_than(Quality.GAP))
                elif series.starts_within(*span):
                    marked.append(candle.no_better_than(Quality.PARTIAL))
                else:
                    marked.append(candle)
        return marked


def _with_quote_cvd(candles: Sequence[Candle], closing: int) -> list[Candle]:
    """Candles, old to new, with the CVD in quote that leads to ``closing``, counted backwards."""
    counted = []
    for candle in reversed(candles):
        counted.append(replace(candle, quote_cvd=closing))
        closing -= candle.quote_delta
    return counted[::-1]
