"""Trades that a replay has played before a stream starts: candles, and trades that the stream lacks.

Both come from the recording: a stream starts with the minutes that a series makes of the rows up to the
replay's clock, and the backfill fetches the trades played since then.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Final

import numpy as np

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.backfill import BackfillJob, BackfillTarget
from orderflow_dash.feeds.sequencing import Gap, Known
from orderflow_dash.footprint.candle import Candle, CandleBuilder
from orderflow_dash.footprint.hourly import HourlyLevels
from orderflow_dash.footprint.minute import Ints
from orderflow_dash.footprint.series import Series
from orderflow_dash.live.history import HistoryLoader
from orderflow_dash.live.stream import SeriesStream, StoredSeries
from orderflow_dash.market import MINUTE_MS, Grid, Instrument, Timeframe, Trade, Venue
from orderflow_dash.simulator import Listing, PlayedUpTo, RecordedMarket
from orderflow_dash.simulator.market.tape import Print
from orderflow_dash.simulator.recordings.recording import Recording
from orderflow_dash.store.null import NullStore

ALL_HISTORY_MS: Final = 1 << 50  # a replay has all its history
_PORTION = 5_000  # trades per read
_EVER: Final = 1 << 62
Columns = tuple[Ints, Ints, Ints, Ints]


class RecordedHistory(HistoryLoader):
    """Loads history of a replay from its recording; stores nothing. Thread-safe."""

    def __init__(self, market: RecordedMarket, window: int) -> None:
        super().__init__(NullStore(), window)
        self._market = market
        self._window = window

    def start_stream(self, stream: SeriesStream, refetch_ms: int) -> None:  # noqa: ARG002 - the interface
        """Start a stream with the minutes played so far; returns at once."""
        self._read(lambda: self._start_played(stream), lambda: self._start_without(stream))

    def _start_without(self, stream: SeriesStream) -> None:
        stream.start()

    def end_stream(self, stream: SeriesStream) -> None:
        """Save nothing."""

    def older(
        self, instrument: Instrument, timeframe: Timeframe, step: Decimal, since: int, until: int
    ) -> list[Candle]:
        """Played candles that open from ``since`` and before ``until`` (ms), old to new."""
        played = self._market.played_up_to(self._market.find(instrument.symbol, instrument.venue))
        return [] if played is None else played_candles(played, timeframe, step, since, until)

    def _start_played(self, stream: SeriesStream) -> None:
        instrument = stream.instrument
        played = self._market.played_up_to(self._market.find(instrument.symbol, instrument.venue))
        stream.start(None if played is None else played_minutes(played, self._window))


def played_minutes(played: PlayedUpTo, window: int) -> StoredSeries | None:
    """The minutes of all trades recorded up to a time; None if there are none."""
    hourly = HourlyLevels()
    grid = _grid(played.recording)
    series = Series(window, on_evict=hourly.take_over, grid=grid)
    columns = _trades(played.recording, played.row)
    if not len(columns[0]):
        return None
    _apply(series, columns, played)
    return StoredSeries(
        grid=grid,
        minutes=series.minutes(),
        gaps=series.gaps,
        cvd_from=series.first_open or 0,
        hours=hourly.hours(0, _EVER),
        known=Known(played.time_ms, played.last_id, is_current=True),
    )


def played_candles(
    played: PlayedUpTo, timeframe: Timeframe, step: Decimal, since: int, until: int
) -> list[Candle]:
    """Played candles that open from ``since`` and before ``until`` (ms), old to new."""
    time, order, price, quantity = _trades(played.recording, played.row)
    # One candle more, so that the first one returned is not the partial first of the series.
    first = int(np.searchsorted(np.maximum.accumulate(time), since - timeframe.ms))
    end = int(np.searchsorted(np.maximum.accumulate(time), until))
    if first == end:
        return []
    series = Series(_EVER, grid=_grid(played.recording))
    _apply(series, (time[first:end], order[first:end], price[first:end], quantity[first:end]), played)
    before = int(quantity[:first].sum())
    builder = CandleBuilder(series, timeframe, step)
    opens = sorted({minute.open_ts // timeframe.ms * timeframe.ms for minute in series.minutes(since, until)})
    found = (builder.build(open_ts) for open_ts in opens)
    return [replace(candle, cvd=candle.cvd + before, closed=True, rev=0) for candle in found]


def _grid(units: Recording | Listing) -> Grid:
    return Grid.of(units.price.value, units.quantity.value)


def _apply(series: Series, columns: Columns, played: PlayedUpTo) -> None:
    """Apply trades, with a gap wherever some are missing."""
    time, order = columns[:2]
    start = 0
    for at, missing_to in _breaks(played.recording, time, order):
        series.apply_arrays(*(column[start:at] for column in columns))
        series.open_gap(*_sorted(int(time[at - 1]), int(time[at])), missing_to)
        start = at
    series.apply_arrays(*(column[start:] for column in columns))
    for after, before in played.recording.gaps:
        is_one = after == before <= played.time_ms  # one trade of that time
        if is_one or after < played.time_ms <= before:
            series.open_gap(after, before)


def _sorted(after: int, before: int) -> tuple[int, int]:
    return min(after, before), max(after, before)


def _breaks(recording: Recording, time: Ints, order: Ints) -> Iterator[tuple[int, int | None]]:
    """Indexes of trades after missing ones, with the highest missing order."""
    found: dict[int, int | None] = {}
    for after, before in recording.gaps:
        at = int(np.searchsorted(time, before))
        if after != before and 0 < at < len(time):
            found[at] = None
    if recording.aggregates:
        for at in (np.flatnonzero(np.diff(order) > 1) + 1).tolist():
            found[at] = int(order[at]) - 1
    yield from sorted(found.items())


def _trades(recording: Recording, row: int) -> Columns:
    """Time, order, price and quantity of every print that the rows before one make, shape (n,) each."""
    rows = recording.rows
    if recording.aggregates:
        return rows.times[:row], rows.ids[:row], rows.prices[:row], rows.quantities[:row]
    if recording.venue is Venue.BINANCE:
        prints = [each for each, stop in _up_to(recording, row)]
        table = np.array([(t.time, t.id, t.price, t.quantity) for t in prints], np.int64).reshape(-1, 4)
        return table[:, 0], table[:, 1], table[:, 2], table[:, 3]
    counts = recording.counting(row)
    orders = np.where(rows.seqs[:row] > 0, rows.seqs[:row], np.arange(1, row + 1))
    return rows.times[:row][counts], orders[counts], rows.prices[:row][counts], rows.quantities[:row][counts]


def _up_to(recording: Recording, row: int) -> Iterator[tuple[Print, int]]:
    for each, stop in recording.prints():
        if stop > row:
            return
        yield each, stop


class RecordedBackfill:
    """Backfills a stream from the played part of the recording."""

    def __init__(self, market: RecordedMarket, venue: Venue) -> None:
        self._market = market
        self._venue = venue

    def step(self, job: BackfillJob) -> bool:
        """Fetch all trades that the recording has; always true."""
        listing = self._market.find(job.stream.instrument.symbol, self._venue)
        gap = job.gap or self._history(job, listing)
        if gap is None:
            return True
        if self._venue is Venue.BINANCE:
            for first, last in list(gap.missing or ()):
                self._fill_ids(job.stream, listing, first, last)
            lacks = bool(gap.missing)
        else:
            self._fill_times(job.stream, listing, gap)
            lacks = False
        for after, before in self._market.gaps(listing):
            if gap.after <= after and before <= gap.before:
                job.stream.lose(after, before)
        if not lacks:
            job.stream.close(gap)
        return True

    def give_up(self, job: BackfillJob) -> None:
        """Never needed: a recording rejects no request."""

    def newest(self, instrument: Instrument) -> TradeBatch:
        """The newest played trade; empty if there is none."""
        listing = self._market.find(instrument.symbol, self._venue)
        return self._batch(listing, self._market.newest(listing))

    def _history(self, job: BackfillJob, listing: Listing) -> Gap | None:
        """The span played before a stream's first trade; None if there is none."""
        first_id = self._market.first_id(listing)
        found = [] if first_id is None else self._market.played_by_id(listing, first_id, first_id, 1)
        time_, order, *_ = job.first
        if not found or found[0].time >= time_:
            return None
        (first,) = found
        missing = [(first.id, order - 1)] if self._venue is Venue.BINANCE else None
        gap = Gap(first.time, time_, missing, whole_from=-(-first.time // MINUTE_MS) * MINUTE_MS)
        job.stream.expect(gap)
        return gap

    def _fill_ids(self, stream: BackfillTarget, listing: Listing, first: int, last: int) -> None:
        while found := self._market.played_by_id(listing, first, last, _PORTION):
            stream.fill(self._batch(listing, found))
            first = found[-1].id + 1

    def _fill_times(self, stream: BackfillTarget, listing: Listing, gap: Gap) -> None:
        """Fill edges first: a stream remembers few ids, and only the edges can repeat."""
        found = self._market.played_between(listing, gap.after, gap.before)
        edges = [each for each in found if each.time in (gap.after, gap.before)]
        inner = [each for each in found if each.time not in (gap.after, gap.before)]
        for trades in (edges, inner):
            for start in range(0, len(trades), _PORTION):
                gap.fetched += stream.fill(self._batch(listing, trades[start : start + _PORTION]))

    def _batch(self, listing: Listing, prints: Sequence[Print]) -> TradeBatch:
        if self._venue is Venue.BINANCE:
            rows = [(p.time, p.id, p.price, p.quantity) for p in prints]
            return TradeBatch(listing.symbol, rows, grid=_grid(listing))
        trades: list[Trade] = []
        uids: list[str] = []
        for each in prints:
            traded = next(t for t in self._market.bybit_trades(listing, each) if not t.block)
            trades.append((each.time, traded.seq, each.price, each.quantity))
            uids.append(traded.id)
        return TradeBatch(listing.symbol, trades, uids, grid=_grid(listing))
