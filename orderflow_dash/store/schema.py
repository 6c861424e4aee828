"""The tables, and their migration by Alembic at start."""

from __future__ import annotations

import logging
from pathlib import Path

import sqlalchemy as sa

from orderflow_dash.store.failure import StoreError

HEAD = "0003"
"""The newest revision in ``migrations/``. Alembic is imported only if a database is older."""

metadata = sa.MetaData()

series = sa.Table(
    "series",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("venue", sa.Text, nullable=False),
    sa.Column("symbol", sa.Text, nullable=False),
    sa.Column("tick", sa.Text, nullable=False),  # decimal text: the grid of bodies of version 1
    sa.Column("lot", sa.Text, nullable=False),
    sa.Column("base", sa.Text, nullable=False),
    sa.Column("quote", sa.Text, nullable=False),
    sa.Column("cvd_from", sa.BigInteger, nullable=False),  # ms; CVD is 0 at the open of this minute
    sa.Column("dropped_to", sa.BigInteger, nullable=False),  # ms; retention dropped all minutes before
    sa.Column("dropped_delta", sa.BigInteger, nullable=False),  # of those that CVD counts
    sa.Column("delta_lot", sa.Text, nullable=False),  # decimal text: the unit of every delta of the series
    sa.UniqueConstraint("venue", "symbol", "tick", "lot"),
    sa.Index("series_symbol", "venue", "symbol", unique=True),
)
"""One row per symbol. A body has its own grid; deltas use the finest lot, so that SQL sums them."""

minute = sa.Table(
    "minute",
    metadata,
    sa.Column("series_id", sa.Integer, sa.ForeignKey("series.id"), primary_key=True),
    sa.Column("open_ts", sa.BigInteger, primary_key=True),  # ms
    sa.Column("delta", sa.BigInteger, nullable=False),  # beside the body, so that SQL can sum it
    sa.Column("quality", sa.SmallInteger, nullable=False),  # index in rows._QUALITIES
    sa.Column("verified", sa.Boolean),
    sa.Column("body", sa.LargeBinary, nullable=False),  # see codec
)

hour = sa.Table(
    "hour",
    metadata,
    sa.Column("series_id", sa.Integer, sa.ForeignKey("series.id"), primary_key=True),
    sa.Column("open_ts", sa.BigInteger, primary_key=True),
    sa.Column("delta", sa.BigInteger, nullable=False),
    sa.Column("quality", sa.SmallInteger, nullable=False),
    sa.Column("verified", sa.Boolean),
    sa.Column("minutes", sa.SmallInteger, nullable=False),
    sa.Column("body", sa.LargeBinary, nullable=False),
)
"""Every hour of a series with minutes, except its newest; maintained by ``Store``."""

meta = sa.Table(
    "meta",
    metadata,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)

_version = sa.table("alembic_version", sa.column("version_num", sa.Text))
_START_LOCK = 0x0F10  # arbitrary: processes that start together migrate one after the other


def migrate(connection: sa.Connection, target: str = HEAD) -> bool:
    """Migrate a database to a revision in the connection's transaction; returns whether it was needed.

    Raises StoreError if a newer version of the product created it.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_START_LOCK)))
    if known_revision(connection) == target:
        return False
    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, target)
    return True


def known_revision(connection: sa.Connection) -> str | None:
    """The revision of a database; None for an empty one. StoreError if unknown."""
    if not sa.inspect(connection).has_table(_version.name):
        return None
    current = connection.execute(sa.select(_version.c.version_num)).scalar()
    if current is not None and current > HEAD:
        raise StoreError(
            f"the database has schema {current}, created by a newer version; supported: up to {HEAD}"
        )
    return current
