"""Proof by trade ids that every trade of a symbol counts once and that no loss goes unnoticed.

Nothing here does I/O or calls back: a sequencer takes a batch of trades and returns the changes that the
stream has to make.

Binance numbers a symbol's trades without gaps, so a gap shows at once and its ids are known. Bybit's ids have
no order: a repeat shows, but a gap can only be suspected where the connection broke.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple, Protocol

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.market import Grid, Trade

_CLOCK_SLACK_MS = 1_000
_MAX_AGE_MS = 3_600_000  # no live trade is this much older than one that came before it
_PROOF_BATCHES = 5  # consecutive batches of older trades prove that the newest trade had a wrong time
_MAX_UIDS = 8_192  # more than a venue repeats after a reconnect
_MAX_RANGES = 4_096


class Known(NamedTuple):
    """The trades known before a stream starts: every trade before ``until`` (ms), none after.

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
    of the trade before. ``missing_to`` is the highest id that was missing when the gap opened.
    ``whole_from`` (ms) is set for the time before a stream's first trade: once the gap is filled, every trade
    from there on is known. ``resumed``: everything before ``after`` was known when the stream started.
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
        self.missing_to = missing[-1][1] if missing else None
        self.anchor = anchor
        self.whole_from = whole_from
        self.resumed = resumed
        self.lost: list[tuple[int, int]] = []  # id ranges that the venue does not have
        self.is_closed = False
        self.fetched = 0  # backfilled trades

    def fill(self, order: int) -> bool:
        """Take an id off the missing ones; returns whether it was missing."""
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
        """Stop waiting for the ids from ``first`` to ``last``: the venue does not have them."""
        kept: list[tuple[int, int]] = []
        for start, end in self.missing or ():
            parts = [(start, min(end, first - 1)), (max(start, last + 1), end)]
            kept += [part for part in parts if part[0] <= part[1]]
        self.missing = kept
        self.lost.append((first, last))


class NewTrades(NamedTuple):
    """Trades that count, usually but not always in order, and the grid of their units."""

    trades: list[Trade]
    grid: Grid | None


class GapOpened(NamedTuple):
    """Trades are missing: right before the next new ones, unless the gap's times differ."""

    gap: Gap


class GapFilled(NamedTuple):
    """The last missing trade has arrived."""

    gap: Gap


Change = NewTrades | GapOpened | GapFilled


class Sequencer(Protocol):
    """Lets each trade of a symbol count exactly once."""

    repeats: int
    impossible: int  # trades far older than the ones before them, which do not count
    known_until: int  # ms: earlier trades are repeats

    def receive(self, batch: TradeBatch) -> list[Change] | None:
        """Take a batch of live trades; None where all of its trades count and nothing else changes."""

    def fill(self, batch: TradeBatch) -> list[Change]:
        """Take backfilled trades: only the missing ones count."""

    def on_disconnect(self) -> None:
        """The connection broke: trades may have passed unseen."""

    def expect(self, gap: Gap) -> None:
        """Wait for the trades of a gap that the sequencer did not detect itself."""

    def close(self, gap: Gap) -> bool:
        """Close a gap in which nothing is missing any more; returns whether it was open."""


class _OldTrades:
    """Trades far older than the newest one, held until it is clear which of them has the wrong time.

    Consecutive batches of nothing but such trades prove that the newest one had a wrong time.
    """

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.grid: Grid | None = None  # of the trades
        self._batches = 0

    def hold(self, trades: list[Trade], grid: Grid | None) -> bool:
        """Add the old trades of one batch; returns whether they complete the proof.

        Their times must agree with each other to the hour.
        """
        if self.trades and abs(trades[0][0] - self.trades[-1][0]) > _MAX_AGE_MS:
            self.clear()
        if self.grid is not None and grid is not None and grid is not self.grid:
            common = self.grid.common(grid)
            self.trades = self.grid.scale_to(common).trades(self.trades)
            trades, grid = grid.scale_to(common).trades(trades), common
        self.grid = grid
        self.trades += trades
        self._batches += 1
        return self._batches >= _PROOF_BATCHES

    def clear(self) -> None:
        """Forget them: their times were wrong."""
        self.trades, self.grid, self._batches = [], None, 0


