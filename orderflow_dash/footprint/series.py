"""The rolling window of minutes of one instrument: where trades are applied."""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Callable, Iterable, Mapping, Sequence

import numpy as np

from orderflow_dash.footprint.bulk import batch_minutes
from orderflow_dash.footprint.minute import Ints, Minute, Run
from orderflow_dash.market import (
    HOUR_MS,
    MINUTE_MS,
    MOST_UNITS,
    WHOLE,
    Difference,
    Grid,
    Quality,
    Scale,
    Trade,
    Verdict,
)

_MOST_GAPS = 1_024
_MOST_VOLUME = 1 << 56  # of a minute, units: an hour of them still sums in 64 bits
_NO_RUN = Run(0, 0, 0)
_NO_RUN.last_time = 1 << 62  # no trade follows it


class Series:
    """One-minute candles x price units of one instrument, exact, at least the newest ``window`` minutes.

    All figures are in units of ``grid``. A trade that does not fit refines the grid and all figures; since
    no value changes, no revision does.

    Trades may come late or out of order: each corrects its own minute, and the CVD of all later ones.
    Revisions never fall from a minute to the next newer one, so the minutes changed since a revision are
    always a suffix. Not thread-safe: the owner holds a lock. All state is in one class, because
    ``apply`` uses it once per trade.
    """

    def __init__(
        self,
        window: int = 500,
        on_evict: Callable[[Series, int], None] | None = None,
        grid: Grid = WHOLE,
        on_refine: Callable[[Scale], None] | None = None,
    ) -> None:
        self.window = window
        self.grid = grid
        self.unplaceable = 0  # trades that fit no grid; their minutes are marked
        self._on_refine = on_refine  # called with the factors after the grid became finer
        self._gone_to: int | None = None  # end (ms) of the newest minute that left the window
        self.evicted_to = 0  # end (ms) of the newest hour that left the window
        self._on_evict = on_evict  # called with each hour (its open, ms) before it is dropped
        self.revision = 0
        self.late = 0  # trades out of the venue's order
        self.first_open: int | None = None  # open of the first minute known, evicted or not
        self.quote_from: int | None = None  # the same for CVD in quote, which is not stored
        self.gaps: list[tuple[int, int]] = []  # (time of the trade before, of the trade after)
        self.differences: dict[int, Difference] = {}  # by open, of minutes that differ from the venue's kline
        self._minutes: dict[int, Minute] = {}
        self._opens: list[int] = []
        self._minute = Minute(0, 0, 0)
        self._run = _NO_RUN
        self._end = 0
        self._missing_to = -1  # highest missing order: trades up to it come late
        self._unpacked: set[int] = set()
        self._is_at_start = True  # the next minute is the first of the stream

    # -- trades in ---------------------------------------------------------------------------

    def apply(self, trades: Iterable[Trade], grid: Grid | None = None) -> None:
        """Count trades, one revision for all of them. Times in ms, units of ``grid``, quantities signed.

        ``grid``: of these trades; None where they are on the series' own.
        """
        if grid is not self.grid and grid is not None:
            trades = self._aligned(trades, grid)
        self.revision = revision = self.revision + 1
        # Inlined: this runs once per trade.
        for time, order, price, quantity in trades:
            run = self._run
            if run.last_time < time < self._end or (time == run.last_time and order >= run.last_order):
                levels = self._minute.levels
            else:
                placed = self._place(time, order, price, quantity)
                if placed is None:
                    continue
                minute, run = placed
                levels = minute.levels
            level = levels.get(price)
            if level is None:
                level = levels[price] = [0, 0, 0]
            if quantity > 0:
                level[1] += quantity
            else:
                level[0] -= quantity
            level[2] += 1
            run.delta = delta = run.delta + quantity
            if delta > run.max_delta:
                run.max_delta = delta
            elif delta < run.min_delta:
                run.min_delta = delta
            run.last_time = time
            run.last_order = order
            run.close = price
        self._minute.revision = revision

    def apply_arrays(self, time: Ints, order: Ints, price: Ints, quantity: Ints) -> None:
        """Count a batch of trades, shape (n,) each: the same result as ``apply``, much faster.

        Fast only if the batch is in the venue's order and newer than the series; other trades are counted
        one by one.
        """
        self.revision += 1
        later, ordered = time[1:] > time[:-1], order[1:] >= order[:-1]
        in_order = bool(np.all(later | (ordered & (time[1:] == time[:-1]))))
        # The head belongs to an existing minute and is counted trade by trade.
        head = int(np.searchsorted(time, self._end)) if in_order else len(time)
        if head:
            columns = (column[:head].tolist() for column in (time, order, price, quantity))
            self.apply(zip(*columns, strict=True))
        if head == len(time):
            return
        self._run = _NO_RUN
        for open_ts, levels, run in batch_minutes(time[head:], order[head:], price[head:], quantity[head:]):
            minute, _ = self._open_minute(open_ts, *run.first, run.open)
            minute.adopt(levels, run)
            self._run = run
        self._leave_late_run()
        self._minute.thaw()

    def refine(self, grid: Grid) -> None:
        """Convert to a grid that ``grid`` fits too. OverflowError if figures would exceed 64 bits."""
        finer = self.grid.common(grid)
        if finer == self.grid:
            return
        scale = self.grid.scale_to(finer)
        for minute in self._minutes.values():
            if minute.high * scale.price >= MOST_UNITS or minute.volume * scale.quantity >= _MOST_VOLUME:
                raise OverflowError(f"{finer} is too fine for the minute at {minute.open_ts}")
        for minute in self._minutes.values():
            minute.refine(scale)
        self.grid = finer
        if self._on_refine is not None:
            self._on_refine(scale)

    def restore(
        self,
        minutes: Sequence[Minute],
        gaps: Iterable[tuple[int, int]],
        cvd_from: int,
        grid: Grid | None = None,
    ) -> None:
        """Start with stored minutes, old to new and at least one; the series must be empty.

        ``gaps`` are the spans without trades (ms, both inclusive); ``cvd_from`` (ms) is where CVD counts
        from; ``grid`` is that of the minutes, None for the series' own. CVD in quote restarts at the first.
        """
        self.revision += 1
        self.first_open = cvd_from
        self._minutes = {minute.open_ts: minute for minute in minutes}
        self._opens = list(self._minutes)
        self._minute, self._end = minutes[-1], minutes[-1].end_ts
        self.gaps = list(gaps)[-_MOST_GAPS:]
        self.quote_from, quote = minutes[0].open_ts, 0
        for minute in minutes:
            minute.revision = self.revision
            minute.quote_before = quote
            quote += minute.quote_delta
        if grid is not None:
            wanted, self.grid = self.grid, grid
            self.refine(wanted)

    def interrupt(self) -> None:
        """Start a new run: the next trade need not follow the last one."""
        self._run = _NO_RUN

    def open_gap(self, after: int, before: int, missing_to: int | None = None) -> None:
        """Mark the minutes between two trade times (ms, both inclusive): trades are missing there.

        ``missing_to`` is the highest missing order, if orders are contiguous ids.
        """
        self.interrupt()
        self._missing_to = -1 if missing_to is None else missing_to
        self.gaps.append((after, before))
        if len(self.gaps) > _MOST_GAPS:  # the oldest two become one: their minutes stay marked
            first, second = self.gaps[:2]
            self.gaps[:2] = [(min(first[0], second[0]), max(first[1], second[1]))]
        self.revision += 1
        self._unverify_between(after, before)
        self._touch_from(after - after % MINUTE_MS)

    def close_gap(self, after: int, before: int, *, fetched: bool, whole_from: int | None = None) -> None:
        """Unmark the minutes: the missing trades have arrived, ``fetched`` or late.

        ``whole_from`` (ms): every trade from there on is known, so no minute is partial.
        """
        if (after, before) not in self.gaps:
            return  # its minutes have left the window
        self.gaps.remove((after, before))
        self.revision += 1
        self._unverify_between(after, before)
        for open_ts in self._opens[bisect_left(self._opens, after - after % MINUTE_MS) :]:
            if open_ts > before:
                break
            self._minutes[open_ts].repaired |= fetched
            if whole_from is not None and open_ts >= whole_from:
                self._minutes[open_ts].partial = False
        self._touch_from(after - after % MINUTE_MS)

    def verify(self, verdicts: Mapping[int, Verdict]) -> None:
        """Set the verdicts of minutes (by open, ms) compared with the venue's klines; one revision for all.

        A minute that changes afterwards loses its verdict.
        """
        changed = [open_ts for open_ts, verdict in verdicts.items() if self._note(open_ts, verdict)]
        if changed:
            self.revision += 1
            self._touch_from(min(changed))
            if self._minute.verified is not None:
                self.interrupt()  # so that a later trade of it is noticed

    # -- minutes out -------------------------------------------------------------------------

    def __len__(self) -> int:
        return len(self._opens)

    def held_bytes(self) -> int:
        """Estimated size of its minutes in memory; may be called without the lock."""
        return sum(minute.held_bytes for minute in list(self._minutes.values()))

    def minutes(self, start: int = 0, end: int = 1 << 62) -> list[Minute]:
        """Minutes with ``start <= open_ts < end`` (ms), old to new."""
        opens = self._opens[bisect_left(self._opens, start) : bisect_left(self._opens, end)]
        return [self._minutes[open_ts] for open_ts in opens]

    @property
    def oldest_open(self) -> int:
        """Open (ms) of the oldest minute in the window; 0 before the first."""
        return self._opens[0] if self._opens else 0

    @property
    def known_from(self) -> int:
        """First ms from which all trades are in the window, except in gaps; 0 before the first."""
        if self.evicted_to or not self._opens:
            return self.evicted_to
        oldest = self._minutes[self._opens[0]]
        return oldest.runs[0].first[0] if oldest.partial else oldest.open_ts

    @property
    def newest(self) -> Minute | None:
        """The minute of the newest trade; None before the first."""
        return self._minutes[self._opens[-1]] if self._opens else None

    def changed_since(self, revision: int) -> int | None:
        """Open of the oldest minute that changed after a revision; None if none did."""
        oldest = None
        for open_ts in reversed(self._opens):
            if self._minutes[open_ts].revision <= revision:
                break
            oldest = open_ts
        return oldest

    def starts_within(self, start: int, end: int) -> bool:
        """Whether known data starts after ``start`` and before ``end`` (ms)."""
        return self.first_open is not None and start < self.first_open < end

    def has_gap_between(self, start: int, end: int) -> bool:
        """Whether trades are missing from ``start`` on and before ``end`` (ms)."""
        return any(after < end and before >= start for after, before in self.gaps)

    def quality(self, minute: Minute) -> Quality:
        """The completeness of a minute, worst first: gap, partial, repaired, complete."""
        difference = self.differences.get(minute.open_ts)
        if self.has_gap(minute) or (difference is not None and difference.trades_missing):
            return Quality.GAP
        if minute.partial:
            return Quality.PARTIAL
        return Quality.REPAIRED if minute.repaired else Quality.COMPLETE

    def has_gap(self, minute: Minute) -> bool:
        """Whether a gap reaches into a minute, or into the time without minutes before it.

        So a gap between two minutes marks the first minute after it.
        """
        return bool(self.gaps) and self.has_gap_between(self._end_before(minute.open_ts), minute.end_ts)

    def around(self, open_ts: int) -> tuple[Minute, Minute] | None:
        """The minutes before and after a missing one (ms).

        None if it is not missing, not between minutes, or in a gap, which explains it.
        """
        position = bisect_left(self._opens, open_ts)
        if not 0 < position < len(self._opens) or self._opens[position] == open_ts:
            return None
        if self.has_gap_between(open_ts, open_ts + MINUTE_MS):
            return None
        before, after = self._opens[position - 1 : position + 1]
        return self._minutes[before], self._minutes[after]

    # -- inside ------------------------------------------------------------------------------

    def _aligned(self, trades: Iterable[Trade], grid: Grid) -> list[Trade]:
        """Trades on the series' grid, refined if needed."""
        trades = list(trades)
        if not self._minutes and not _fit(grid.scale_to(self.grid.common(grid)).trades(trades)):
            self.grid = grid  # no figure uses the old one
            return trades
        try:
            self.refine(grid)
        except OverflowError:
            return self._placeable(trades, grid)
        scaled = grid.scale_to(self.grid).trades(trades)
        return scaled if _fit(scaled) else self._placeable(trades, grid)

    def _placeable(self, trades: Iterable[Trade], grid: Grid) -> list[Trade]:
        """The trades that fit the series' grid; the minutes of the others are marked."""
        common = self.grid.common(grid)
        theirs, own = grid.scale_to(common), self.grid.scale_to(common)
        placed = []
        for time, order, price, quantity in trades:
            ticks, beside = divmod(price * theirs.price, own.price)
            lots, rest = divmod(quantity * theirs.quantity, own.quantity)
            if beside or rest or ticks >= MOST_UNITS or not -MOST_UNITS < lots < MOST_UNITS:
                self.unplaceable += 1
                self.open_gap(time, time)
            else:
                placed.append((time, order, ticks, lots))
        return placed

    def _end_before(self, open_ts: int) -> int:
        """End (ms) of the minute before ``open_ts``; ``open_ts`` itself if there is none."""
        position = bisect_left(self._opens, open_ts)
        if position:
            return self._opens[position - 1] + MINUTE_MS
        return open_ts if self._gone_to is None else self._gone_to

    def _place(self, time: int, order: int, price: int, quantity: int) -> tuple[Minute, Run] | None:
        """Minute and run of a trade that does not follow the last one.

        None if its minute has left the window: then only the CVD changes.
        """
        open_ts = time - time % MINUTE_MS
        if not self._opens or open_ts > self._opens[-1]:
            placed = self._open_minute(open_ts, time, order, price)
            self._leave_late_run()
            return placed
        minute = self._minutes.get(open_ts)
        if minute is self._minute and self._run is _NO_RUN and self._follows(minute, time, order):
            run = self._run = Run(time, order, price)
            minute.runs.append(run)
            self._unverify(minute)
            self._leave_late_run()
            return minute, run
        self.late += 1
        if minute is None and self._evicted(open_ts):
            self._touch_from(0, quantity, price * quantity)
            return None
        if minute is None:
            minute = self._insert_minute(open_ts)
        minute.thaw()
        self._unverify(minute)
        self._unpacked.add(open_ts)
        minute.revision = self.revision
        self._touch_from(open_ts + 1, quantity, price * quantity)
        run = minute.run_for(time, order, price)
        if minute is self._minute and minute.runs[-1] is run:
            self._run = run
            self._leave_late_run()
        return minute, run

    def _note(self, open_ts: int, verdict: Verdict) -> bool:
        """Set a verdict; returns whether it changed."""
        minute = self._minutes.get(open_ts)
        if minute is None:
            return False  # it has left the window
        verified = False if isinstance(verdict, Difference) else verdict
        before = minute.verified, self.differences.pop(open_ts, None)
        minute.verified = verified
        if isinstance(verdict, Difference):
            self.differences[open_ts] = verdict
        return before != (verified, self.differences.get(open_ts))

    def _unverify(self, minute: Minute) -> None:
        if minute.verified is not None:
            minute.verified = None
            self.differences.pop(minute.open_ts, None)

    def _unverify_between(self, after: int, before: int) -> None:
        for minute in self.minutes(after - after % MINUTE_MS, before + 1):
            self._unverify(minute)

    def _leave_late_run(self) -> None:
        """Start a new run if the newest one started with a trade from inside a gap.

        More trades of the gap may belong after it. This happens only if an id without volume revealed the
        gap.
        """
        if self._run.last_order <= self._missing_to:
            self._run = _NO_RUN

    @staticmethod
    def _follows(minute: Minute, time: int, order: int) -> bool:
        last = minute.runs[-1]
        return (time, order) >= (last.last_time, last.last_order)

    def _evicted(self, open_ts: int) -> bool:
        return self.first_open is not None and self.first_open < self._opens[0] and open_ts < self._opens[0]

    def _open_minute(self, open_ts: int, time: int, order: int, price: int) -> tuple[Minute, Run]:
        """Open the newest minute; closes the one before and packs the one before that."""
        cvd = quote = 0
        if self._opens:
            closing = self._minutes[self._opens[-1]]
            closing.revision = self.revision  # closed now: a change for clients
            cvd, quote = closing.cvd, closing.quote_before + closing.quote_delta
        self._pack()
        minute = Minute(open_ts, cvd, self.revision)
        minute.quote_before = quote
        if self.first_open is None:
            self.first_open = self.quote_from = open_ts
        minute.partial, self._is_at_start = self._is_at_start, False
        self._minutes[open_ts] = minute
        self._opens.append(open_ts)
        self._minute, self._end = minute, minute.end_ts
        self._run = Run(time, order, price)
        minute.runs.append(self._run)
        self._evict()
        return minute, self._run

    def _insert_minute(self, open_ts: int) -> Minute:
        """Add a minute that only late trades belong to."""
        position = bisect_left(self._opens, open_ts)
        before = self._minutes[self._opens[position - 1]] if position else None
        minute = Minute(open_ts, before.cvd if before else 0, self.revision)
        minute.quote_before = before.quote_before + before.quote_delta if before else 0
        if self.first_open is None or open_ts < self.first_open:
            self.first_open = open_ts
            minute.partial = True
        if self.quote_from is None or open_ts < self.quote_from:
            self.quote_from = open_ts
        self._minutes[open_ts] = minute
        insort(self._opens, open_ts)
        return minute

    def _touch_from(self, open_ts: int, shift: int = 0, quote_shift: int = 0) -> None:
        for changed in self._opens[bisect_left(self._opens, open_ts) :]:
            minute = self._minutes[changed]
            minute.revision = self.revision
            minute.cvd_before += shift
            minute.quote_before += quote_shift

    def _pack(self) -> None:
        """Pack the unpacked minutes, except for the one that closes now."""
        closing = self._opens[-1:]
        for open_ts in self._unpacked.difference(closing):
            minute = self._minutes.get(open_ts)
            if minute is not None:
                minute.freeze(join_runs=not self.has_gap(minute))
        self._unpacked = set(closing)

    def _evict(self) -> None:
        """Drop whole hours from the old end, so that no derived candle is cut."""
        while self._opens:
            hour_end = self._opens[0] - self._opens[0] % HOUR_MS + HOUR_MS
            count = bisect_left(self._opens, hour_end)
            if len(self._opens) - count < self.window:
                return
            if self._on_evict is not None:
                self._on_evict(self, hour_end - HOUR_MS)
            self.evicted_to, self._gone_to = hour_end, self._opens[count - 1] + MINUTE_MS
            for open_ts in self._opens[:count]:
                del self._minutes[open_ts]
            del self._opens[:count]
            self.gaps = [gap for gap in self.gaps if gap[1] >= self._gone_to]
            self.differences = {ts: found for ts, found in self.differences.items() if ts >= hour_end}


def _fit(trades: Iterable[Trade]) -> bool:
    """Whether figures of trades are small enough for 64-bit sums."""
    return all(price < MOST_UNITS and -MOST_UNITS < quantity < MOST_UNITS for _, _, price, quantity in trades)
