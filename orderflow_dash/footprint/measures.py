"""Measures on candles and levels. Definitions: the project's help, after the conventions of the field."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

from ..market import Instrument
from .minute import Levels

IMBALANCE_RATIO = 3
_PREFERRED_STEP = Decimal("0.5")  # quote currency


def is_imbalanced(bid: int, ask: int, ratio: float | Fraction = IMBALANCE_RATIO) -> bool:
    """max(ask/bid, bid/ask) > ratio, strictly; a zero side against a non-zero one is imbalanced."""
    return ask > ratio * bid or bid > ratio * ask


def point_of_control(levels: Levels) -> int:
    """Price (ticks) of the level with the most volume, shape (k, 4), k > 0.

    Tie: the nearest to the middle of the levels' range, then the lower.
    """
    volume = levels[:, 1] + levels[:, 2]
    prices = levels[volume == volume.max(), 0].tolist()
    twice_middle = int(levels[0, 0] + levels[-1, 0])
    return int(min(prices, key=lambda price: (abs(2 * price - twice_middle), price)))


def default_step(instrument: Instrument, price: int | None) -> int:
    """Step in ticks: 0.5 quote where that is whole ticks and under 1 % of the price (ticks, if known).

    Else the 1-2-5 multiple of the tick nearest to 1/2000 of the price.
    """
    multiple, rest = divmod(_PREFERRED_STEP, instrument.tick)
    if not rest and (price is None or 100 * int(multiple) < price):
        return int(multiple)
    if price is None:
        return 1
    return min(_one_two_five(price), key=lambda step: abs(math.log(step * 2000 / price)))


def step_choices(instrument: Instrument, price: int | None) -> list[int]:
    """Steps in ticks worth offering at a price (ticks, if known): a tenth to twenty times the default."""
    default = default_step(instrument, price)
    choices = {step for step in _one_two_five(20 * default) if step >= default / 10}
    return sorted(choices | {default})


def _one_two_five(limit: int) -> list[int]:
    """1, 2, 5, 10, 20, ... up to ``limit``, at least [1]."""
    limit = max(limit, 1)
    steps = (digit * 10**power for power in range(len(str(limit))) for digit in (1, 2, 5))
    return [step for step in steps if step <= limit]
