"""The simulated Binance REST follows the venue's rules and agrees with the streams."""

import json
from decimal import Decimal
from itertools import pairwise

import pytest

from orderflow_dash.simulator import SyntheticMarket
from orderflow_dash.simulator.binance.rest import BinanceRest
from orderflow_dash.simulator.rest import Request

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000
HOUR = 3_600_000


@pytest.fixture(scope="module")
def market():
    market = SyntheticMarket(11, 1.0, START_MS, history_ms=20 * 60_000)
    market.advance(START_MS)
    return market


@pytest.fixture
def ask(market):
    rest = BinanceRest(market)

    def call(target, now=0.0):

        reply = rest.answer(Request.parse(target), now)
        return reply.status, json.loads(reply.body)

    return call


def test_exchange_info_has_filters_and_rows_to_leave_out(ask, market):
    """Tick and lot are in the filters, not in the precisions; dated and settling contracts are listed too."""
    _, body = ask("/fapi/v1/exchangeInfo")
    rows = {row["symbol"]: row for row in body["symbols"]}
    for listing in market.listings:
        filters = {f["filterType"]: f for f in rows[listing.symbol]["filters"]}
        assert Decimal(filters["PRICE_FILTER"]["tickSize"]) == listing.price.value
        assert Decimal(filters["LOT_SIZE"]["stepSize"]) == listing.quantity.value
        assert "MIN_NOTIONAL" in filters
        assert Decimal(10) ** -rows[listing.symbol]["pricePrecision"] != listing.price.value
    assert {"CURRENT_QUARTER"} <= {row["contractType"] for row in rows.values()}
    assert {"SETTLING", "PENDING_TRADING"} <= {row["status"] for row in rows.values()}


def test_agg_trades_page_by_id_without_a_hole(ask, market):
    """``fromId`` is inclusive and pages join."""
    first = market.tape(market.find("SOLUSDT")).first_id
    got, at = [], first
    for _ in range(4):
        _, rows = ask(f"/fapi/v1/aggTrades?symbol=SOLUSDT&fromId={at}&limit=100")
        got += rows
        at = rows[-1]["a"] + 1
    assert [row["a"] for row in got] == list(range(first, first + 400))
    assert set(got[0]) == {"a", "p", "q", "nq", "f", "l", "T", "m"}


def test_agg_trades_by_time_are_inclusive_and_ascending(ask):
    """Times bound the rows on both sides; without any parameter the newest come."""
    _, newest = ask("/fapi/v1/aggTrades?symbol=BTCUSDT")
    assert len(newest) == 500
    start, end = newest[0]["T"], newest[-1]["T"]
    _, rows = ask(f"/fapi/v1/aggTrades?symbol=BTCUSDT&startTime={start}&endTime={end}&limit=1000")
    assert {row["a"] for row in newest} <= {row["a"] for row in rows}
    assert all(start <= row["T"] <= end for row in rows)
    assert [row["a"] for row in rows] == sorted(row["a"] for row in rows)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("", -1102),
        ("symbol=NOPEUSDT", -1121),
        ("symbol=BTCUSDT&fromId=1&startTime=2", -1128),
        (f"symbol=BTCUSDT&startTime=0&endTime={HOUR}", -4166),
        ("symbol=BTCUSDT&startTime=9&endTime=1", -4166),
        ("symbol=BTCUSDT&limit=1001", -1130),
        ("symbol=BTCUSDT&limit=0", -1130),
        ("symbol=BTCUSDT&fromId=abc", -1130),
    ],
)
def test_agg_trades_refuse_what_the_venue_refuses(ask, query, code):
    """Bad parameters are answered with 400 and the venue's code."""
    status, body = ask(f"/fapi/v1/aggTrades?{query}")
    assert (status, body["code"]) == (400, code)


@pytest.mark.parametrize(
    ("interval", "length"),
    [("1m", 60_000), ("3m", 180_000), ("5m", 300_000), ("15m", 900_000), ("30m", 1_800_000), ("1h", HOUR)],
)
def test_klines_are_the_sums_of_the_agg_trades(ask, market, interval, length):
    """Every column of every interval equals what the trades of that time add up to."""
    _, rows = ask(f"/fapi/v1/klines?symbol=XRPUSDT&interval={interval}&limit=1500")
    listing = market.find("XRPUSDT")
    trades = market.tape(listing).prints(0, 10**6)
    assert rows[-1][0] == market.now() - market.now() % length
    # The hours before are invented without trades, and the present candle has none yet.
    rows = [row for row in rows if trades[0].time <= row[6] < market.now()]
    assert rows
    for row in rows:
        mine = [t for t in trades if row[0] <= t.time <= row[6]]
        assert row[6] == row[0] + length - 1
        lots = [abs(t.quantity) for t in mine]
        bought = [t for t in mine if t.quantity > 0]
        unit = listing.price.value * listing.quantity.value
        assert Decimal(row[2]) == max(t.price for t in mine) * listing.price.value
        assert Decimal(row[3]) == min(t.price for t in mine) * listing.price.value
        assert Decimal(row[5]) == sum(lots) * listing.quantity.value
        assert Decimal(row[7]) == sum(t.price * abs(t.quantity) for t in mine) * unit
        assert Decimal(row[9]) == sum(t.quantity for t in bought) * listing.quantity.value
        assert Decimal(row[10]) == sum(t.price * t.quantity for t in bought) * unit


