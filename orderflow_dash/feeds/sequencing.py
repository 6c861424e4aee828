"""No trade twice, none lost unnoticed: what the ids of one symbol's trades prove.

Two kinds. Binance numbers a symbol's trades without gaps, so a gap shows at once and is known to the
last id. Bybit's ids have no order: a repeat shows, a gap can only be suspected where the connection
broke.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, Protocol

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.market import Grid, Trade

_CLOCK_SLACK_MS = 1_000
_LATEST_MS = 3_600_000  # no live trade is this much older than one that came before it
_OUTDATED = 5  # batches in a row that say otherwise: then the one that came before them was wrong
_REMEMBERED_UIDS = 8_192  # more than a venue repeats after a reconnect
_MOST_RANGES = 4_096


class Known(NamedTuple):
    """What is known of a symbol before its stream begins: every trade before ``until`` (ms), no other.

    ``order`` is that of the newest of them. ``is_current``: no trade can have passed between ``until``
    and the start of the stream.
    """

    until: int
    order: int
    is_current: bool = False


class Gap:
    """Trades that are missing between two that arrived.

    ``after`` and ``before`` are the trade times (ms) of those two. ``missing`` are the id ranges
    (first, last) still to come; None where the venue's ids have no order, and then ``anchor`` is the id
    of the trade before. ``whole_from`` (ms) is set where it is the time before a stream's first trade:
    once it is filled, everything from there on is known. ``resumed``: everything before
    ``after`` was known when the stream began.
    """

    def __init__(
        self,
        after: int,
        before: int,
        missing: list[tuple[int, int]] | None,
        *,
        anchor: str | None = None,
        whole_from: int | None = None,
        resumed: bool = False,
    ) -> None:
        self.after = after
        self.before = before
        self.missing = missing
        self.anchor = anchor
        self.whole_from = whole_from
        self.resumed = resumed
        self.lost: list[tuple[int, int]] = []  # id ranges that will not come; marked before the gap closes
        self.is_closed = False
        self.fetched = 0  # trades that came by request

    def fill(self, order: int) -> bool:
        """Whether an id was missing here; it no longer is."""
        for position, (first, last) in enumerate(self.missing or ()):
            if first <= order <= last:
                parts = [(first, order - 1), (order + 1, last)]
                assert self.missing is not None  # noqa: S101 - it was just iterated
                self.missing[position : position + 1] = [part for part in parts if part[0] <= part[1]]
                return True
        return False

    @property
    def is_filled(self) -> bool:
        """Whether every trade has arrived."""
        return not self.missing and not self.lost

    def lose(self, first: int, last: int) -> None:
        """No longer wait for the ids from ``first`` to ``last``: the venue does not have them."""
        kept: list[tuple[int, int]] = []
        for begin, end in self.missing or ():
            parts = [(begin, min(end, first - 1)), (max(begin, last + 1), end)]
            kept += [part for part in parts if part[0] <= part[1]]
        self.missing = kept
        self.lost.append((first, last))


class TradeSink(Protocol):
    """Where a symbol's trades go. Called by one thread at a time."""

    def on_trades(self, trades: list[Trade], grid: Grid | None = None) -> None:
        """Trades that were not seen before, usually but not always in order, and what they count on."""

    def on_fetched(self, trades: list[Trade], grid: Grid | None = None) -> None:
        """Trades that were missing and came by request, in order among themselves."""

    def on_gap(self, gap: Gap) -> None:
        """Trades are missing; unless it tells otherwise, right before the ones that come next."""

    def on_gap_filled(self, gap: Gap) -> None:
        """The last of them has arrived."""


class Sequencer(Protocol):
    """Passes each trade of a symbol on exactly once."""

    repeats: int
    impossible: int  # trades far older than what came before them: not believed, not counted
    known_until: int  # ms: a trade from before is a repeat

    def receive(self, batch: TradeBatch) -> None:
        """Take a batch of the symbol's trades."""

    def interrupted(self) -> None:
        """The connection broke: trades may have passed unseen."""

    def expect(self, gap: Gap) -> None:
        """The trades of a gap that it did not find itself are about to come."""

    def fill(self, batch: TradeBatch) -> int:
        """Take trades that came by request: those that are missing count; how many did."""

    def close(self, gap: Gap) -> None:
        """Nothing is missing in a gap any more."""


