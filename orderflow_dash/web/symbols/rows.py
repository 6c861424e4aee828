"""A row of the symbol table from an instrument and its ticker."""

from __future__ import annotations

from decimal import Decimal
from typing import Final, TypedDict

from orderflow_dash.market import Instrument, Ticker, Venue
from orderflow_dash.web.status import venue_name
from orderflow_dash.web.text import grouped

_VENUES: Final = {venue.value: venue for venue in Venue}


class Row(TypedDict):
    """A row of the grid. A figure is None until the venue sends it."""

    id: str  # venue:symbol
    symbol: str
    pair: str  # base/quote
    venue: str  # value of Venue
    venue_name: str
    simulated: bool
    pre_market: bool
    last: str | None  # exact, grouped
    price: float | None  # of the same, to sort by
    change: float | None  # percent over 24 h
    volume: float | None  # quote currency over 24 h
    funding: float | None  # percent of the current interval
    interest: float | None  # open interest in quote currency at the last price, one side
    live: bool  # the server streams its trades now
    day: str | None  # sparkline of the last 24 hours, see feeds/sparklines.py


def symbol_row(
    instrument: Instrument, ticker: Ticker | None, *, live: bool = False, day: str | None = None
) -> Row:
    """The row of one perpetual."""
    ticker = ticker or Ticker(instrument.symbol)
    last = ticker.last or None  # 0 before the first trade
    interest = ticker.open_interest
    return {
        "id": f"{instrument.venue.value}:{instrument.symbol}",
        "symbol": instrument.symbol,
        "pair": f"{instrument.base}/{instrument.quote}",
        "venue": instrument.venue.value,
        "venue_name": venue_name(instrument.venue),
        "simulated": instrument.venue is Venue.DEMO,
        "pre_market": instrument.is_pre_market,
        "last": None if last is None else price_text(last, instrument.grid.price.decimals),
        "price": _number(last),
        "change": _number(ticker.change_24h),
        "volume": _number(ticker.volume_24h),
        "funding": _number(ticker.funding),
        "interest": None if interest is None or last is None else float(interest * last),
        "live": live,
        "day": day,
    }


def row_keys(ids: object, most: int) -> list[tuple[Venue, str]]:
    """Venue and symbol of at most ``most`` row ids from a browser; invalid ids are left out."""
    texts = [each for each in ids[:most] if isinstance(each, str)] if isinstance(ids, list) else []
    named = [each.partition(":") for each in texts]
    return [(_VENUES[venue], symbol) for venue, _, symbol in named if venue in _VENUES]


def price_text(price: Decimal, decimals: int) -> str:
    """A price with the instrument's decimals, never fewer digits than the venue sent."""
    digits = f"{price.normalize():f}"
    return grouped(f"{price:.{max(decimals, len(digits.partition('.')[2]))}f}")


def _number(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
