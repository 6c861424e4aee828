"""The emitted prints of one symbol, and their minute candles."""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from orderflow_dash.market import MINUTE_MS


class Print(NamedTuple):
    """A run of matches at one price by one aggressor side: Binance's aggregate trade."""

    id: int  # contiguous per symbol
    time: int  # ms since the epoch
    price: int  # ticks
    quantity: int  # lots, negative if the aggressor sold
    without_rpi: int  # lots, unsigned, never above abs(quantity)
    first: int  # id of the first match in it
    last: int  # id of the last match
    off: int = 0  # an off-book match took the id before ``first``: 0 none, 1 INSURANCE_FUND, 2 ADL, 3 NA


class TapeCandle(NamedTuple):
    """Sums over the prints of one interval. Prices in ticks, volumes in lots, turnover in ticks x lots."""

    start: int  # ms
    open: int
    high: int
    low: int
    close: int
    volume: int
    turnover: int
    buy_volume: int
    buy_turnover: int
    prints: int
    matches: int
    first: int  # id of the first match
    last: int

    def silent(self, start: int) -> TapeCandle:
        """A later interval without trades: the close continues, as on both venues."""
        close = self.close
        return TapeCandle(start, close, close, close, close, 0, 0, 0, 0, 0, 0, self.last, self.last)


_PRINT_CODES = "qqqqqqIB"  # id, time, price, quantity, without_rpi, first, last - first, off


