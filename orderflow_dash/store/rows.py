"""A minute or an hour as a row of its table, and back."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from orderflow_dash.market import DecimalUnit, Grid, Instrument, Quality
from orderflow_dash.store.codec import Path, decode, encode
from orderflow_dash.store.minutes import NO_LEVELS, StoredHour, StoredMinute

_QUALITIES = (Quality.COMPLETE, Quality.REPAIRED, Quality.PARTIAL, Quality.GAP)  # stored by index
_LARGEST = 1 << 56  # of a minute's volume in units: an hour of them still sums in 64 bits


def key_of(instrument: Instrument) -> dict[str, str]:
    """The key of a series. Its tick and lot may change."""
    return {"venue": instrument.venue.value, "symbol": instrument.symbol}


def row_of(minute: StoredMinute) -> dict[str, Any]:
    """Columns of either table; ValueError if the levels are not a ladder or a figure is out of range."""
    largest = _LARGEST if not isinstance(minute, StoredHour) else 60 * _LARGEST
    if max(abs(minute.delta), abs(minute.open_ts), int(minute.levels.max(initial=0))) >= largest:
        raise ValueError(f"a figure of the minute at {minute.open_ts} is out of range")
    path = Path(minute.open, minute.close, minute.min_delta, minute.max_delta, minute.first, minute.last)
    return {
        "open_ts": minute.open_ts,
        "delta": minute.delta,
        "quality": _QUALITIES.index(minute.quality),
        "verified": minute.verified,
        "body": encode(minute.open_ts, minute.levels, path, minute.grid),
    }


def minute_of(row: sa.Row[Any], lot: DecimalUnit, first_grid: Grid) -> StoredMinute:
    """A minute from its row; ValueError if its body cannot be read.

    ``lot`` is what deltas of the series count in, ``first_grid`` the grid of bodies of version 1.
    """
    _, open_ts, delta, quality, verified, body = tuple[Any, ...](row)
    levels, path, grid = decode(open_ts, body, first_grid)
    return StoredMinute(
        open_ts, levels, path.open, path.close, _in_units(delta, lot, grid), path.min_delta, path.max_delta,
        path.first, path.last, _QUALITIES[quality], grid, verified,
    )  # fmt: skip


def hour_of(row: sa.Row[Any], lot: DecimalUnit, first_grid: Grid) -> StoredHour:
    """An hour from its row. Raises as ``minute_of``."""
    _, open_ts, delta, quality, verified, minutes, body = tuple[Any, ...](row)
    levels, path, grid = decode(open_ts, body, first_grid)
    return StoredHour(
        open_ts, levels, path.open, path.close, _in_units(delta, lot, grid), path.min_delta, path.max_delta,
        path.first, path.last, _QUALITIES[quality], grid, verified, minutes=minutes,
    )  # fmt: skip


def _in_units(delta: int, lot: DecimalUnit, grid: Grid) -> int:
    """A delta of a series in a body's own units."""
    if lot.value == grid.quantity.value:
        return delta
    units, rest = divmod(delta, lot.count(grid.quantity.value))
    if rest:
        raise ValueError(f"a stored minute is damaged: its delta is not a multiple of {grid.quantity.value}")
    return units


def damaged_minute(open_ts: int, delta: int, grid: Grid) -> StoredMinute:
    """The replacement for an unreadable body: a gap with its delta."""
    return StoredMinute(open_ts=open_ts, delta=delta, grid=grid, **_lost(open_ts, delta))


def damaged_hour(open_ts: int, delta: int, grid: Grid) -> StoredHour:
    """The replacement for an unreadable body: a gap with its delta."""
    return StoredHour(open_ts=open_ts, delta=delta, grid=grid, **_lost(open_ts, delta))


def _lost(open_ts: int, delta: int) -> dict[str, Any]:
    nowhere = (open_ts, 0)
    path = {"min_delta": min(0, delta), "max_delta": max(0, delta), "first": nowhere, "last": nowhere}
    return {"levels": NO_LEVELS, "open": 0, "close": 0, "quality": Quality.GAP, **path}
