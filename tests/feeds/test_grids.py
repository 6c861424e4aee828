"""Ticks and lots that change while trades flow: every sum is exact, or its candle is marked."""

from __future__ import annotations

import itertools
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderflow_dash.exchanges.binance.stream import BinanceProtocol
from orderflow_dash.exchanges.bybit.stream import BybitProtocol
from orderflow_dash.exchanges.protocol import FrameError, TradeBatch
from orderflow_dash.feeds.backfill import BackfillJob, BackfillMethod
from orderflow_dash.feeds.sequencing import Deduplicator, Gap, Known, SequenceTracker
from orderflow_dash.feeds.stream import TradeStream
from orderflow_dash.feeds.venues.binance import BinanceBackfill
from orderflow_dash.feeds.venues.bybit import BybitBackfill
from orderflow_dash.footprint.candle import CandleBuilder
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.market import MINUTE_MS, Instrument, Timeframe, Venue
from orderflow_dash.store.candles import stored_candles
from orderflow_dash.store.minutes import to_stored
from orderflow_dash.store.store import Batch, Store, open_store
from orderflow_dash.wire import Encoder

START = 1_790_000_100_000  # a full five minutes
NUMBERS = itertools.count()
UNITS = st.sampled_from(["1", "0.5", "0.1", "0.05", "0.02", "0.01", "0.001", "0.0025", "0.0001"]).map(Decimal)
BAD = st.sampled_from(
    ["", "x", "0." + "0" * 17 + "1", "-1", "0", "1e-3", "1." + "0" * 18 + "1", "9" * 18, "1" * 30, "NaN"]
)
Fault = Literal["", "lost", "bad", "bad everywhere"]
WHOLE = ("complete", "repaired")


@dataclass
class Row:
    """One trade as the venue has it, and what goes wrong with it."""

    number: int
    time: int
    price: Decimal
    quantity: Decimal
    is_buy: bool
    fault: Fault = ""
    bad: str = ""

    def texts(self, *, is_bad: bool) -> tuple[str, str]:
        """Price and quantity on the wire."""
        return (self.bad if is_bad else f"{self.price:f}"), f"{self.quantity:f}"


@st.composite
def markets(draw: st.DrawFn) -> list[list[Row] | tuple[Decimal, Decimal]]:
    """Frames of rows, between them changes of tick and lot; some rows are off both, lost or broken."""
    tick, lot = draw(UNITS), draw(UNITS)
    market: list[list[Row] | tuple[Decimal, Decimal]] = [(tick, lot)]
    time, number = START, 1
    for _ in range(draw(st.integers(1, 12))):
        if draw(st.integers(0, 3)) == 0:
            tick, lot = draw(UNITS), draw(UNITS)
            market.append((tick, lot))
        frame = []
        for _ in range(draw(st.integers(1, 6))):
            time += draw(st.sampled_from([0, 1, 900, 20_000, 61_000]))
            fine = draw(st.booleans())
            price = draw(st.integers(1, 40)) * (tick if fine else draw(UNITS))
            quantity = draw(st.integers(1, 40)) * (lot if fine else draw(UNITS))
            fault: Fault = draw(st.sampled_from(["", "", "", "", "", "lost", "bad", "bad everywhere"]))
            frame.append(Row(number, time, price, quantity, draw(st.booleans()), fault, draw(BAD)))
            number += 1
        market.append(frame)
    # A last trade, by which it shows what was lost before it.
    return [*market, [Row(number, time + 61_000, tick, lot, is_buy=True)]]


class Venues:
    """Both venues' wire, out of rows: frames, and the REST that backfills request."""

    def __init__(self, venue: Venue, rows: list[Row]) -> None:
        self.venue = venue
        self.rows = rows
        self.sent = 0  # number of the newest row that has been traded

    def frames(self, symbol: str, rows: list[Row]) -> list[bytes]:
        """What the stream sends of some rows."""
        shown = [row for row in rows if row.fault != "lost"]
        if self.venue is Venue.BINANCE:
            return [orjson.dumps({"stream": "", "data": self._aggregate(symbol, row)}) for row in shown]
        data = [self._print(symbol, row) for row in shown]
        head = {"topic": f"publicTrade.{symbol}", "type": "snapshot", "ts": shown[-1].time if shown else 0}
        return [orjson.dumps({**head, "data": data})] if shown else []

    @staticmethod
    def _aggregate(symbol: str, row: Row) -> dict[str, Any]:
        price, quantity = row.texts(is_bad=row.fault.startswith("bad"))
        ids = {"a": row.number, "E": row.time, "T": row.time}
        return {"e": "aggTrade", "s": symbol, "p": price, "q": quantity, "m": not row.is_buy, **ids}

    @staticmethod
    def _print(symbol: str, row: Row) -> dict[str, Any]:
        price, quantity = row.texts(is_bad=row.fault.startswith("bad"))
        side = "Buy" if row.is_buy else "Sell"
        return {
            "T": row.time,
            "s": symbol,
            "S": side,
            "v": quantity,
            "p": price,
            "i": str(row.number),
            "seq": row.number,
        }

    def used_weight(self) -> int:
        """None of it."""
        return 0

    def get(self, path: str, params: dict[str, Any]) -> bytes:
        """A page of past trades."""
        past = [row for row in self.rows if row.number <= self.sent]
        if self.venue is Venue.BYBIT:
            return orjson.dumps({"retCode": 0, "result": {"list": [self._past(row) for row in past[::-1]]}})
        if "startTime" in params:
            past = [row for row in past if params["startTime"] <= row.time <= params["endTime"]]
        past = [row for row in past if row.number >= params.get("fromId", 0)][: params["limit"]]
        rows = [self._aggregate("", replace(row, fault=self._at_rest(row))) for row in past]
        return orjson.dumps(rows)

    @staticmethod
    def _at_rest(row: Row) -> Fault:
        return row.fault if row.fault == "bad everywhere" else ""

    def _past(self, row: Row) -> dict[str, Any]:
        price, size = row.texts(is_bad=row.fault == "bad everywhere")
        side = "Buy" if row.is_buy else "Sell"
        ids = {"execId": str(row.number), "seq": str(row.number)}
        return {"price": price, "size": size, "side": side, "time": str(row.time), **ids}


