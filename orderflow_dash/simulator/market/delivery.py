"""Delivery time of a quarterly contract: the last Friday of a quarter at 08:00 UTC."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta


def next_delivery(now_ms: int) -> datetime:
    """The first delivery after a time (ms)."""
    now = datetime.fromtimestamp(now_ms / 1000, UTC)
    year, month = now.year, -(-now.month // 3) * 3
    while (delivery := _delivery(year, month)) <= now:
        year, month = (year, month + 3) if month < 12 else (year + 1, 3)
    return delivery


def _delivery(year: int, month: int) -> datetime:
    following = datetime(year + month // 12, month % 12 + 1, 1, 8, tzinfo=UTC)
    last_day = following - timedelta(days=1)
    return last_day - timedelta(days=(last_day.weekday() - 4) % 7)
