"""What a venue says of a contract beside its trades: 24 h statistics, funding, mark, open interest.

All of it is derived from the tape, so that it agrees with what was traded.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from orderflow_dash.market import HOUR_MS, MINUTE_MS

from .source import Day
from .tape import Tape

DAY_MS = 24 * HOUR_MS
FUNDING_MS = 8 * HOUR_MS


def draw(*key: object) -> int:
    """A number in 0..2**32-1 that depends on the key alone."""
    text = ":".join(map(str, key)).encode()
    return int.from_bytes(hashlib.blake2s(text, digest_size=4).digest())


@dataclass(frozen=True, slots=True)
class Before:
    """The 24 h before a market's first print, in ticks and lots; they fade out as the market runs."""

    start_ms: int
    open: int
    high: int
    low: int
    last: int
    volume: int
    turnover: int
    trades: int
    open_interest: int  # lots, one side


def statistics(symbol: str, tape: Tape, before: Before | None, now: int) -> Day | None:
    """The last 24 h of a symbol at market time ``now`` (ms); None where nothing is known of it yet."""
    if len(tape):
        newest = tape.at(-1)
        last, last_quantity = newest.price, abs(newest.quantity)
    elif before is not None:
        last, last_quantity = before.last, 1
    else:
        return None
    # Whole minutes are near enough: both venues roll their day by the minute as well.
    minutes = list(tape.minutes(now - DAY_MS - now % MINUTE_MS, now))
    opened = minutes[0].open if minutes else last
    high = max((m.high for m in minutes), default=last)
    low = min((m.low for m in minutes), default=last)
    volume = sum(m.volume for m in minutes)
    turnover = sum(m.turnover for m in minutes)
    trades = sum(m.matches for m in minutes)
    interest = volume // 3 + 1
    if before is not None:
        fraction = max(0, DAY_MS - (now - before.start_ms))
        volume += before.volume * fraction // DAY_MS
        turnover += before.turnover * fraction // DAY_MS
        trades += before.trades * fraction // DAY_MS
        bought = sum(m.buy_volume for m in minutes)
        drift = (2 * bought - sum(m.volume for m in minutes)) // 10
        interest = max(1, before.open_interest + drift)
        if fraction:
            opened, high, low = before.open, max(high, before.high), min(low, before.low)
    period = now // FUNDING_MS
    # The premium follows the day's move, within the bounds venues clamp it to.
    rate = 10_000 + draw(symbol, period) % 8_000 - 4_000 + 400_000 * (last - opened) // max(1, opened)
    rate = max(-300_000, min(300_000, rate))
    index = max(1, last - last * rate // 400_000_000)
    mark = (last + index) // 2 or 1
    sign = "-" if rate < 0 else ""
    return Day(
        open=opened,
        high=high,
        low=low,
        last=last,
        last_quantity=last_quantity,
        volume=volume,
        turnover=turnover,
        trades=trades,
        mark=mark,
        index=index,
        funding=f"{sign}0.{abs(rate):08d}",
        next_funding=(period + 1) * FUNDING_MS,
        open_interest=interest,
    )