@dataclass
class Inline:
    """Backfills without a thread: the test runs the jobs."""

    method: BackfillMethod
    jobs: list[BackfillJob] = field(default_factory=list)

    def fetch_history(self, stream: TradeStream, batch: TradeBatch, known: Known | None) -> None:
        """History is of no interest here."""

    def fetch_gap(self, stream: TradeStream, gap: Gap) -> None:
        self.jobs.append(BackfillJob(stream, gap))

    def run(self) -> None:
        """Run all jobs."""
        while self.jobs:
            job = self.jobs.pop(0)
            while not self.method.step(job):
                pass


def played(
    venue: Venue, market: list[Any], new_connection: Callable[[], bool]
) -> tuple[SeriesStream, list[Row]]:
    """The series that a market gives, and its rows."""
    rows = [row for part in market if isinstance(part, list) for row in part]
    symbol = f"X{next(NUMBERS)}USDT"
    listed: dict[str, Instrument] = {}
    served = Venues(venue, rows)
    backfills = Inline(BinanceBackfill(served) if venue is Venue.BINANCE else BybitBackfill(served))  # type: ignore[arg-type]
    protocol_of = BinanceProtocol if venue is Venue.BINANCE else BybitProtocol
    stream: TradeStream | None = None
    protocol = protocol_of(listed)
    for part in market:
        if isinstance(part, tuple):
            listed[symbol] = Instrument(venue, symbol, "X", "USDT", *part)
        elif stream is None:
            sink = SeriesStream(listed[symbol], None, 500)  # type: ignore[arg-type]
            ids = SequenceTracker if venue is Venue.BINANCE else Deduplicator
            stream = TradeStream(listed[symbol], "", sink, ids, backfills)  # type: ignore[arg-type]
            for row in part:  # what a stream lacks before its first trade is a matter of history
                row.fault = ""
        if stream is None or isinstance(part, tuple):
            continue
        if new_connection():
            protocol = protocol_of(listed)
            stream.on_disconnect()
        if venue is Venue.BYBIT and any(row.fault == "lost" for row in part):
            stream.on_disconnect()  # trades of this venue are only lost by the frame, with the connection
            continue
        served.sent = part[-1].number
        for frame in served.frames(symbol, part):
            try:
                batch = protocol.receive(frame, part[-1].time)
            except FrameError:
                continue
            assert isinstance(batch, TradeBatch)
            stream.receive(batch, 0.0, part[-1].time)
        backfills.run()
    assert stream is not None
    return sink, rows