class Tape:
    """The newest prints (at most ``keep`` of them) and minutes (at most ``keep_minutes``) of one symbol.

    Columns of machine integers, because 100,000 prints as Python objects would take 30 MB.
    """

    def __init__(self, first_id: int, *, keep: int = 100_000, keep_minutes: int = 2_880) -> None:
        self._columns = [array(code) for code in _PRINT_CODES]
        self._minutes = [array("q") for _ in TapeCandle._fields]
        self._first_id = first_id
        self._keep = keep
        self._keep_minutes = keep_minutes
        self.has_dropped = False
        """Whether older minutes were dropped."""

    def __len__(self) -> int:
        return len(self._columns[0])

    @property
    def first_id(self) -> int:
        """Id of the oldest kept print; without one, the id of the first expected print."""
        return self._columns[0][0] if len(self) else self._first_id

    @property
    def next_id(self) -> int:
        """One more than the newest id."""
        return self._columns[0][-1] + 1 if len(self) else self._first_id

    def append(self, trade: Print) -> None:
        """Adds a print; ValueError if its id is not above all before (recordings may have gaps)."""
        if trade.id < self.next_id:
            raise ValueError(f"print {trade.id} comes after {self.next_id - 1}")
        values = (*trade[:6], trade.last - trade.first, trade.off)
        for column, value in zip(self._columns, values, strict=True):
            column.append(value)
        self._count(trade)
        # Old prints are dropped in large strides, as each drop shifts the whole column.
        if len(self) > self._keep + self._keep // 8:
            surplus = len(self) - self._keep
            for column in self._columns:
                del column[:surplus]

    def _count(self, trade: Print) -> None:
        lots = abs(trade.quantity)
        turnover = lots * trade.price
        bought = trade.quantity > 0
        start = trade.time - trade.time % MINUTE_MS
        m = self._minutes
        # In recordings a print may be older than the one before; it counts in its own minute.
        at = bisect_left(m[0], start)
        if at == len(m[0]) or m[0][at] != start:
            fresh = (start, *[trade.price] * 4, *[0] * 6, trade.first, trade.last)
            for column, value in zip(m, fresh, strict=True):
                column.insert(at, value)
            if len(m[0]) > self._keep_minutes + 60:
                for column in m:
                    del column[:60]
                at -= 60
                self.has_dropped = True
        m[2][at] = max(m[2][at], trade.price)
        m[3][at] = min(m[3][at], trade.price)
        m[4][at] = trade.price
        m[5][at] += lots
        m[6][at] += turnover
        if bought:
            m[7][at] += lots
            m[8][at] += turnover
        m[9][at] += 1
        m[10][at] += trade.last - trade.first + 1
        m[12][at] = trade.last

    def rescale(self, price_factor: int, quantity_factor: int) -> None:
        """Converts everything to units that are finer by these factors."""
        columns, minutes = self._columns, self._minutes
        volumes = [(minutes[i], quantity_factor) for i in (5, 7)]
        turnovers = [(minutes[i], price_factor * quantity_factor) for i in (6, 8)]
        prices = [(column, price_factor) for column in (columns[2], *minutes[1:5])]
        lots = [(column, quantity_factor) for column in columns[3:5]]
        for column, factor in (*prices, *lots, *volumes, *turnovers):
            if factor != 1:
                column[:] = array("q", (value * factor for value in column))

    def at(self, index: int) -> Print:
        """The print at a position among those kept (negative from the end); IndexError outside."""
        if index < 0:
            index += len(self)
        if not 0 <= index < len(self):
            raise IndexError(index)
        number, time, price, quantity, without_rpi, first, span, off = (c[index] for c in self._columns)
        return Print(number, time, price, quantity, without_rpi, first, first + span, off)

    def prints(self, start: int, stop: int) -> list[Print]:
        """The prints at positions ``start <= i < stop`` among those kept."""
        return [self.at(i) for i in range(max(0, start), min(stop, len(self)))]

    def since_id(self, print_id: int, limit: int) -> list[Print]:
        """At most ``limit`` prints from an id on, that id included."""
        start = bisect_left(self._columns[0], print_id)
        return self.prints(start, start + limit)

    def since_match(self, match_id: int, limit: int) -> list[Print]:
        """At most ``limit`` prints from the one that holds a match on, or the first one after it."""
        firsts = self._columns[5]
        start = bisect_right(firsts, match_id) - 1
        if start < 0 or firsts[start] + self._columns[6][start] < match_id:
            start += 1
        return self.prints(start, start + limit)

    def between(self, start_ms: int | None, end_ms: int | None, limit: int) -> list[Print]:
        """``limit`` prints of ``start_ms <= time <= end_ms``: the oldest; without a start the newest."""
        times = self._columns[1]
        low = 0 if start_ms is None else bisect_left(times, start_ms)
        high = len(times) if end_ms is None else bisect_right(times, end_ms)
        if start_ms is None:
            low = max(low, high - limit)
        return self.prints(low, min(high, low + limit))

    def minutes(self, start_ms: int, end_ms: int) -> Iterator[TapeCandle]:
        """The minutes with prints, ``start_ms <= start <= end_ms``, from old to new."""
        starts = self._minutes[0]
        for i in range(bisect_left(starts, start_ms), bisect_right(starts, end_ms)):
            yield TapeCandle(*(column[i] for column in self._minutes))

    def minute_open(self, time: int) -> int | None:
        """The open of the newest minute, where a time lies in it; None if no print of it is known."""
        starts = self._minutes[0]
        return self._minutes[1][-1] if starts and starts[-1] <= time < starts[-1] + MINUTE_MS else None

    def candles(
        self, interval_ms: int, start_ms: int | None, end_ms: int | None, limit: int
    ) -> list[TapeCandle]:
        """Candles of whole minutes, old to new: the oldest ``limit`` from a start, else the newest.

        An interval without prints inside the range repeats the close before it with zero volume,
        as both venues do.
        """
        starts = self._minutes[0]
        if not starts:
            return []
        first = starts[0] - starts[0] % interval_ms
        if self.has_dropped and first < starts[0]:
            first += interval_ms  # the one before is incomplete
        last = starts[-1] - starts[-1] % interval_ms
        low = first if start_ms is None else max(first, -(-start_ms // interval_ms) * interval_ms)
        high = last if end_ms is None else min(last, end_ms - end_ms % interval_ms)
        if start_ms is None:
            low = max(low, high - (limit - 1) * interval_ms)
        high = min(high, low + (limit - 1) * interval_ms)
        return list(self._merged(interval_ms, low, high))

    def _merged(self, interval_ms: int, low: int, high: int) -> Iterator[TapeCandle]:
        before = bisect_left(self._minutes[0], low) - 1
        close = self._minutes[4][before] if before >= 0 else None
        last_match = self._minutes[12][before] if before >= 0 else 0
        parts: dict[int, TapeCandle] = {}
        for minute in self.minutes(low, high + interval_ms - 1):
            start = minute.start - minute.start % interval_ms
            known = parts.get(start)
            parts[start] = minute._replace(start=start) if known is None else joined(known, minute)
        for start in range(low, high + 1, interval_ms):
            candle = parts.get(start)
            if candle is None:
                if close is None:
                    continue
                candle = TapeCandle(
                    start, close, close, close, close, 0, 0, 0, 0, 0, 0, last_match, last_match
                )
            close, last_match = candle.close, candle.last
            yield candle


def joined(a: TapeCandle, b: TapeCandle) -> TapeCandle:
    """One candle of two neighbors, the older one first."""
    return TapeCandle(
        a.start,
        a.open,
        max(a.high, b.high),
        min(a.low, b.low),
        b.close,
        a.volume + b.volume,
        a.turnover + b.turnover,
        a.buy_volume + b.buy_volume,
        a.buy_turnover + b.buy_turnover,
        a.prints + b.prints,
        a.matches + b.matches,
        a.first,
        b.last,
    )
