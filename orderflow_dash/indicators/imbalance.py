"""Diagonal imbalances: ask volume at a price against bid volume one step below."""

from __future__ import annotations

from fractions import Fraction
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from orderflow_dash.footprint.measures import IMBALANCE_RATIO
from orderflow_dash.footprint.minute import Ints, Levels

STACKED: Final = 3  # neighboring levels of the same side that count as stacked

Marks = npt.NDArray[np.bool_]


class Diagonal(NamedTuple):
    """Which levels of a ladder are imbalanced, each of shape (k,)."""

    buy: Marks
    sell: Marks
    stacked_buy: Marks
    stacked_sell: Marks


def diagonal_imbalances(
    levels: Levels,
    step: int,
    *,
    ratio: Fraction = Fraction(IMBALANCE_RATIO),
    minimum: int = 0,
    turnover: Ints | None = None,
    zero_opposite: bool = False,
) -> Diagonal:
    """Mark the levels, shape (k, 4), high to low, on multiples of ``step`` ticks.

    Buy where ask(p) > ratio x bid(p - step), sell where bid(p) > ratio x ask(p + step), strictly; a
    level without trades counts as 0. A zero opposite side is skipped unless ``zero_opposite``. The heavier
    side must have at least ``minimum`` of its column of ``turnover``, shape (k, 2): bid, ask in ticks x
    lots; without a minimum it may be left out.
    Ask at the lowest and bid at the highest level have no opposite and are not tested.
    """
    price, bid, ask = levels[:, 0], levels[:, 1], levels[:, 2]
    below, above = np.zeros_like(bid), np.zeros_like(ask)
    is_next = price[:-1] - price[1:] == step
    below[:-1] = np.where(is_next, bid[1:], 0)
    above[1:] = np.where(is_next, ask[:-1], 0)
    buy = _outweighs(ask, below, ratio, zero_opposite=zero_opposite)
    sell = _outweighs(bid, above, ratio, zero_opposite=zero_opposite)
    buy[-1:] = False
    sell[:1] = False
    if minimum and turnover is not None:
        sell &= (turnover[:, 0] >= minimum).astype(bool)
        buy &= (turnover[:, 1] >= minimum).astype(bool)
    return Diagonal(buy, sell, stacked(price, buy, step), stacked(price, sell, step))


def stacked(price: Ints, marked: Marks, step: int, least: int = STACKED) -> Marks:
    """Marked levels in a row of at least ``least``, each ``step`` ticks from the next."""
    result = np.zeros_like(marked)
    start = 0
    for end in range(1, len(price) + 1):
        continues = (
            end < len(price) and marked[end] and marked[end - 1] and int(price[end - 1] - price[end]) == step
        )
        if not continues:
            if marked[start] and end - start >= least:
                result[start:end] = True
            start = end
    return result


def _outweighs(side: Ints, opposite: Ints, ratio: Fraction, *, zero_opposite: bool) -> Marks:
    # Lots times a ratio of two decimals stay far below 64 bits.
    marks: Marks = side * ratio.denominator > opposite * ratio.numerator
    return marks if zero_opposite else marks & (opposite > 0)
