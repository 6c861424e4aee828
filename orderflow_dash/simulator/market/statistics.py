"""A contract's past funding, mark price, open interest and ratios.

All are derived from the tape or drawn from the symbol's name, so that every reply agrees.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from orderflow_dash.market import MINUTE_MS
from orderflow_dash.simulator.market.contract import FUNDING_MS, draw, index_and_mark, usual_rate
from orderflow_dash.simulator.market.klines import candles
from orderflow_dash.simulator.market.source import Listing, Market


class Funding(NamedTuple):
    """A paid funding."""

    time: int  # ms
    rate: int  # hundred-millionths
    mark: int | None  # in the listing's unit of price; None if unknown


class Prices(NamedTuple):
    """A candle of the mark, index or premium price."""

    start: int  # ms
    open: int
    high: int
    low: int
    close: int


class Interest(NamedTuple):
    """Open interest at a time."""

    time: int  # ms
    lots: int  # one side
    mark: int


class Share(NamedTuple):
    """The share of accounts, or of their positions, that are long."""

    time: int  # ms
    long: int  # ten-thousandths


def window(
    step_ms: int, oldest_ms: int, now_ms: int, start_ms: int | None, end_ms: int | None, limit: int
) -> range:
    """Multiples of a step between two times: the oldest ``limit`` from a start alone, else the newest."""
    low = -(-max(oldest_ms, start_ms or 0) // step_ms) * step_ms
    high = min(now_ms, now_ms if end_ms is None else end_ms) // step_ms * step_ms
    if start_ms is not None and end_ms is None:
        high = min(high, low + (limit - 1) * step_ms)
    return range(max(low, high - (limit - 1) * step_ms), high + 1, step_ms)


def fundings(
    market: Market, listing: Listing, start_ms: int | None, end_ms: int | None, limit: int
) -> list[Funding]:
    """Fundings paid since the listing, old to new."""
    times = window(FUNDING_MS, listing.onboard_ms + FUNDING_MS, market.now(), start_ms, end_ms, limit)
    return [_funding(market, listing, time) for time in times]


def _funding(market: Market, listing: Listing, time: int) -> Funding:
    rate = usual_rate(listing.symbol, time // FUNDING_MS - 1)
    last = _price_at(market, listing, time)
    return Funding(time, rate, None if last is None else index_and_mark(last, rate)[1])


def marks(
    market: Market,
    listing: Listing,
    interval_ms: int,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
    *,
    index: bool,
) -> list[Prices]:
    """Candles of the mark price, or of the index price, old to new; bounds as those of ``candles``."""
    found = []
    for candle in candles(market, listing, interval_ms, start_ms, end_ms, limit):
        rate = usual_rate(listing.symbol, candle.start // FUNDING_MS)
        prices = (index_and_mark(price, rate)[0 if index else 1] for price in candle[1:5])
        found.append(Prices(candle.start, *prices))
    return found


def premiums(
    market: Market, listing: Listing, interval_ms: int, start_ms: int | None, end_ms: int | None, limit: int
) -> list[Prices]:
    """Candles of the premium index in hundred-millionths, old to new."""
    found = []
    for candle in candles(market, listing, interval_ms, start_ms, end_ms, limit):
        rate = usual_rate(listing.symbol, candle.start // FUNDING_MS)
        quotes = [index_and_mark(price, rate) for price in candle[1:5]]
        values = [(mark - index) * 100_000_000 // index for index, mark in quotes]
        found.append(Prices(candle.start, values[0], max(values), min(values), values[-1]))
    return found


def interests(
    market: Market, listing: Listing, step_ms: int, start_ms: int | None, end_ms: int | None, limit: int
) -> list[Interest]:
    """Open interest at multiples of a step, old to new, as far back as prices are known."""
    now, day = market.now(), market.day(listing)
    if day is None:
        return []
    oldest = _oldest(market, listing)
    found = []
    lots, until = day.open_interest, now
    for time in reversed(window(step_ms, oldest, now, start_ms, end_ms, limit)):
        # Back from the present value by the trades since.
        since = list(market.tape(listing).minutes(time, until - 1))
        lots = max(1, lots - (2 * sum(m.buy_volume for m in since) - sum(m.volume for m in since)) // 10)
        until = time
        last = _price_at(market, listing, time) or day.last
        found.append(Interest(time, lots, index_and_mark(last, usual_rate(listing.symbol, 0))[1]))
    return found[::-1]


def shares(
    market: Market,
    listing: Listing,
    kind: str,
    step_ms: int,
    start_ms: int | None,
    end_ms: int | None,
    limit: int,
) -> Iterator[Share]:
    """Long shares of a ``kind`` at multiples of a step within 30 days, old to new."""
    now = market.now()
    for time in window(step_ms, now - 30 * 24 * 60 * MINUTE_MS, now, start_ms, end_ms, limit):
        usual = 4_500 + draw(listing.symbol, kind) % 2_000
        yield Share(time, usual + draw(listing.symbol, kind, time) % 400 - 200)


def _oldest(market: Market, listing: Listing) -> int:
    """The time of the oldest known price."""
    first = candles(market, listing, 60 * MINUTE_MS, 0, None, 1)
    return first[0].start if first else market.now()


def _price_at(market: Market, listing: Listing, time: int) -> int | None:
    """The last price before a time; None if unknown."""
    minute = candles(market, listing, MINUTE_MS, None, time - 1, 1)
    hour = minute or candles(market, listing, 60 * MINUTE_MS, None, time - 1, 1)
    return hour[-1].close if hour else None
