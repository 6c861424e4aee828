"""Closed minutes against the venue's klines, in the whole app over real sockets."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import orjson
import pytest

from orderflow_dash.exchanges.bybit.rest import parse_klines
from orderflow_dash.feeds.venues.bybit import kline_difference
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.market import Instrument, Kline, Quality, Venue
from orderflow_dash.simulator import RecordedMarket, SimulatedExchange, SyntheticMarket
from orderflow_dash.simulator.rest import Request
from tests.conftest import Served, venues_at, wait_until
from tests.faults.candles import CandleReader, truth
from tests.faults.test_recordings import CAPTURE, bybit_kline, tick, whole_tape

SYMBOL = "BTCUSDT"
STREAMS = {"binance": "btcusdt@aggTrade", "bybit": "publicTrade.BTCUSDT"}
PATHS = {"binance": "/fapi/v1/klines", "bybit": "/v5/market/kline"}
VENUES = list(STREAMS)


@pytest.fixture
def exchange() -> Iterator[SimulatedExchange]:
    """A market sixty times as fast as real time: a minute in a second."""
    with SimulatedExchange(SyntheticMarket(seed=11, speed=60)) as running:
        yield running


@pytest.fixture
def app(exchange: SimulatedExchange, serve: Callable[..., Served]) -> Served:
    """The app on that market, with both venues and a short verify interval."""
    return serve(**venues_at(exchange), verify_interval_s=0.3)


def query(exchange: SimulatedExchange, venue: str, timeframe: str = "1m") -> dict[str, Any]:
    """The finest view of the symbol."""
    step = exchange.source.listings[0].price.text(1)
    return {
        "exchange": venue, "symbol": SYMBOL, "step": step, "lookback": 500, "emit_ms": 50, "tf": timeframe,
    }  # fmt: skip


def read_until(reader: CandleReader, condition: Callable[[], object], seconds: float = 20.0) -> None:
    """Reads a socket until a condition holds."""
    wait_until(lambda: (reader.read(0.05), condition())[1], seconds, "the socket's condition")


def with_verdict(reader: CandleReader, verdict: bool | None) -> list[int]:
    """Opens of the closed candles that carry a verdict."""
    return [ts for ts, each in reader.candles.items() if each["closed"] and each["verified"] is verdict]


def klines(app: Served, venue: str) -> dict[str, Any]:
    """The comparison in ``/health``."""
    return app.health(venue)["klines"]


def stream_of(app: Served, venue: str, symbol: str = SYMBOL) -> SeriesStream:
    """The symbol's stream inside the app."""
    return app.hub._streams[Venue(venue), symbol]


@pytest.mark.parametrize("venue", VENUES)
def test_every_whole_minute_becomes_verified(app: Served, exchange: SimulatedExchange, venue: str) -> None:
    """Live ones and those of the history; only the oldest, which may be cut, can stay open."""
    with app.socket(**query(exchange, venue)) as socket:
        reader = CandleReader(socket)
        read_until(reader, lambda: len(with_verdict(reader, True)) >= 4)
        _, *whole = sorted(reader.candles)
        read_until(reader, lambda: set(whole[:4]) <= set(with_verdict(reader, True)))
        assert with_verdict(reader, False) == []
        basis = {"binance": "q", "bybit": None}[venue]
        read_until(reader, lambda: klines(app, venue)["basis"] == basis, 30)
        counts = klines(app, venue)
    assert counts["verified"] >= 4
    assert counts["differing"] == 0
    assert counts["unverifiable"] <= 1


def test_a_longer_candle_becomes_verified_with_its_minutes(app: Served, exchange: SimulatedExchange) -> None:
    """It is true once all its minutes are."""
    with app.socket(**query(exchange, "binance", "5m")) as socket:
        reader = CandleReader(socket)
        read_until(reader, lambda: with_verdict(reader, True), 30)
        open_ts = with_verdict(reader, True)[0]
    minutes = stream_of(app, "binance").series.minutes(open_ts, open_ts + 300_000)
    assert {minute.verified for minute in minutes} == {True}


