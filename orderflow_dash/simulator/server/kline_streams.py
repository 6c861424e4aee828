"""The candle streams of both venues, in every interval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from orderflow_dash.market import Venue
from orderflow_dash.simulator.binance import frames as binance_frames
from orderflow_dash.simulator.bybit import frames as bybit_frames
from orderflow_dash.simulator.market.intervals import BINANCE_KLINES, BYBIT_KLINES
from orderflow_dash.simulator.market.klines import candles
from orderflow_dash.simulator.market.source import Listing, Market, VenueListings
from orderflow_dash.simulator.market.tape import TapeCandle
from orderflow_dash.simulator.server.publisher import Publisher

_SETTLED_MS = 250  # a print is published up to 100 ms after its time, so a candle is final after this time
_PAIR_SUFFIX = "_perpetual"
_MOST = 1_500  # candles between two runs, at any speed


class _Stream(NamedTuple):
    """The meaning of a stream's name."""

    listing: Listing
    interval: str  # the venue's name
    interval_ms: int
    frame: Callable[..., bytes]


@dataclass(frozen=True, slots=True)
class _Sent:
    """The last sent candle of a stream, and the id of the next print at that time."""

    candle: TapeCandle
    closed: bool
    next_id: int

    def is_current(self, next_id: int, now: int, interval_ms: int) -> bool:
        """Whether the candle cannot have changed since."""
        return self.next_id == next_id and not self.closed and now < self.candle.start + interval_ms


class KlineStreams:
    """Sends each candle when it changes, and once more when it closes."""

    def __init__(self, market: Market, publisher: Publisher) -> None:
        self._market = market
        self._publisher = publisher
        self._binance = VenueListings(market, Venue.BINANCE)
        self._bybit = VenueListings(market, Venue.BYBIT)
        self._sent: dict[str, _Sent] = {}

    def forget(self, stream: str) -> None:
        """Restarts a stream: its first listener gets the current candle and no earlier one."""
        self._sent.pop(stream, None)

    def run(self, names: list[str]) -> None:
        """Sends changed candles on these streams; ignores other kinds of streams."""
        for name in names:
            stream = self._stream(name)
            if stream is not None:
                self._send(name, stream)

    def _stream(self, name: str) -> _Stream | None:
        listing: Listing | None
        if name.startswith("kline."):
            _, interval, symbol = name.split(".", 2)
            listing, lengths, frame = self._bybit.get(symbol), BYBIT_KLINES, bybit_frames.kline
        else:
            symbol, _, suffix = name.partition("@")
            kind, _, interval = suffix.partition("_")
            lengths = BINANCE_KLINES
            if kind == "kline":
                frame = binance_frames.kline
            elif kind == "continuousKline" and symbol.endswith(_PAIR_SUFFIX):
                symbol, frame = symbol.removesuffix(_PAIR_SUFFIX), binance_frames.continuous_kline
            else:
                return None
            listing = self._binance.get(symbol.upper())
        if listing is None or interval not in lengths:
            return None
        return _Stream(listing, interval, lengths[interval], frame)

    def _send(self, name: str, stream: _Stream) -> None:
        listing, interval, interval_ms, frame = stream
        now, next_id = self._market.now(), self._market.tape(listing).next_id
        sent = self._sent.get(name)
        if sent is not None and sent.is_current(next_id, now, interval_ms):
            return
        start = now - now % interval_ms if sent is None else sent.candle.start
        for candle in candles(self._market, listing, interval_ms, start, None, _MOST):
            closed = now >= candle.start + interval_ms + _SETTLED_MS
            if sent is None or candle != sent.candle or closed != sent.closed:
                self._publisher.publish(name, frame(listing, candle, interval, now, closed=closed))
            sent = self._sent[name] = _Sent(candle, closed, next_id)
            if not closed:  # the next one waits until this one is final
                break
