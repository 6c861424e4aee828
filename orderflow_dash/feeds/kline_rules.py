"""When a minute of ours equals the venue's own kline: one rule per venue, exact, no tolerance.

All klines are on one grid. ``ours`` comes from the trades, ``theirs`` is the venue's kline, ``before`` the
venue's kline of the minute before, where it was served. A rule returns the first field that differs, or None.
"""

from __future__ import annotations

from orderflow_dash.market import Difference, Kline

_SUMS_FIRST = ("volume", "buy_volume", "open", "high", "low", "close")


def differs_on_binance(ours: Kline, theirs: Kline, before: Kline | None = None) -> Difference | None:  # noqa: ARG001
    """OHLC, volume and taker-buy volume. Never the count: a kline counts fills, we aggregate trades."""
    return _first_difference(ours, theirs, _SUMS_FIRST)


def differs_on_bybit(ours: Kline, theirs: Kline, before: Kline | None = None) -> Difference | None:
    """Volume and close; open, high and low as far as the venue's way of opening lets them be compared.

    A live kline of this venue opens at the close of the minute before, not at its own first trade. So
    where it opens elsewhere than our first trade did:

    - the open is held against that close alone, and not at all where the minute before was not served;
    - a high that is the open itself may be above every trade, and a low that is the open below: then
      it is enough that ours lies inside.

    Everything else must be equal. A minute that lacks trades differs in volume, whatever its open; and
    as this venue's ids cannot tell that nothing is missing, a kline with more volume tells that some is.
    """
    difference = _first_difference(ours, theirs, ("volume", "close"))
    if difference is not None:
        return difference._replace(trades_missing=theirs.volume > ours.volume)
    if theirs.open == ours.open:
        return _first_difference(ours, theirs, ("high", "low"))
    if before is not None and theirs.open != before.close:
        return _difference(ours, theirs, "open")
    if not (theirs.high == ours.high or theirs.high == theirs.open > ours.high):
        return _difference(ours, theirs, "high")
    if not (theirs.low == ours.low or theirs.low == theirs.open < ours.low):
        return _difference(ours, theirs, "low")
    return None


def may_lack_rpi(ours: Kline, theirs: Kline) -> bool:
    """Whether all that differs could be fills that a kline leaves out: it has less and lies inside."""
    return (
        theirs.volume <= ours.volume
        and (theirs.buy_volume or 0) <= (ours.buy_volume or 0)
        and theirs.volume - (theirs.buy_volume or 0) <= ours.volume - (ours.buy_volume or 0)
        and theirs.volume < ours.volume
        and (not theirs.volume or ours.low <= theirs.low <= theirs.high <= ours.high)
    )


def _first_difference(ours: Kline, theirs: Kline, names: tuple[str, ...]) -> Difference | None:
    for name in names:
        mine, other = getattr(ours, name), getattr(theirs, name)
        if mine is not None and other is not None and mine != other:
            return _difference(ours, theirs, name)
    return None


def _difference(ours: Kline, theirs: Kline, name: str) -> Difference:
    unit = ours.grid.quantity if name in ("volume", "buy_volume") else ours.grid.price
    return Difference(
        ours.open_ts, name, unit.decimal(getattr(ours, name)), unit.decimal(getattr(theirs, name))
    )