def test_a_trade_that_bybit_never_sent_is_found_out(app: Served, exchange: SimulatedExchange) -> None:
    """No id shows that it is missing, but its minute differs from the kline and is marked."""
    with app.socket(**query(exchange, "bybit")) as socket:
        reader = CandleReader(socket)
        read_until(reader, lambda: len(with_verdict(reader, True)) >= 1)
        exchange.faults.drop(1, STREAMS["bybit"])
        read_until(reader, lambda: exchange.faults.dropped)
        read_until(reader, lambda: with_verdict(reader, False))
        (open_ts,) = with_verdict(reader, False)
        read_until(reader, lambda: [ts for ts in with_verdict(reader, True) if ts > open_ts])
        assert reader.candles[open_ts]["quality"] == "gap"
        assert with_verdict(reader, False) == [open_ts]
        difference = stream_of(app, "bybit").series.differences[open_ts]
        counts = klines(app, "bybit")
    listing = exchange.source.listings[0]
    _, number = exchange.faults.dropped[0]
    (dropped,) = exchange.source.tape(listing).since_id(number, 1)
    assert difference.field == "volume"
    assert difference.reported - difference.counted == Decimal(listing.quantity.text(abs(dropped.quantity)))
    assert counts["differing"] == 1


def test_a_minute_of_which_bybit_sent_nothing_is_found_out(app: Served, exchange: SimulatedExchange) -> None:
    """On a symbol that is often silent, the lost trades lie between two marked minutes."""
    symbol, stream = "NEARUSDT", "publicTrade.NEARUSDT"
    step = next(each.price.text(1) for each in exchange.source.listings if each.symbol == symbol)
    asked = {"exchange": "bybit", "symbol": symbol, "step": step, "lookback": 500, "emit_ms": 50}
    with app.socket(**asked) as socket:
        reader = CandleReader(socket)
        read_until(reader, lambda: len(with_verdict(reader, True)) >= 2)
        exchange.faults.stall(stream)
        now = exchange.source.now()
        until = now - now % 60_000 + 3 * 60_000
        read_until(reader, lambda: exchange.source.now() >= until)
        exchange.faults.clear("stall")
        read_until(reader, lambda: max(reader.candles) >= until)
        read_until(reader, lambda: [ts for ts in with_verdict(reader, True) if ts > until])

        def lost() -> list[int]:
            minutes = truth(exchange, symbol, Venue.BYBIT)
            opens = sorted(reader.candles)
            return [ts for ts in minutes if opens[0] < ts < opens[-1] and ts not in opens]

        assert lost()

        def marked() -> bool:
            opens = sorted(reader.candles)
            around = [
                neighbor
                for ts in lost()
                for neighbor in (
                    max(each for each in opens if each < ts),
                    min(each for each in opens if each > ts),
                )
            ]
            return all(reader.candles[each]["quality"] == "gap" for each in around)

        read_until(reader, marked)


def test_minutes_that_lack_trades_are_not_compared(app: Served, exchange: SimulatedExchange) -> None:
    """A known gap is marked as such and not compared."""
    with app.socket(**query(exchange, "binance")) as socket:
        reader = CandleReader(socket)
        read_until(reader, lambda: len(with_verdict(reader, True)) >= 1)
        exchange.faults.drop(5, STREAMS["binance"])
        read_until(reader, lambda: len(exchange.faults.dropped) == 5)
        newest = max(reader.candles)
        read_until(reader, lambda: [ts for ts in with_verdict(reader, True) if ts > newest])
        gaps = [each for each in reader.candles.values() if each["quality"] == "gap"]
        assert all(each["verified"] is None for each in gaps)
        assert with_verdict(reader, False) == []


@pytest.mark.parametrize(("venue", "status", "retry_after"), [("binance", 429, 1), ("bybit", 503, None)])
def test_rejected_klines_delay_verdicts_and_cause_no_wrong_one(
    app: Served, exchange: SimulatedExchange, venue: str, status: int, retry_after: int | None
) -> None:
    """Trades continue, verdicts stay open, and all of them follow once klines are served again."""
    exchange.faults.http(status, retry_after, n=-1, path=PATHS[venue])
    with app.socket(**query(exchange, venue)) as socket:
        reader = CandleReader(socket)
        read_until(reader, lambda: len(set(reader.finals)) >= 3)
        read_until(reader, lambda: exchange.faults.counts.get("http", 0) >= 2)
        assert with_verdict(reader, True) == with_verdict(reader, False) == []
        assert str(status) in klines(app, venue)["detail"]
        assert reader.states[-1] == "live"
        exchange.faults.clear("http")
        read_until(reader, lambda: len(with_verdict(reader, True)) >= 3, 30)
        assert with_verdict(reader, False) == []
        assert app.health(venue)["gaps"] == 0


def oracle_rows(path: Path) -> list[list[object]]:
    """Rows of a venue's kline file as its REST sends them."""
    numbers = (0, 6, 8)  # open and close time, count
    with path.open() as lines:
        return [
            [int(text) if column in numbers else text for column, text in enumerate(row)]
            for row in csv.reader(lines)
        ]


