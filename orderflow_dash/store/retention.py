"""Deletion of old minutes by age and size, whole hours at a time, without changing CVD."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from orderflow_dash.market import HOUR_MS
from orderflow_dash.store import schema
from orderflow_dash.store.store import Store

_minute, _hour, _series = schema.minute, schema.hour, schema.series
_SHARE = 20  # a twentieth of the stored time is dropped per step if the size is too large


@dataclass(frozen=True, slots=True)
class Retention:
    """Limits of age and size; None for no limit."""

    days: float | None = None
    megabytes: float | None = None


def retire(store: Store, retention: Retention, now_ms: int) -> int:
    """Drop minutes that are too old, then the oldest until the size fits; returns how many.

    The newest hour of each series stays, so that it can be resumed.
    """
    dropped = 0
    if retention.days is not None:
        dropped += _drop_before(store, now_ms - int(retention.days * 24 * HOUR_MS))
    if retention.megabytes is not None:
        dropped += _drop_to_size(store, retention.megabytes * 1e6)
    if dropped:
        store.database.give_back()
    return dropped


def _drop_to_size(store: Store, limit: float) -> int:
    dropped = 0
    while True:
        with store.database.reading() as connection:
            used = store.database.used_bytes(connection)
            spans = _spans(connection)
        if used <= limit or not spans:
            return dropped
        oldest, newest = min(span[1] for span in spans), max(span[2] for span in spans)
        share = (newest - oldest) // _SHARE // HOUR_MS * HOUR_MS
        dropped += _drop_before(store, oldest // HOUR_MS * HOUR_MS + max(HOUR_MS, share))


def _drop_before(store: Store, before: int) -> int:
    """Drop whole hours that open before ``before`` (ms), and add their deltas to the start of CVD."""
    dropped = 0
    before = before // HOUR_MS * HOUR_MS
    with store.database.reading() as connection:
        spans = _spans(connection)
    for series_id, oldest, newest_hour in spans:
        if oldest < min(before, newest_hour):
            with store.database.writing() as connection:
                dropped += _drop_series(connection, series_id, min(before, newest_hour))
    return dropped


def _spans(connection: sa.Connection) -> list[tuple[int, int, int]]:
    """Series with minutes to drop: id, oldest minute, newest hour (ms)."""
    oldest, newest = (
        sa.select(end(_minute.c.open_ts)).where(_minute.c.series_id == _series.c.id).scalar_subquery()
        for end in (sa.func.min, sa.func.max)
    )
    rows = connection.execute(sa.select(_series.c.id, oldest, newest)).all()
    spans = [(row[0], row[1], row[2] // HOUR_MS * HOUR_MS) for row in rows if row[1] is not None]
    return [span for span in spans if span[1] < span[2]]


def _drop_series(connection: sa.Connection, series_id: int, end: int) -> int:
    series = connection.execute(sa.select(_series).where(_series.c.id == series_id).with_for_update()).one()
    old = (_minute.c.series_id == series_id, _minute.c.open_ts < end)
    counted = sa.select(sa.func.sum(_minute.c.delta)).where(*old, _minute.c.open_ts >= series.cvd_from)
    delta = int(connection.execute(counted).scalar() or 0)
    gone = connection.execute(sa.delete(_minute).where(*old)).rowcount
    connection.execute(sa.delete(_hour).where(_hour.c.series_id == series_id, _hour.c.open_ts < end))
    values = {
        "dropped_to": max(series.dropped_to, end),
        "dropped_delta": series.dropped_delta + delta,
    }
    connection.execute(sa.update(_series).where(_series.c.id == series_id).values(values))
    return gone
