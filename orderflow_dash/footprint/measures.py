"""Measures on candles and levels, as defined on the help page."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

from orderflow_dash.footprint.minute import Levels

IMBALANCE_RATIO = 3
_PREFERRED_STEP = Decimal("0.5")  # quote currency


def is_imbalanced(bid: int, ask: int, ratio: float | Fraction = IMBALANCE_RATIO) -> bool:
    """max(ask/bid, bid/ask) > ratio, strictly; a zero side against a non-zero one is imbalanced."""
    return ask > ratio * bid or bid > ratio * ask


def point_of_control(levels: Levels) -> int:
    """Price (units) of the level with the most volume, shape (k, 4), k > 0.

    Tie: the nearest to the middle of the levels' range, then the lower.
    """
    volume = levels[:, 1] + levels[:, 2]
    prices = levels[volume == volume.max(), 0].tolist()
    twice_middle = int(levels[0, 0] + levels[-1, 0])
    return int(min(prices, key=lambda price: (abs(2 * price - twice_middle), price)))


def default_step(tick: Decimal, price: Decimal | None) -> Decimal:
    """The default step at a price, all in quote currency.

    0.5 if that is whole ticks and under 1 % of the price, else the 1-2-5 multiple of the tick nearest to
    1/2000 of the price. Without a price (None) 0.5, or the tick.
    """
    if not _PREFERRED_STEP % tick and (price is None or price > 100 * _PREFERRED_STEP):
        return _PREFERRED_STEP
    if price is None or price < tick:
        return tick
    wanted = float(price / tick) / 2000
    return tick * min(_one_two_five(int(price / tick)), key=lambda step: abs(math.log(step / wanted)))


def step_choices(tick: Decimal, price: Decimal | None) -> list[Decimal]:
    """Steps worth offering at a price, quote currency: a tenth to twenty times the default, low to high."""
    default = default_step(tick, price)
    ticks = int(default / tick)
    choices = {step for step in _one_two_five(20 * ticks) if 10 * step >= ticks}
    return sorted(tick * step for step in choices | {ticks})


def _one_two_five(limit: int) -> list[int]:
    """1, 2, 5, 10, 20, ... up to ``limit``, at least [1]."""
    limit = max(limit, 1)
    steps = (digit * 10**power for power in range(len(str(limit))) for digit in (1, 2, 5))
    return [step for step in steps if step <= limit]
