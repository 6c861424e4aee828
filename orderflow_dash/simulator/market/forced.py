"""Chooses the invented market's liquidations among its prints, by seed."""

from __future__ import annotations

from zlib import crc32

from orderflow_dash.simulator.market.source import Listing
from orderflow_dash.simulator.market.tape import Print

_ONE_IN = 150  # prints against a minute's move that are liquidations
_PER_MILLE_BEYOND = 4  # from the price paid to the bankruptcy price


def is_liquidation(salt: int, minute_open: int | None, trade: Print) -> bool:
    """Whether a print is a liquidation: an order that follows the minute's move, drawn by its id.

    A sale below the minute's open closes a long, a purchase above it a short.
    """
    if minute_open is None or crc32(b"%d" % trade.id, salt) % _ONE_IN:
        return False
    moved = trade.price - minute_open
    return moved < 0 if trade.quantity < 0 else moved > 0


def bankruptcy_price(listing: Listing, trade: Print) -> int:
    """The price, on the listed tick and beyond the price paid, at which the position's margin is used up."""
    tick = listing.tick_units
    away = max(tick, trade.price * _PER_MILLE_BEYOND // 1_000 // tick * tick)
    return max(tick, trade.price - away) if trade.quantity < 0 else trade.price + away