def expected(rows: list[Row], open_ts: int, length: int, step: Decimal) -> dict[str, Any]:
    """The candle of all rows in it, in decimals."""
    inside = [row for row in rows if open_ts <= row.time < open_ts + length]
    levels: dict[Decimal, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in inside:
        levels[(row.price / step + Decimal("0.5")).__floor__() * step][row.is_buy] += row.quantity
    prices = [row.price for row in inside]
    bid, ask = (
        sum((row.quantity for row in inside if row.is_buy is side), Decimal(0)) for side in (False, True)
    )
    return {
        "open": prices[0],
        "high": max(prices),
        "low": min(prices),
        "close": prices[-1],
        "bid": bid,
        "ask": ask,
        "delta": ask - bid,
        "n": len(inside),
        "levels": {price: tuple(sides) for price, sides in levels.items()},
    }


def shown(text: str) -> dict[str, Any]:
    """A candle as a client reads it."""
    import json

    candle = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    levels = {level["p"]: (level["bid"], level["ask"]) for level in candle.pop("levels")}
    return {**candle, "levels": levels}


@pytest.fixture(scope="module")
def store() -> Iterator[Store]:
    """One database for all examples; each has a symbol of its own."""
    with tempfile.TemporaryDirectory() as folder:
        opened = open_store(f"sqlite:///{Path(folder) / 'grids.sqlite3'}")
        yield opened
        opened.close()


@pytest.mark.parametrize("venue", [Venue.BINANCE, Venue.BYBIT])
@given(market=markets(), data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_candle_is_exact_or_marked(
    venue: Venue, store: Store, market: list[Any], data: st.DataObject
) -> None:
    """Live, repaired, on the wire and out of the store, for any frames, ticks, lots and bad rows."""
    stream, rows = played(venue, market, lambda: data.draw(st.integers(0, 4)) == 0)
    series, instrument = stream.series, stream.instrument
    listed = [part for part in market if isinstance(part, tuple)]
    step = data.draw(st.sampled_from([tick for tick, _ in listed])) * data.draw(
        st.sampled_from([1, 2, 3, 10])
    )
    grid = stream.finest(replace(instrument, tick=step).grid)
    kept = [to_stored(minute, grid, series.quality(minute)) for minute in series.minutes()]
    store.save([Batch(instrument, kept, kept[0].open_ts)])
    for timeframe in (Timeframe.M1, Timeframe.M5):
        builder, encoder = CandleBuilder(series, timeframe, step), Encoder(instrument, timeframe, step, grid)
        opens = sorted({minute.open_ts - minute.open_ts % timeframe.ms for minute in series.minutes()})
        missed = {row.time - row.time % timeframe.ms for row in rows} - set(opens)
        assert all(series.has_gap_between(open_ts, open_ts + timeframe.ms) for open_ts in missed)
        candles = [builder.build(open_ts) for open_ts in opens]
        stored = {each.open_ts: each for each in stored_candles(store.load(instrument), timeframe, step)}
        for candle in candles:
            texts = [encoder.candle(candle)]
            if timeframe is Timeframe.M1:
                again = stored[candle.open_ts]
                texts.append(Encoder(instrument, timeframe, step, again.grid).candle(again))
            for text in texts:
                read = shown(text)
                if read["quality"] in WHOLE:
                    wanted = expected(rows, candle.open_ts, timeframe.ms, step)
                    assert {name: read[name] for name in wanted} == wanted
    if not any(row.fault for row in rows):
        assert not series.gaps
        assert series.minutes()[-1].cvd == grid.quantity.count(
            sum((row.quantity if row.is_buy else -row.quantity for row in rows), Decimal(0))
        )


def test_a_finer_grid_changes_no_value_and_no_revision() -> None:
    """CVD, paths, turnover and levels are the same decimals."""
    market = [(Decimal("0.5"), Decimal(1)), [Row(n, START + 7_000 * n, Decimal(n) / 2, Decimal(n), n % 3 > 0)
                                             for n in range(1, 90)]]  # fmt: skip
    stream, _ = played(Venue.BINANCE, market, lambda: False)
    series = stream.series

    def values() -> list[object]:
        grid, found = series.grid, []
        for minute in series.minutes():
            path, kline = minute.path(), minute.kline(grid)
            quantity, price = grid.quantity.decimal, grid.price.decimal
            found.append((
                [quantity(each) for each in (minute.cvd, path.min_delta, path.max_delta, kline.volume)],
                [price(each) for each in (path.open, kline.high, kline.low, path.close)],
                minute.quote_before * grid.price.value * grid.quantity.value,
                [(price(p), quantity(b), quantity(a), n) for p, b, a, n in minute.level_array().tolist()],
                minute.revision,
            ))  # fmt: skip
        return found

    before, revision = values(), series.revision
    series.refine(replace(stream.instrument, tick=Decimal("0.02"), lot=Decimal("0.003")).grid)
    assert series.grid.price.value == Decimal("0.02")
    assert (values(), series.revision) == (before, revision)


def test_a_grid_too_fine_for_64_bits_marks_only_its_trade() -> None:
    """A row that no grid fits never changes the figures of others."""
    huge = Decimal(10**12)
    fine, finer = Decimal("0." + "0" * 11 + "7"), Decimal("0." + "0" * 17 + "3")
    rows = [
        Row(1, START, Decimal(1), huge, True), Row(2, START + 61_000, fine, huge, True),
        Row(3, START + 62_000, finer, Decimal(1), True), Row(4, START + 125_000, Decimal(2), huge, False),
    ]  # fmt: skip
    stream, _ = played(
        Venue.BYBIT, [(Decimal(1), Decimal(1)), [rows[0]], rows[1:2], rows[2:3], rows[3:]], lambda: False
    )
    series = stream.series
    assert series.has_gap_between(START + 60_000, START + 60_000 + MINUTE_MS)
    volumes = [series.grid.quantity.decimal(minute.volume) for minute in series.minutes()]
    assert volumes[0] == huge
    assert series.quality(series.minutes()[0]) == "partial"
