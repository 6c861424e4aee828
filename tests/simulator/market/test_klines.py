"""Candles of every interval are the exact sums of smaller ones, over REST and streams of both venues."""

import json
from decimal import Decimal

import pytest

from orderflow_dash.simulator import SyntheticMarket
from orderflow_dash.simulator.binance.rest import BinanceRest
from orderflow_dash.simulator.bybit.rest import BybitRest
from orderflow_dash.simulator.market.intervals import BINANCE_KLINES, BYBIT_KLINES
from orderflow_dash.simulator.market.source import Status
from orderflow_dash.simulator.market.tape import Print, Tape
from orderflow_dash.simulator.rest import Request
from tests.conftest import wait_until

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000
MINUTE, HOUR = 60_000, 3_600_000


@pytest.fixture(scope="module")
def market():
    market = SyntheticMarket(17, 1.0, START_MS, history_ms=62 * MINUTE)
    market.advance(START_MS)
    return market


@pytest.fixture(scope="module")
def binance(market):
    rest = BinanceRest(market)
    return lambda target: json.loads(rest.answer(Request.parse(target), 0.0).body)


@pytest.fixture(scope="module")
def bybit(market):
    rest = BybitRest(market)
    return lambda target: json.loads(rest.answer(Request.parse(target)).body)["result"]["list"]


@pytest.mark.parametrize("interval", [name for name, length in BINANCE_KLINES.items() if length > MINUTE])
def test_binance_candles_are_the_sums_of_smaller_ones(binance, interval):
    """Each column of an interval follows from the minutes, and beyond an hour from the hours."""
    length = BINANCE_KLINES[interval]
    small = "1m" if length < HOUR else "1h"
    address = "/fapi/v1/klines?symbol=ETHUSDT&limit=1500&interval="
    parts = binance(address + small)
    wide = binance(address + interval)
    assert [row[0] for row in wide] == sorted({row[0] - row[0] % length for row in parts})
    for row in wide:
        inside = [part for part in parts if row[0] <= part[0] <= row[6]]
        if length == HOUR and inside[0][0] > row[0]:
            continue  # of this hour the minutes are known in part
        assert (row[1], row[4]) == (inside[0][1], inside[-1][4])
        assert Decimal(row[2]) == max(Decimal(part[2]) for part in inside)
        assert Decimal(row[3]) == min(Decimal(part[3]) for part in inside)
        for column in (5, 7, 8, 9, 10):
            assert Decimal(row[column]) == sum(Decimal(part[column]) for part in inside)


@pytest.mark.parametrize("interval", BYBIT_KLINES)
def test_bybit_candles_are_binances(binance, bybit, interval):
    """Both venues serve the same market, under their own names of an interval."""
    name = next(name for name, length in BINANCE_KLINES.items() if length == BYBIT_KLINES[interval])
    mine = bybit(f"/v5/market/kline?category=linear&symbol=SOLUSDT&limit=1000&interval={interval}")
    theirs = binance(f"/fapi/v1/klines?symbol=SOLUSDT&limit=1000&interval={name}")
    assert [[int(row[0]), *row[1:]] for row in mine[::-1]] == [[*row[:6], row[7]] for row in theirs]


def test_continuous_candles_are_those_of_the_perpetual(binance):
    """continuousKlines asks for a pair; of dated contracts there are none."""
    rows = binance("/fapi/v1/klines?symbol=BTCUSDT&interval=4h")
    address = "/fapi/v1/continuousKlines?pair=BTCUSDT&interval=4h&contractType="
    assert binance(address + "PERPETUAL") == rows
    assert binance(address + "NEXT_QUARTER") == []
    assert binance(address + "FOREVER")["code"] == -1102
    assert binance("/fapi/v1/continuousKlines?pair=NOPE&interval=4h&contractType=PERPETUAL")["code"] == -1121


def test_candles_go_on_where_nothing_is_traded():
    """Up to the current one, by any bounds: the last close, and zero volume."""
    market = SyntheticMarket(17, 1.0, START_MS)
    market.advance(START_MS + MINUTE)
    market.set_status("ETHUSDT", Status.SETTLING)
    market.advance(START_MS + MINUTE)
    market.start_ms = now = START_MS + 10 * MINUTE + 1
    rest = BinanceRest(market)

    def ask(query):
        target = f"/fapi/v1/klines?symbol=ETHUSDT&interval=1m{query}"
        return json.loads(rest.answer(Request.parse(target), 0.0).body)

    rows = ask("")
    close = rows[0][4]
    assert [row[0] for row in rows] == list(range(START_MS, now, MINUTE))
    assert all(row[1:6] == [close, close, close, close, "0.000"] and row[8] == 0 for row in rows[1:])
    assert ask("&limit=3") == rows[-3:]
    assert ask(f"&startTime={START_MS + 4 * MINUTE}&limit=3") == rows[4:7]
    assert ask(f"&startTime={START_MS}&limit=3") == rows[:3]
    assert ask(f"&startTime={START_MS + 8 * MINUTE}") == rows[8:]
    assert ask(f"&endTime={START_MS + 5 * MINUTE}&limit=2") == rows[4:6]
    assert ask(f"&startTime={now}") == []


