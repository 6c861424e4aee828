"""One minute of one instrument at the finest grain, in units of its series' grid."""

from __future__ import annotations

from bisect import bisect_right

import numpy as np
import numpy.typing as npt

from orderflow_dash.market import MINUTE_MS, WHOLE, Grid, Kline, Scale

_INT64 = 1 << 63
_BYTES = 1_120  # of a minute without its levels, as Python holds it
_RUN_BYTES = 350
_LEVEL_BYTES = 250  # of a level in a dict; 32 packed

Ints = npt.NDArray[np.int64]
Levels = npt.NDArray[np.int64]
"""Price levels, shape (k, 4), from high to low: price, bid, ask in units of a grid, trade records."""


class Run:
    """An unbroken sequence of trades inside one minute, as the path of its running delta.

    Runs of a minute are in the venue's order. Two neighbors join into one: the second one's extremes are
    shifted by the first one's delta. So a hole can be filled later without keeping trades.
    """

    __slots__ = (
        "close",
        "delta",
        "first",
        "last_order",
        "last_time",
        "max_delta",
        "min_delta",
        "open",
    )

    def __init__(self, time: int, order: int, price: int) -> None:
        self.first = (time, order)
        self.last_time = time
        self.last_order = order
        self.open = self.close = price
        self.delta = self.min_delta = self.max_delta = 0

    def join(self, following: Run) -> None:
        """Append a whole run that follows this one."""
        if (following.last_time, following.last_order) >= (self.last_time, self.last_order):
            self.last_time = following.last_time
            self.last_order = following.last_order
            self.close = following.close
        self.min_delta = min(self.min_delta, self.delta + following.min_delta)
        self.max_delta = max(self.max_delta, self.delta + following.max_delta)
        self.delta += following.delta

    def refine(self, scale: Scale) -> None:
        """Convert to a finer grid."""
        self.open *= scale.price
        self.close *= scale.price
        self.delta *= scale.quantity
        self.min_delta *= scale.quantity
        self.max_delta *= scale.quantity


