"""The last 24 hours of one symbol."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Day:
    """The last 24 h of one symbol with its mark and funding. Ticks, lots and their product."""

    open: int
    high: int
    low: int
    last: int
    last_quantity: int  # lots, unsigned
    volume: int  # lots
    turnover: int  # ticks x lots
    trades: int
    mark: int  # ticks
    index: int  # ticks
    funding: str  # rate per interval, decimal text, signed
    next_funding: int  # ms
    open_interest: int  # lots, one side