def test_a_wide_candle_of_forgotten_minutes_is_left_out():
    """Once the oldest minutes are gone, the candle that they belonged to is left out."""
    tape = Tape(1, keep=10_000, keep_minutes=120)
    for minute in range(300):
        tape.append(Print(1 + minute, minute * MINUTE, 100, 1, 1, minute, minute))
    for candle in tape.candles(HOUR, None, None, 100)[:-1]:
        assert candle.volume == 60


def late_in_an_hour():
    """A market half a minute before candles of many lengths close together."""
    return SyntheticMarket(7, 60.0, START_MS - 30_000, history_ms=8 * MINUTE)


def closed_binance(frame):
    return frame["data"]["k"] if frame.get("data", {}).get("k", {}).get("x") else None


@pytest.mark.parametrize(
    ("stream", "event"),
    [
        ("ethusdt@kline_3m", "kline"),
        ("ethusdt@kline_1h", "kline"),
        ("ethusdt_perpetual@continuousKline_5m", "continuous_kline"),
    ],
)
def test_a_binance_stream_closes_each_candle_as_rest_has_it(running, joined, get, stream, event):
    """The last frame of a candle has the columns of REST."""
    exchange = running(late_in_an_hour())
    client = joined(exchange.ws_root + "/market/stream?streams=" + stream)
    frame = client.until(closed_binance, timeout=20)
    k, interval = frame["data"]["k"], stream.rpartition("_")[2]
    assert (frame["data"]["e"], k["i"]) == (event, interval)
    query = f"symbol=ETHUSDT&interval={interval}&startTime={k['t']}&limit=1"
    (row,) = get(f"{exchange.rest_root}/fapi/v1/klines?{query}")[2]
    assert [k[name] for name in "tohlcvTqnVQ"] == row[:11]


def test_a_bybit_stream_closes_each_candle_as_rest_has_it(running, joined, get):
    """confirm comes with the columns of REST."""
    exchange = running(late_in_an_hour())
    client = joined(exchange.bybit_ws)
    client.send(op="subscribe", args=["kline.3.ETHUSDT"])
    frame = client.until(lambda f: f.get("topic") and f["data"][0]["confirm"], timeout=20)
    row = frame["data"][0]
    assert (row["interval"], row["end"] - row["start"]) == ("3", 179_999)
    address = f"{exchange.rest_root}/v5/market/kline?category=linear&symbol=ETHUSDT&interval=3"
    (served,) = get(f"{address}&start={row['start']}&limit=1")[2]["result"]["list"]
    names = ("open", "high", "low", "close", "volume", "turnover")
    assert served == [str(row["start"]), *(row[name] for name in names)]


@pytest.mark.parametrize("symbol", ["ETHUSDT", "YFIUSDT"])
@pytest.mark.parametrize("venue", ["binance", "bybit"])
def test_a_newcomer_gets_the_current_candle_and_none_of_before(running, joined, venue, symbol):
    """Who joins after others left hears of the minute that runs, even where nothing was traded in it."""
    market = SyntheticMarket(7, 60.0, START_MS, history_ms=5 * MINUTE)
    exchange = running(market)

    def first_frame():
        if venue == "binance":
            client = joined(f"{exchange.ws_root}/market/ws/{symbol.lower()}@kline_1m")
            k = client.until(lambda f: f.get("e") == "kline")["k"]
            client.socket.close()
            return k["t"], k["x"]
        client = joined(exchange.bybit_ws)
        client.send(op="subscribe", args=[f"kline.1.{symbol}"])
        row = client.until(lambda f: "topic" in f)["data"][0]
        client.socket.close()
        return row["start"], row["confirm"]

    first_frame()
    left = market.now()
    wait_until(lambda: market.now() > left + 3 * MINUTE)
    before = market.now()
    start, closed = first_frame()
    assert before - before % MINUTE <= start <= market.now()
    assert closed is False