HFT = "hftbacktest/usdm/"
TRX = "danlasota-trxusdt/test_positive_binance_trade_stream_usd_m_futures_trxusdt_04-03-2025.csv"


@pytest.mark.parametrize("oracle", [True, False], ids=["oracle", "own-klines"])
@pytest.mark.parametrize(
    ("recording", "rows", "symbol", "whole"),
    [
        (HFT + "btcusdt_20240808.gz", "BTCUSDT-1m-2024-08", "BTCUSDT", slice(1, 6)),
        (HFT + "btcusdt_20230405.dat.gz", "BTCUSDT-1m-2023-04", "BTCUSDT", slice(0, 6)),
        (TRX, "TRXUSDT-1m-2025-03", "TRXUSDT", slice(0, 16)),
    ],
    ids=["BTCUSDT-2024-08", "BTCUSDT-2023-04", "TRXUSDT-2025-03"],
)
def test_every_oracle_minute_comes_out_verified(
    recorded_data: Path,
    serve: Callable[..., Served],
    recording: str,
    rows: str,
    symbol: str,
    whole: slice,
    oracle: bool,
) -> None:
    """Against the venue's published klines of that day, and against those of the market that serves it."""
    with SimulatedExchange(RecordedMarket([recorded_data / recording], speed=0)) as exchange:
        if oracle:
            published = oracle_rows(recorded_data / "isda-klines" / f"{rows}.excerpt.csv")

            def answer(request: Request) -> tuple[object, int]:
                first, last = request.integer("startTime"), request.integer("endTime")
                return [row for row in published if (first or 0) <= row[0] <= (last or 0)], 1

            exchange._engine.binance_rest._routes[PATHS["binance"]] = answer
        # No history: the recording's market claims to have none before its first trade, and its first
        # minute is cut.
        served = serve(**venues_at(exchange), verify_interval_s=0.5, backfill_minutes=0)
        asked = {"exchange": "binance", "symbol": symbol, "step": tick(exchange, symbol), "lookback": 500}
        with served.socket(**asked, emit_ms=50) as socket:
            reader = CandleReader(socket)
            expected = len(whole_tape(recorded_data / recording))
            wait_until(lambda: served.health("binance")["trades"] >= expected, 40)

            def verdicts() -> list[object]:
                return [reader.candles[ts]["verified"] for ts in sorted(reader.candles)[whole]]

            read_until(reader, lambda: verdicts() == [True] * (whole.stop - whole.start))
            assert not [ts for ts, each in reader.candles.items() if each["verified"] is False]


@pytest.mark.parametrize(
    ("symbol", "opens_elsewhere"), [("BTCUSDT", False), ("ETHUSDT", True), ("SOLUSDT", True)]
)
def test_a_captured_kline_of_bybit_equals_the_captured_trades(
    recorded_data: Path, serve: Callable[..., Served], symbol: str, opens_elsewhere: bool
) -> None:
    """The live venue opens a kline at the close before it; by its rule the captured minute is true."""
    with SimulatedExchange(RecordedMarket([recorded_data / CAPTURE], speed=0)) as exchange:
        served = serve(**venues_at(exchange), verify_interval_s=0)
        asked = {"exchange": "bybit", "symbol": symbol, "step": tick(exchange, symbol), "emit_ms": 50}
        with served.socket(**asked) as socket:
            reader = CandleReader(socket)
            expected = len(whole_tape(recorded_data / CAPTURE, symbol))
            wait_until(lambda: served.health("bybit")["trades"] >= expected, 20)
            reader.drain()
            stream = stream_of(served, "bybit", symbol)
        row = bybit_kline(recorded_data / CAPTURE, symbol)
        theirs = captured(row, stream.instrument)
        (counted,) = stream.series.minutes(theirs.open_ts, theirs.open_ts + 1)
        assert stream.series.quality(counted) in (Quality.COMPLETE, Quality.PARTIAL)
    assert (theirs.open != counted.kline().open) is opens_elsewhere
    assert kline_difference(counted.kline(), theirs) is None


def captured(row: dict[str, Any], instrument: Instrument) -> Kline:
    """A kline topic's row in the form of the REST body."""
    columns = [str(row["start"]), *(row[name] for name in ("open", "high", "low", "close", "volume"))]
    body = {"retCode": 0, "result": {"symbol": instrument.symbol, "list": [[*columns, row["turnover"]]]}}
    (kline,) = parse_klines(orjson.dumps(body), instrument)
    return kline