def test_klines_by_time_start_where_asked(ask):
    """startTime gives the oldest rows from there, endTime alone the newest before it."""
    _, every = ask("/fapi/v1/klines?symbol=BTCUSDT&interval=1m&limit=1500")
    start = every[3][0]
    _, some = ask(f"/fapi/v1/klines?symbol=BTCUSDT&interval=1m&startTime={start}&limit=2")
    assert [row[0] for row in some] == [start, start + 60_000]
    _, some = ask(f"/fapi/v1/klines?symbol=BTCUSDT&interval=1m&endTime={start}&limit=2")
    assert [row[0] for row in some] == [start - 60_000, start]
    assert ask("/fapi/v1/klines?symbol=BTCUSDT&interval=7m")[1]["code"] == -1120


def test_statistics_come_for_one_and_for_all(ask, market):
    """Tickers, premium index and open interest have the fields a symbol table needs."""
    _, rows = ask("/fapi/v1/ticker/24hr")
    assert {row["symbol"] for row in rows} == {x.symbol for x in market.listings}
    for row in rows:
        last, opened = Decimal(row["lastPrice"]), Decimal(row["openPrice"])
        assert abs(Decimal(row["priceChangePercent"]) - (last / opened - 1) * 100) < Decimal("0.01")
        assert Decimal(row["lowPrice"]) <= last <= Decimal(row["highPrice"])
    assert ask("/fapi/v1/ticker/24hr?symbol=BTCUSDT")[1]["symbol"] == "BTCUSDT"
    assert len(ask("/fapi/v1/premiumIndex")[1]) == len(market.listings)
    assert Decimal(ask("/fapi/v1/premiumIndex?symbol=BTCUSDT")[1]["lastFundingRate"])
    assert Decimal(ask("/fapi/v1/openInterest?symbol=BTCUSDT")[1]["openInterest"]) > 0


def test_too_much_weight_is_rejected_with_429(running, get):
    """Each reply shows the weight used within the minute; above 2400 it is 429 with Retry-After."""
    root = running().rest_root
    _, headers, _ = get(root + "/fapi/v1/aggTrades?symbol=BTCUSDT")
    assert headers["X-MBX-USED-WEIGHT-1M"] == "20"
    _, headers, _ = get(root + "/fapi/v1/time")
    assert headers["X-MBX-USED-WEIGHT-1M"] == "21"


def test_the_weight_of_a_minute_runs_out_and_comes_back(ask):
    """The 61st aggTrades request within a minute is the last; a minute later it goes on."""
    replies = [ask("/fapi/v1/ticker/24hr", now=5.0)[0] for _ in range(61)]
    assert replies == [200] * 60 + [429]
    assert ask("/fapi/v1/ticker/24hr", now=65.1)[0] == 200


def test_ping_time_and_unknown_paths(running, get):
    """ping is empty, time is the market's, and an unknown path is 404."""
    root = running().rest_root
    assert get(root + "/fapi/v1/ping")[2] == {}
    assert get(root + "/fapi/v1/time")[2]["serverTime"] >= START_MS
    assert get(root + "/fapi/v1/nothing")[0] == 404


def test_hours_before_the_market_agree_with_its_statistics(ask):
    """24 consecutive hours start at the day's open, stay within its high and low, and end at its start."""
    for symbol in ("BTCUSDT", "YFIUSDT", "BABYDOGEUSDT"):
        _, rows = ask(f"/fapi/v1/klines?symbol={symbol}&interval=1h&limit=99")
        _, day = ask(f"/fapi/v1/ticker/24hr?symbol={symbol}")
        starts = [row[0] for row in rows]
        # A day, the hour of the market's history, and the present one.
        assert starts == list(range(starts[0], starts[0] + 26 * HOUR, HOUR))
        yesterday = rows[:24]
        assert yesterday[0][1] == day["openPrice"]
        for row, following in pairwise(yesterday):
            assert row[4] == following[1]
        for row in yesterday:
            opening, high, low, close = map(Decimal, row[1:5])
            assert Decimal(day["lowPrice"]) <= low <= min(opening, close)
            assert max(opening, close) <= high <= Decimal(day["highPrice"])
        _, last = ask(f"/fapi/v1/klines?symbol={symbol}&interval=1h&limit=3")
        assert last == rows[-3:]
        _, some = ask(f"/fapi/v1/klines?symbol={symbol}&interval=1h&startTime={starts[5]}&limit=2")
        assert some == rows[5:7]