class SequenceTracker:
    """Sequencing by ids that rise by one per trade (``Trade.order``)."""

    def __init__(self) -> None:
        self.repeats = 0
        self.impossible = 0
        self.known_until = 0
        self._next: int | None = None
        self._last_time = 0
        self._old = _OldTrades()
        self._held_at: int | None = None  # the next id when old trades were last held
        self._gaps: list[Gap] = []

    def receive(self, batch: TradeBatch) -> list[Change] | None:
        """As ``Sequencer.receive``; every missing id shows at once."""
        trades = batch.trades
        if len(trades) == 1:
            time, order, _, quantity = trades[0]
            if order == self._next and quantity and time >= self._last_time:  # nearly always
                self._next = order + 1
                self._last_time = time
                return None
        changes: list[Change] = []
        oldest = self._last_time - _MAX_AGE_MS
        old = [trade for trade in trades if self.known_until <= trade[0] < oldest]
        for trade in trades:
            if trade[0] >= oldest or trade[0] < self.known_until:
                self._take(changes, trade, batch.grid)
        if old:
            self._hold(changes, old, batch.grid)
        for time, name in batch.lost:  # its id is missing now, not only once the next one arrives
            order = int(name)
            if self._next is not None and order >= self._next and oldest <= time:
                self._open_gap(changes, time, [(self._next, order)])
                self._advance(order, time)
        return changes

    def fill(self, batch: TradeBatch) -> list[Change]:
        """As ``Sequencer.fill``; closes the gaps that are filled."""
        fresh: list[Trade] = []
        for trade in batch.trades:
            gap = self._fill(trade[1])
            if gap is not None:
                gap.fetched += 1
                if trade[3]:
                    fresh.append(trade)
        for _, order in batch.lost:  # it exists and cannot be counted: asking again would not help
            self._fill(int(order))
        filled = [gap for gap in self._gaps if gap.is_filled]
        changes: list[Change] = [NewTrades(fresh, batch.grid)] if fresh else []
        return changes + [GapFilled(gap) for gap in filled if self.close(gap)]

    def on_disconnect(self) -> None:
        """Nothing to do: the next id shows whether trades passed."""

    def expect(self, gap: Gap) -> None:
        """Its ids are missing from now on."""
        self._gaps.append(gap)

    def close(self, gap: Gap) -> bool:
        """As ``Sequencer.close``."""
        if gap not in self._gaps:
            return False
        self._gaps.remove(gap)
        gap.is_closed = True
        return True

    def _take(self, changes: list[Change], trade: Trade, grid: Grid | None) -> None:
        time, order, _, quantity = trade
        if time < self.known_until:
            self.repeats += 1
            return
        filled = None
        if self._next is None or order == self._next:
            self._advance(order, time)
        elif order > self._next:
            self._open_gap(changes, time, [(self._next, order - 1)])
            self._advance(order, time)
        else:
            filled = self._fill(order)
            if filled is None:
                if time <= self._last_time + _CLOCK_SLACK_MS:
                    self.repeats += 1
                    return
                # An old id with a newer time means that the venue has reset its ids: the missing ones mean
                # other trades now.
                self._gaps.clear()
                self._open_gap(changes, time, None)
                self._advance(order, time)
        if quantity:
            changes.append(NewTrades([trade], grid))
        if filled is not None and filled.is_filled and self.close(filled):
            changes.append(GapFilled(filled))

    def _hold(self, changes: list[Change], old: list[Trade], grid: Grid | None) -> None:
        """Hold back old trades, their ids missing, until enough of them prove the newest trade wrong."""
        self.impossible += len(old)
        if self._next != self._held_at:  # other trades counted since
            self._old.clear()
        self._held_at = self._next
        if self._old.hold(old, grid):
            trades, grid = self._old.trades, self._old.grid
            self.impossible -= len(trades)
            self._last_time = trades[0][0]
            self._old.clear()
            for trade in trades:
                self._take(changes, trade, grid)

    def _advance(self, order: int, time: int) -> None:
        self._next = order + 1
        self._last_time = max(self._last_time, time)

    def _open_gap(self, changes: list[Change], time: int, missing: list[tuple[int, int]] | None) -> None:
        gap = Gap(min(self._last_time, time), max(self._last_time, time), missing)
        if missing:
            self._gaps.append(gap)
            if len(self._gaps) > _MAX_RANGES:
                del self._gaps[0]  # it stays marked; only its late trades now look like repeats
        changes.append(GapOpened(gap))

    def _fill(self, order: int) -> Gap | None:
        return next((gap for gap in reversed(self._gaps) if gap.fill(order)), None)


