"""A contract's figures besides its trades: 24 h statistics, funding, mark, open interest.

All are derived from the tape, so that they agree with its trades.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from orderflow_dash.market import HOUR_MS, MINUTE_MS
from orderflow_dash.simulator.market.day import Day
from orderflow_dash.simulator.market.tape import Tape, TapeCandle

DAY_MS = 24 * HOUR_MS
FUNDING_MS = 8 * HOUR_MS
_HOURS = 24


def draw(*key: object) -> int:
    """A number in 0..2**32-1 that depends on the key alone."""
    text = ":".join(map(str, key)).encode()
    return int.from_bytes(hashlib.blake2s(text, digest_size=4).digest())


@dataclass(frozen=True, slots=True)
class DayBefore:
    """The 24 h before a market's first print, in ticks and lots; their weight fades as the market runs."""

    start_ms: int
    open: int
    high: int
    low: int
    last: int
    volume: int
    turnover: int
    trades: int
    open_interest: int  # lots, one side


def hours_of(symbol: str, before: DayBefore) -> list[TapeCandle]:
    """That day hour by hour, old to new, up to the hour in which the market starts.

    The hours lead from the day's open to its last and touch its high and low; its volume is spread evenly.
    """
    end = before.start_ms - before.start_ms % HOUR_MS
    high_at, low_at = draw(symbol, "high hour") % _HOURS, draw(symbol, "low hour") % _HOURS
    candles: list[TapeCandle] = []
    opening, walk = before.open, 0
    for hour in range(_HOURS):
        walk += draw(symbol, hour) % 2_001 - 1_000
        left = _HOURS - 1 - hour
        straight = before.last - (before.last - before.open) * left // _HOURS
        # A random walk that converges to the last price at the end of the day.
        bent = straight + (before.high - before.low) * walk * left // (4_000 * _HOURS)
        close = max(before.low, min(before.high, bent))
        high = before.high if hour == high_at else max(opening, close)
        low = before.low if hour == low_at else min(opening, close)
        start = end - (left + 1) * HOUR_MS
        volume, turnover = before.volume // _HOURS, before.turnover // _HOURS
        matches = before.trades // _HOURS
        candles.append(
            TapeCandle(
                start,
                opening,
                high,
                low,
                close,
                volume,
                turnover,
                volume // 2,
                turnover // 2,
                matches,
                matches,
                0,
                0,
            )
        )
        opening = close
    return candles


def usual_rate(symbol: str, period: int) -> int:
    """The funding rate of a period of eight hours in hundred-millionths, without the day's move."""
    return 10_000 + draw(symbol, period) % 8_000 - 4_000


def rate_text(rate: int) -> str:
    """Decimal text of a rate in hundred-millionths."""
    sign = "-" if rate < 0 else ""
    return f"{sign}{abs(rate) // 100_000_000}.{abs(rate) % 100_000_000:08d}"


def index_and_mark(last: int, rate: int) -> tuple[int, int]:
    """Index and mark price, in the unit of the last price, at a funding rate in hundred-millionths."""
    index = max(1, last - last * rate // 400_000_000)
    return index, (last + index) // 2 or 1


def statistics(symbol: str, tape: Tape, before: DayBefore | None, now: int) -> Day | None:
    """The last 24 h of a symbol at market time ``now`` (ms); None if unknown."""
    if len(tape):
        newest = tape.at(-1)
        last, last_quantity = newest.price, abs(newest.quantity)
    elif before is not None:
        last, last_quantity = before.last, 1
    else:
        return None
    # Whole minutes suffice: both venues roll their day by the minute as well.
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
    rate = usual_rate(symbol, period) + 400_000 * (last - opened) // max(1, opened)
    rate = max(-300_000, min(300_000, rate))
    index, mark = index_and_mark(last, rate)
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
        funding=rate_text(rate),
        next_funding=(period + 1) * FUNDING_MS,
        open_interest=interest,
    )
