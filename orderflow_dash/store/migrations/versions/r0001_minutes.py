"""Series and their minutes."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create the tables."""
    op.create_table(
        "series",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("venue", sa.Text, nullable=False),
        sa.Column("symbol", sa.Text, nullable=False),
        sa.Column("tick", sa.Text, nullable=False),
        sa.Column("lot", sa.Text, nullable=False),
        sa.Column("base", sa.Text, nullable=False),
        sa.Column("quote", sa.Text, nullable=False),
        sa.Column("cvd_from", sa.BigInteger, nullable=False),
        sa.Column("dropped_to", sa.BigInteger, nullable=False),
        sa.Column("dropped_delta", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("venue", "symbol", "tick", "lot"),
    )
    op.create_table(
        "minute",
        sa.Column("series_id", sa.Integer, sa.ForeignKey("series.id"), primary_key=True),
        sa.Column("open_ts", sa.BigInteger, primary_key=True),
        sa.Column("delta", sa.BigInteger, nullable=False),
        sa.Column("quality", sa.SmallInteger, nullable=False),
        sa.Column("verified", sa.Boolean),
        sa.Column("body", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "meta",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("value", sa.Text, nullable=False),
    )
