"""Messages of the socket and their encoding.

Prices and volumes are written from integers with the decimals of the series' grid, which are the
instrument's unless trades needed more. Without floats, nothing is rounded.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final, Literal, TypedDict

import orjson

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.market import Grid, Instrument, State, Timeframe, Venue

_VERIFIED: Final = {True: "true", False: "false", None: "null"}


class LevelMessage(TypedDict):
    """One price level; volumes in base currency."""

    p: float
    bid: float
    ask: float
    n: int


class CandleMessage(TypedDict):
    """One candle; levels from high to low."""

    open_ts: int
    bid: float
    ask: float
    delta: float
    cvd: float
    levels: list[LevelMessage]
    open: float
    high: float
    low: float
    close: float
    n: int
    min_delta: float
    max_delta: float
    poc: float
    closed: bool
    quality: Literal["complete", "partial", "repaired", "gap"]
    verified: bool | None
    rev: int


class SnapshotMessage(TypedDict):
    """The first message: candles from old to new."""

    type: Literal["snapshot"]
    exchange: str
    symbol: str
    tf_ms: int
    step: float
    server_ts: int
    cvd_from: int | None
    candles: list[CandleMessage]


class DeltaMessage(TypedDict):
    """One candle that changed, whole."""

    type: Literal["delta"]
    exchange: str
    symbol: str
    tf_ms: int
    step: float
    server_ts: int
    candle: CandleMessage


class StatusMessage(TypedDict):
    """State of the symbol's trade stream."""

    type: Literal["status"]
    exchange: str
    symbol: str
    state: Literal["connecting", "live", "stale", "repairing", "disconnected"]
    detail: str
    server_ts: int


class ErrorMessage(TypedDict):
    """The reason why the socket closes."""

    type: Literal["error"]
    code: Literal["bad_parameter", "unknown_symbol", "too_many_clients", "unavailable"]
    param: str | None
    message: str


class Encoder:
    """Writes the messages of one view whose candles count on a grid; ``step`` in quote currency."""

    def __init__(self, instrument: Instrument, timeframe: Timeframe, step: Decimal, grid: Grid) -> None:
        self._price = grid.price.text
        self._quantity = grid.quantity.text
        self._timeframe = timeframe
        name = orjson.dumps(instrument.symbol).decode()
        series = f'"exchange":"{instrument.venue}","symbol":{name}'
        self._head = f'{series},"tf_ms":{timeframe.ms},"step":{self._price(grid.price.count(step))}'

    def candle(self, candle: Candle) -> str:
        """A ``CandleMessage``."""
        price, quantity = self._price, self._quantity
        levels = ",".join(
            [
                f'{{"p":{price(p)},"bid":{quantity(bid)},"ask":{quantity(ask)},"n":{n}}}'
                for p, bid, ask, n in candle.levels.tolist()
            ]
        )
        return (
            f'{{"open_ts":{candle.open_ts},"bid":{quantity(candle.bid)},"ask":{quantity(candle.ask)}'
            f',"delta":{quantity(candle.delta)},"cvd":{quantity(candle.cvd)},"levels":[{levels}]'
            f',"open":{price(candle.open)},"high":{price(candle.high)},"low":{price(candle.low)}'
            f',"close":{price(candle.close)},"n":{candle.n},"min_delta":{quantity(candle.min_delta)}'
            f',"max_delta":{quantity(candle.max_delta)},"poc":{price(candle.poc)}'
            f',"closed":{"true" if candle.closed else "false"},"quality":"{candle.quality}"'
            f',"verified":{_VERIFIED[candle.verified]},"rev":{candle.rev}}}'
        )

    def snapshot(self, candles: list[str], cvd_from: int | None, server_ts: int) -> str:
        """A ``SnapshotMessage`` of encoded candles; ``cvd_from`` is the first minute known, ms."""
        start = "null" if cvd_from is None else str(cvd_from - cvd_from % self._timeframe.ms)
        return (
            f'{{"type":"snapshot",{self._head},"server_ts":{server_ts},"cvd_from":{start}'
            f',"candles":[{",".join(candles)}]}}'
        )

    def delta(self, candle: str, server_ts: int) -> str:
        """A ``DeltaMessage`` of an encoded candle."""
        return f'{{"type":"delta",{self._head},"server_ts":{server_ts},"candle":{candle}}}'


def encode_status(venue: Venue, symbol: str, state: State, detail: str, server_ts: int) -> str:
    """A ``StatusMessage``."""
    message: StatusMessage = {
        "type": "status",
        "exchange": venue.value,
        "symbol": symbol,
        "state": state.value,
        "detail": detail,
        "server_ts": server_ts,
    }
    return orjson.dumps(message).decode()


def encode_error(
    code: Literal["bad_parameter", "unknown_symbol", "too_many_clients", "unavailable"],
    param: str | None,
    text: str,
) -> str:
    """An ``ErrorMessage``."""
    message: ErrorMessage = {"type": "error", "code": code, "param": param, "message": text}
    return orjson.dumps(message).decode()
