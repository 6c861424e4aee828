"""One ladder for each hour but a series' newest, so that long charts are read quickly."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Create the table; the hours of the minutes that are there are derived at the next opening."""
    op.create_table(
        "hour",
        sa.Column("series_id", sa.Integer, sa.ForeignKey("series.id"), primary_key=True),
        sa.Column("open_ts", sa.BigInteger, primary_key=True),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.Column("quality", sa.SmallInteger, nullable=False),
        sa.Column("verified", sa.Boolean),
        sa.Column("minutes", sa.SmallInteger, nullable=False),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    meta = sa.table("meta", sa.column("name"), sa.column("value"))
    op.execute(sa.insert(meta).values(name="hours", value="to be derived"))