class Minute:
    """Levels and delta path of one minute, integers only; everything else derives from them.

    While it changes, its levels are a dict ``price -> [bid, ask, n]``; ``freeze`` packs them into an array,
    ``thaw`` unpacks them for a late trade.
    """

    __slots__ = (
        "_frozen",
        "cvd_before",
        "levels",
        "open_ts",
        "partial",
        "quote_before",
        "repaired",
        "revision",
        "runs",
        "verified",
    )

    def __init__(self, open_ts: int, cvd_before: int, revision: int) -> None:
        self.open_ts = open_ts
        self.cvd_before = cvd_before  # CVD at the open, lots
        self.quote_before = 0  # CVD in quote at the open, ticks x lots, from the series' ``quote_from`` on
        self.revision = revision
        self.partial = False  # the feed started inside it
        self.repaired = False  # a hole in it was filled by fetched trades
        self.verified: bool | None = None  # whether it equals the venue's kline; None while not compared
        self.runs: list[Run] = []
        self.levels: dict[int, list[int]] = {}
        self._frozen: Levels | None = None

    @property
    def held_bytes(self) -> int:
        """Estimated size in memory."""
        packed = self._frozen
        levels = _LEVEL_BYTES * len(self.levels) if packed is None else int(packed.nbytes)
        return _BYTES + _RUN_BYTES * (len(self.runs) - 1) + levels

    @property
    def end_ts(self) -> int:
        """First millisecond after it."""
        return self.open_ts + MINUTE_MS

    @property
    def delta(self) -> int:
        """Ask volume less bid volume, lots."""
        return sum(run.delta for run in self.runs)

    @property
    def cvd(self) -> int:
        """CVD at the close, lots."""
        return self.cvd_before + self.delta

    @property
    def quote_delta(self) -> int:
        """Ask less bid volume, each trade times its price: ticks x lots, exact."""
        if self._frozen is None:
            return sum(price * (ask - bid) for price, (bid, ask, _) in self.levels.items())
        price, bid, ask, _ = self._frozen.T
        if int(abs(price).max()) * int((bid + ask).sum()) < _INT64:
            return int(price @ (ask - bid))
        return sum(each * more for each, more in zip(price.tolist(), (ask - bid).tolist(), strict=True))

    @property
    def high(self) -> int:
        """Highest price, ticks."""
        return int(self._frozen[0, 0]) if self._frozen is not None else max(self.levels)

    @property
    def low(self) -> int:
        """Lowest price, ticks."""
        return int(self._frozen[-1, 0]) if self._frozen is not None else min(self.levels)

    @property
    def volume(self) -> int:
        """Volume of both sides, units."""
        if self._frozen is not None:
            return int(self._frozen[:, 1:3].sum())
        return sum(bid + ask for bid, ask, _ in self.levels.values())

    def refine(self, scale: Scale) -> None:
        """Convert to a finer grid. The caller checks that the figures stay below 64 bits."""
        price, quantity = scale
        self.cvd_before *= quantity
        self.quote_before *= price * quantity
        for run in self.runs:
            run.refine(scale)
        self.levels = {
            ticks * price: [bid * quantity, ask * quantity, n] for ticks, (bid, ask, n) in self.levels.items()
        }
        if self._frozen is not None:
            self._frozen = refined_levels(self._frozen, scale)

    def kline(self, grid: Grid = WHOLE) -> Kline:
        """The minute as a kline on its series' grid; ``count`` is its trade records."""
        path, levels = self.path(), self.level_array()
        _, bid, ask, n = levels.sum(axis=0).tolist()
        high, low = int(levels[0, 0]), int(levels[-1, 0])
        return Kline(self.open_ts, path.open, high, low, path.close, bid + ask, ask, n, grid)

    def path(self) -> Run:
        """The minute's runs as one: open, close and the extremes of the running delta."""
        first = self.runs[0]
        if len(self.runs) == 1:
            return first
        path = Run(*first.first, first.open)
        for run in self.runs:
            path.join(run)
        return path

    def run_for(self, time: int, order: int, price: int) -> Run:
        """The run of a trade out of sequence: the one it directly extends, or a new one.

        A trade extends the run before it only if its order is the very next one: otherwise trades missing in
        between could not be added later. A trade inside a run (impossible with contiguous ids) follows it.
        """
        position = bisect_right(self.runs, (time, order), key=lambda run: run.first)
        if position:
            before = self.runs[position - 1]
            if order == before.last_order + 1 and time >= before.last_time:
                return before
        run = Run(time, order, price)
        self.runs.insert(position, run)
        return run

    def freeze(self, *, join_runs: bool) -> None:
        """Pack the levels; with ``join_runs`` (nothing is missing in it) the path into one run."""
        if self._frozen is None:
            self._frozen = self.level_array()
            self.levels = {}
        if join_runs and len(self.runs) > 1:
            self.runs = [self.path()]

    def thaw(self) -> None:
        """Make the levels writable again."""
        if self._frozen is not None:
            self.levels = {price: [bid, ask, n] for price, bid, ask, n in self._frozen.tolist()}
            self._frozen = None

    def level_array(self) -> Levels:
        """The levels, high to low, shape (k, 4)."""
        if self._frozen is not None:
            return self._frozen
        rows = [(price, *level) for price, level in self.levels.items()]
        rows.sort(reverse=True)
        return np.array(rows, dtype=np.int64).reshape(-1, 4)

    def adopt(self, levels: Levels, run: Run) -> None:
        """Take the content of a minute that was computed in one batch."""
        self._frozen = levels
        self.levels = {}
        self.runs = [run]


def refined_levels(levels: Levels, scale: Scale) -> Levels:
    """Levels on a finer grid; columns after price, bid and ask do not change."""
    refined = levels.copy(order="K")
    refined[:, 0] *= scale.price
    refined[:, 1:3] *= scale.quantity
    return refined
