"""Invented minutes for the store's tests."""

from __future__ import annotations

import zlib
from dataclasses import replace
from decimal import Decimal

import numpy as np
import zstandard

from orderflow_dash.footprint.minute import Levels
from orderflow_dash.market import HOUR_MS, MINUTE_MS, Instrument, Quality, Venue
from orderflow_dash.store import codec
from orderflow_dash.store.minutes import StoredMinute

START = 497_592 * HOUR_MS
BTC = Instrument(Venue.BINANCE, "BTCUSDT", "BTC", "USDT", Decimal("0.10"), Decimal("0.001"))
ETH = Instrument(Venue.BYBIT, "ETHUSDT", "ETH", "USDT", Decimal("0.01"), Decimal("0.01"))


def ladder(*rows: tuple[int, int, int, int]) -> Levels:
    """Levels from rows, high to low."""
    return np.array(rows, dtype=np.int64).reshape(-1, 4)


def minute(index: int, levels: Levels | None = None, **changes: object) -> StoredMinute:
    """The minute ``index`` after START; volumes from ``levels`` or from the index."""
    if levels is None:
        top = 834_344 + index % 7
        levels = ladder((top, 3 + index % 5, 1, 2), (top - 1, 0, 7 + index % 3, 1), (top - 4, 5, 0, 3))
    open_ts = START + index * MINUTE_MS
    delta = int(levels[:, 2].sum() - levels[:, 1].sum())
    made = StoredMinute(
        open_ts=open_ts,
        levels=levels,
        open=int(levels[0, 0]),
        close=int(levels[-1, 0]),
        delta=delta,
        min_delta=min(0, delta) - 2,
        max_delta=max(0, delta) + 1,
        first=(open_ts + 5, 10 * index + 1_000),
        last=(open_ts + 59_000, 10 * index + 1_009),
        quality=Quality.COMPLETE,
        grid=BTC.grid,
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def minutes(start: int, end: int) -> list[StoredMinute]:
    """Minutes of a range of indices, their CVD from 0 at the first."""
    cvd, made = 0, []
    for index in range(start, end):
        made.append(minute(index, cvd_before=cvd))
        cvd += made[-1].delta
    return made


def body_of_version_1(stored: StoredMinute) -> bytes:
    """A minute's body as the first version of the store wrote it: without its grid, here uncompressed."""
    figures = (stored.open, stored.close, stored.min_delta, stored.max_delta, stored.first, stored.last)
    body = codec.encode(stored.open_ts, stored.levels, codec.Path(*figures), stored.grid)
    unpack = zstandard.ZstdDecompressor(format=zstandard.FORMAT_ZSTD1_MAGICLESS).decompress
    plain = unpack(body[6:]) if body[1] else body[6:]
    numbers, end = codec._read_varints(plain, 18)
    old = codec._varints(tuple(numbers[:14])) + plain[end:]
    return bytes((1, 0)) + zlib.crc32(old, 0).to_bytes(4, "little") + old