class Deduplicator:
    """Sequencing by ids that are unique and have no order (``TradeBatch.uids``)."""

    def __init__(self) -> None:
        self.repeats = 0
        self.impossible = 0
        self.known_until = 0
        self._seen: dict[str, int] = {}  # trade time by id
        self._order: deque[str] = deque()
        self._last_time = 0
        self._last_uid: str | None = None
        self._old = _OldTrades()
        self._was_disconnected = False
        self._doubt: Gap | None = None  # until the next trade: the last row had an impossible time
        self._doubt_anchor: str | None = None
        self._awaited: dict[str, Gap] = {}  # by id, of rows that could not be counted when they came

    def receive(self, batch: TradeBatch) -> list[Change]:
        """As ``Sequencer.receive``; after a disconnect or a lost row the next trade shows the gap."""
        changes: list[Change] = []
        fresh, anchor, before = self._new(batch), self._last_uid, self._last_time
        self.repeats += len(batch.trades) - len(fresh)
        possible = [trade for trade in fresh if trade[0] >= self._last_time - _MAX_AGE_MS]
        grid = batch.grid
        is_doubtful = len(possible) < len(fresh)
        if fresh and not possible:
            self.impossible += len(fresh)
            is_proved = self._old.hold(fresh, grid)  # then the newest trade had a wrong time
            fresh, grid = (self._old.trades, self._old.grid) if is_proved else ([], grid)
            self.impossible -= len(fresh)
            self._last_time = fresh[0][0] if fresh else self._last_time
        else:
            self.impossible += len(fresh) - len(possible)
            fresh = possible
        if fresh:
            self._old.clear()
            self._pass_on(changes, fresh, grid)
        if is_doubtful and self._doubt is None:  # its time is wrong, so its minute is not known
            self._doubt = Gap(before, before, None)
            self._doubt_anchor = anchor
            changes.append(GapOpened(self._doubt))
        if self._awaited:
            for uid in self._awaited.keys() & set(batch.uids or ()):
                self._close(changes, self._awaited.pop(uid))
        for time, name in batch.lost:
            if name not in self._seen and name not in self._awaited:
                gap = Gap(min(before or time, time), time, None, anchor=anchor)
                self._lose(changes, str(name), gap)
        return changes

    def fill(self, batch: TradeBatch) -> list[Change]:
        """As ``Sequencer.fill``: any trade that was not seen counts."""
        fresh = self._new(batch)
        return [NewTrades(fresh, batch.grid)] if fresh else []

    def on_disconnect(self) -> None:
        """Trades may have passed between the last one and the next one."""
        self._was_disconnected = self._last_time > 0

    def expect(self, gap: Gap) -> None:
        """Nothing to do: any unseen trade counts."""

    def close(self, gap: Gap) -> bool:
        """As ``Sequencer.close``."""
        was_open = not gap.is_closed
        gap.is_closed = True
        return was_open

    def _close(self, changes: list[Change], gap: Gap) -> None:
        if self.close(gap):
            changes.append(GapFilled(gap))

    def _lose(self, changes: list[Change], uid: str, gap: Gap) -> None:
        """A row cannot be counted. It may still arrive intact, or be backfilled."""
        if uid and len(self._awaited) < _MAX_RANGES:
            self._awaited[uid] = gap
        changes.append(GapOpened(gap))

    def _pass_on(self, changes: list[Change], fresh: list[Trade], grid: Grid | None) -> None:
        doubt, self._doubt = self._doubt, None
        if self._was_disconnected or doubt is not None:
            self._was_disconnected = False
            after, anchor = (doubt.after, self._doubt_anchor) if doubt else (self._last_time, self._last_uid)
            earlier, later = sorted((after, fresh[0][0]))
            changes.append(GapOpened(Gap(earlier, later, None, anchor=anchor)))
        if doubt is not None:  # the wider gap has its mark now
            self._close(changes, doubt)
        self._last_time = max(self._last_time, max(trade[0] for trade in fresh))
        self._last_uid = self._order[-1]
        changes.append(NewTrades(fresh, grid))

    def _new(self, batch: TradeBatch) -> list[Trade]:
        pairs = zip(batch.trades, batch.uids or (), strict=True)
        return [trade for trade, uid in pairs if trade[0] >= self.known_until and self._is_new(uid, trade[0])]

    def _is_new(self, uid: str, time: int) -> bool:
        """Whether a trade was not seen; a known id with a newer time is another trade: ids were reset."""
        known = self._seen.get(uid)
        if known is not None and time <= known + _CLOCK_SLACK_MS:
            return False
        self._seen[uid] = time
        if known is None:
            self._order.append(uid)
        if len(self._order) > _MAX_UIDS:
            del self._seen[self._order.popleft()]
        return True