class _Outdated:
    """Trades far older than the newest one, held until it is known which of them is wrong.

    A run of batches with such trades and no other proves that the newest one had a wrong time.
    """

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.grid: Grid | None = None  # of the trades
        self._batches = 0

    def hold(self, trades: list[Trade], grid: Grid | None) -> bool:
        """Whether these, of one batch, complete the proof; they agree with each other to the hour."""
        if self.trades and abs(trades[0][0] - self.trades[-1][0]) > _LATEST_MS:
            self.clear()
        if self.grid is not None and grid is not None and grid is not self.grid:
            common = self.grid.common(grid)
            self.trades = self.grid.scale_to(common).trades(self.trades)
            trades, grid = grid.scale_to(common).trades(trades), common
        self.grid = grid
        self.trades += trades
        self._batches += 1
        return self._batches >= _OUTDATED

    def clear(self) -> None:
        """They were wrong."""
        self.trades, self.grid, self._batches = [], None, 0


class SequenceTracker:
    """Continuity by ids that rise by one per trade (``Trade.order``)."""

    def __init__(self, sink: TradeSink) -> None:
        self.repeats = 0
        self.impossible = 0
        self.known_until = 0
        self._sink = sink
        self._next: int | None = None
        self._last_time = 0
        self._outdated = _Outdated()
        self._doubted_at: int | None = None  # the next id, when one was last held
        self._gaps: list[Gap] = []

    def receive(self, batch: TradeBatch) -> None:
        """Pass on what is new; report gaps that open and close."""
        trades = batch.trades
        if len(trades) == 1:
            time, order, _, quantity = trades[0]
            if order == self._next and quantity and time >= self._last_time:  # nearly always
                self._next = order + 1
                self._last_time = time
                self._sink.on_trades(trades, batch.grid)
                return
        latest = self._last_time - _LATEST_MS
        outdated = [trade for trade in trades if self.known_until <= trade[0] < latest]
        for trade in trades:
            if trade[0] >= latest or trade[0] < self.known_until:
                self._take(trade, batch.grid)
        if outdated:
            self._doubt(outdated, batch.grid)
        for time, name in batch.lost:  # its id is missing at once, not only when the next one shows it
            order = int(name)
            if self._next is not None and order >= self._next and latest <= time:
                self._open_gap(time, [(self._next, order)])
                self._advance(order, time)

    def interrupted(self) -> None:
        """Nothing to do: the next id tells."""

    def expect(self, gap: Gap) -> None:
        """Its ids are missing from now on."""
        self._gaps.append(gap)
        self._sink.on_gap(gap)

    def fill(self, batch: TradeBatch) -> int:
        """Pass on what is missing; close the gaps that are filled."""
        filled = 0
        fresh: list[Trade] = []
        for trade in batch.trades:
            gap = self._fill(trade[1])
            if gap is not None:
                gap.fetched += 1
                filled += 1
                if trade[3]:
                    fresh.append(trade)
        if fresh:
            self._sink.on_fetched(fresh, batch.grid)
        for _, order in batch.lost:  # it exists and cannot be counted: asking again would not help
            self._fill(int(order))
        for gap in [gap for gap in self._gaps if gap.is_filled]:
            self.close(gap)
        return filled

    def close(self, gap: Gap) -> None:
        """Report it as filled, once."""
        if gap in self._gaps:
            self._gaps.remove(gap)
            gap.is_closed = True
            self._sink.on_gap_filled(gap)

    def _take(self, trade: Trade, grid: Grid | None) -> None:
        time, order, _, quantity = trade
        if time < self.known_until:
            self.repeats += 1
            return
        filled = None
        if self._next is None or order == self._next:
            self._advance(order, time)
        elif order > self._next:
            self._open_gap(time, [(self._next, order - 1)])
            self._advance(order, time)
        else:
            filled = self._fill(order)
            if filled is None:
                if time <= self._last_time + _CLOCK_SLACK_MS:
                    self.repeats += 1
                    return
                # An old id with a newer time is no repeat: the venue has begun to count anew, and
                # the ids that were missing mean other trades now.
                self._gaps.clear()
                self._open_gap(time, None)
                self._advance(order, time)
        if quantity:
            self._sink.on_trades([trade], grid)
        if filled is not None and filled.is_filled:
            self.close(filled)

    def _doubt(self, outdated: list[Trade], grid: Grid | None) -> None:
        """Not believed, their ids stay missing; unless there are so many that the newest trade was wrong."""
        self.impossible += len(outdated)
        if self._next != self._doubted_at:  # others were believed meanwhile
            self._outdated.clear()
        self._doubted_at = self._next
        if self._outdated.hold(outdated, grid):
            trades, grid = self._outdated.trades, self._outdated.grid
            self.impossible -= len(trades)
            self._last_time = trades[0][0]
            self._outdated.clear()
            for trade in trades:
                self._take(trade, grid)

    def _advance(self, order: int, time: int) -> None:
        self._next = order + 1
        self._last_time = max(self._last_time, time)

    def _open_gap(self, time: int, missing: list[tuple[int, int]] | None) -> None:
        gap = Gap(min(self._last_time, time), max(self._last_time, time), missing)
        if missing:
            self._gaps.append(gap)
            if len(self._gaps) > _MOST_RANGES:
                del self._gaps[0]  # stays marked; only its late trades would no longer be told from repeats
        self._sink.on_gap(gap)

    def _fill(self, order: int) -> Gap | None:
        return next((gap for gap in reversed(self._gaps) if gap.fill(order)), None)


