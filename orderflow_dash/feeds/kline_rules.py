"""Comparison of a minute's candle with the venue's kline: the part that all venues share.

All are on one grid. ``candle`` is counted from trades, ``kline`` is the venue's, ``before`` the venue's kline
of the minute before, if it was returned. A rule returns the first field that differs, or None.
"""

from __future__ import annotations

from orderflow_dash.market import Difference, Kline


def may_lack_rpi(candle: Kline, kline: Kline) -> bool:
    """Whether fills that a kline leaves out could explain every difference: it has less and lies inside."""
    return (
        kline.volume <= candle.volume
        and (kline.buy_volume or 0) <= (candle.buy_volume or 0)
        and kline.volume - (kline.buy_volume or 0) <= candle.volume - (candle.buy_volume or 0)
        and kline.volume < candle.volume
        and (not kline.volume or candle.low <= kline.low <= kline.high <= candle.high)
    )


def first_difference(candle: Kline, kline: Kline, names: tuple[str, ...]) -> Difference | None:
    for name in names:
        mine, other = getattr(candle, name), getattr(kline, name)
        if mine is not None and other is not None and mine != other:
            return difference_in(candle, kline, name)
    return None


def difference_in(candle: Kline, kline: Kline, name: str) -> Difference:
    unit = candle.grid.quantity if name in ("volume", "buy_volume") else candle.grid.price
    return Difference(
        candle.open_ts, name, unit.decimal(getattr(candle, name)), unit.decimal(getattr(kline, name))
    )
