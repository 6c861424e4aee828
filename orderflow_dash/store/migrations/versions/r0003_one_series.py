"""One series per symbol for all its ticks and lots: bodies have their own grid from version 2 on."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from alembic import op

from orderflow_dash.market import MINUTE_MS, Grid
from orderflow_dash.store.codec import decode, encode

revision = "0003"
down_revision = "0002"

_series = sa.table(
    "series", *map(sa.column, ("id", "venue", "symbol", "tick", "lot", "dropped_to", "delta_lot"))
)
_minute = sa.table(
    "minute", *map(sa.column, ("series_id", "open_ts", "delta", "quality", "verified", "body"))
)
_hour = sa.table("hour", sa.column("series_id"))
_meta = sa.table("meta", sa.column("name"), sa.column("value"))
_GAP = 3  # its place in rows._QUALITIES


def upgrade() -> None:
    """Add the lot of deltas, and merge the series that a symbol has by other ticks and lots."""
    op.add_column("series", sa.Column("delta_lot", sa.Text, nullable=False, server_default=""))
    connection = op.get_bind()
    connection.execute(sa.update(_series).values(delta_lot=_series.c.lot))
    by_symbol: dict[tuple[str, str], list[sa.Row[Any]]] = {}
    for row in connection.execute(sa.select(_series).order_by(_series.c.id)).all():
        by_symbol.setdefault((row.venue, row.symbol), []).append(row)
    for rows in by_symbol.values():
        if len(rows) > 1:
            _merge(connection, rows[:-1], rows[-1])
    op.create_index("series_symbol", "series", ["venue", "symbol"], unique=True)


def _merge(connection: sa.Connection, older: list[sa.Row[Any]], newest: sa.Row[Any]) -> None:
    """Move the minutes of older series into the newest one of a symbol; CVD continues from there."""
    grids = {row.id: Grid.of(Decimal(row.tick), Decimal(row.lot)) for row in (*older, newest)}
    common = grids[newest.id]
    for grid in grids.values():
        common = common.common(grid)
    first = connection.execute(
        sa.select(sa.func.min(_minute.c.open_ts)).where(_minute.c.series_id == newest.id)
    ).scalar()
    there = set(
        connection.execute(sa.select(_minute.c.open_ts).where(_minute.c.series_id == newest.id)).scalars()
    )
    _rescale(connection, newest.id, common, grids[newest.id])
    for series in reversed(older):  # the newer one wins if both have a minute
        moved = [
            _moved(row, newest.id, grids[series.id], common)
            for row in connection.execute(sa.select(_minute).where(_minute.c.series_id == series.id)).all()
            if row.open_ts not in there
        ]
        connection.execute(sa.delete(_minute).where(_minute.c.series_id == series.id))
        if moved:
            connection.execute(sa.insert(_minute), moved)
        there.update(row["open_ts"] for row in moved)
    if first is not None and first - MINUTE_MS not in there and min(there) < first:
        # Trades between the two are unknown: the time must not look like one without trades.
        unknown = {"series_id": newest.id, "open_ts": first - MINUTE_MS, "delta": 0, "quality": _GAP}
        connection.execute(sa.insert(_minute), [{**unknown, "verified": None, "body": b""}])
    ids = [row.id for row in (*older, newest)]
    connection.execute(sa.delete(_hour).where(_hour.c.series_id.in_(ids)))
    connection.execute(sa.delete(_series).where(_series.c.id.in_(ids[:-1])))
    dropped_to = max(row.dropped_to for row in (*older, newest))
    values = {"delta_lot": format(common.quantity.value, "f"), "dropped_to": dropped_to}
    connection.execute(sa.update(_series).where(_series.c.id == newest.id).values(values))
    if not connection.execute(sa.select(_meta.c.value).where(_meta.c.name == "hours")).first():
        connection.execute(sa.insert(_meta).values(name="hours", value="to be derived"))


def _rescale(connection: sa.Connection, series_id: int, common: Grid, grid: Grid) -> None:
    factor = grid.scale_to(common).quantity
    dropped = sa.table("series", sa.column("id"), sa.column("dropped_delta"))
    connection.execute(
        sa.update(_minute).where(_minute.c.series_id == series_id).values(delta=_minute.c.delta * factor)
    )
    rescaled = sa.update(dropped).where(dropped.c.id == series_id)
    connection.execute(rescaled.values(dropped_delta=dropped.c.dropped_delta * factor))


def _moved(row: sa.Row[Any], series_id: int, grid: Grid, common: Grid) -> dict[str, Any]:
    """A minute of another series, its body with its own grid."""
    try:
        body = encode(row.open_ts, *decode(row.open_ts, row.body, grid))
    except ValueError:
        body = row.body  # stays damaged
    delta = row.delta * grid.scale_to(common).quantity
    kept = {"open_ts": row.open_ts, "quality": row.quality, "verified": row.verified}
    return {**kept, "series_id": series_id, "delta": delta, "body": body}