class Deduplicator:
    """Continuity by ids that are unique and nothing else (``TradeBatch.uids``)."""

    def __init__(self, sink: TradeSink) -> None:
        self.repeats = 0
        self.impossible = 0
        self.known_until = 0
        self._sink = sink
        self._seen: dict[str, int] = {}  # trade time by id
        self._order: deque[str] = deque()
        self._last_time = 0
        self._last_uid: str | None = None
        self._outdated = _Outdated()
        self._suspect = False
        self._doubt: Gap | None = None  # until the next trade: a row came whose time cannot be true
        self._doubt_anchor: str | None = None
        self._awaited: dict[str, Gap] = {}  # by id, of rows that could not be counted when they came

    def receive(self, batch: TradeBatch) -> None:
        """Pass on what is new, then report the gap that an interruption or a lost row leaves."""
        fresh, anchor, before = self._new(batch), self._last_uid, self._last_time
        self.repeats += len(batch.trades) - len(fresh)
        possible = [trade for trade in fresh if trade[0] >= self._last_time - _LATEST_MS]
        grid = batch.grid
        is_doubtful = len(possible) < len(fresh)
        if fresh and not possible:
            self.impossible += len(fresh)
            is_wrong = self._outdated.hold(fresh, grid)
            # So many of them: the newest trade had a wrong time.
            fresh, grid = (self._outdated.trades, self._outdated.grid) if is_wrong else ([], grid)
            self.impossible -= len(fresh)
            self._last_time = fresh[0][0] if fresh else self._last_time
        else:
            self.impossible += len(fresh) - len(possible)
            fresh = possible
        if fresh:
            self._outdated.clear()
            self._pass_on(fresh, grid)
        if is_doubtful and self._doubt is None:  # its time is wrong, so its minute is not known
            self._doubt = Gap(before, before, None)
            self._doubt_anchor = anchor
            self._sink.on_gap(self._doubt)
        if self._awaited:
            for uid in self._awaited.keys() & set(batch.uids or ()):
                self.close(self._awaited.pop(uid))
        for time, name in batch.lost:
            if name not in self._seen and name not in self._awaited:
                self._lose(str(name), Gap(min(before or time, time), time, None, anchor=anchor))

    def _lose(self, uid: str, gap: Gap) -> None:
        """A row cannot be counted. It may still come whole, or be fetched."""
        if uid and len(self._awaited) < _MOST_RANGES:
            self._awaited[uid] = gap
        self._sink.on_gap(gap)

    def _pass_on(self, fresh: list[Trade], grid: Grid | None) -> None:
        doubt, self._doubt = self._doubt, None
        if self._suspect or doubt is not None:
            self._suspect = False
            after, anchor = (doubt.after, self._doubt_anchor) if doubt else (self._last_time, self._last_uid)
            earlier, later = sorted((after, fresh[0][0]))
            self._sink.on_gap(Gap(earlier, later, None, anchor=anchor))
        if doubt is not None:  # the wider gap has its mark now
            self.close(doubt)
        self._last_time = max(self._last_time, max(trade[0] for trade in fresh))
        self._last_uid = self._order[-1]
        self._sink.on_trades(fresh, grid)

    def expect(self, gap: Gap) -> None:
        """Told, and no more: any unknown trade counts."""
        self._sink.on_gap(gap)

    def fill(self, batch: TradeBatch) -> int:
        """Pass on what was not seen."""
        fresh = self._new(batch)
        if fresh:
            self._sink.on_fetched(fresh, batch.grid)
        return len(fresh)

    def close(self, gap: Gap) -> None:
        """Pass it on, once."""
        if not gap.is_closed:
            gap.is_closed = True
            self._sink.on_gap_filled(gap)

    def interrupted(self) -> None:
        """From the last trade to the next one nobody knows."""
        self._suspect = self._last_time > 0

    def _new(self, batch: TradeBatch) -> list[Trade]:
        pairs = zip(batch.trades, batch.uids or (), strict=True)
        return [trade for trade, uid in pairs if trade[0] >= self.known_until and self._is_new(uid, trade[0])]

    def _is_new(self, uid: str, time: int) -> bool:
        """An id that comes again with a newer time is another trade: the venue has begun to count anew."""
        known = self._seen.get(uid)
        if known is not None and time <= known + _CLOCK_SLACK_MS:
            return False
        self._seen[uid] = time
        if known is None:
            self._order.append(uid)
        if len(self._order) > _REMEMBERED_UIDS:
            del self._seen[self._order.popleft()]
        return True
