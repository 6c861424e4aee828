"""Comparison of a minute's candle with the venue's kline: what the venues' rules share.

All klines are on one grid. ``ours`` is counted from trades, ``theirs`` is the venue's kline, ``before`` the
venue's kline of the minute before, if it was returned. A rule returns the first field that differs, or None.
"""

from __future__ import annotations

from orderflow_dash.market import Difference, Kline


def may_lack_rpi(ours: Kline, theirs: Kline) -> bool:
    """Whether fills that a kline leaves out could explain every difference: it has less and lies inside."""
    return (
        theirs.volume <= ours.volume
        and (theirs.buy_volume or 0) <= (ours.buy_volume or 0)
        and theirs.volume - (theirs.buy_volume or 0) <= ours.volume - (ours.buy_volume or 0)
        and theirs.volume < ours.volume
        and (not theirs.volume or ours.low <= theirs.low <= theirs.high <= ours.high)
    )


def first_difference(ours: Kline, theirs: Kline, names: tuple[str, ...]) -> Difference | None:
    for name in names:
        mine, other = getattr(ours, name), getattr(theirs, name)
        if mine is not None and other is not None and mine != other:
            return difference_in(ours, theirs, name)
    return None


def difference_in(ours: Kline, theirs: Kline, name: str) -> Difference:
    unit = ours.grid.quantity if name in ("volume", "buy_volume") else ours.grid.price
    return Difference(
        ours.open_ts, name, unit.decimal(getattr(ours, name)), unit.decimal(getattr(theirs, name))
    )
