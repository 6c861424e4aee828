"""Figures beside the trades, now and of the past, agree with each other and with what was traded."""

import json
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from orderflow_dash.simulator import RecordedMarket, SyntheticMarket
from orderflow_dash.simulator.binance.rest import BinanceRest
from orderflow_dash.simulator.bybit.rest import BybitRest
from orderflow_dash.simulator.market.delivery import next_delivery
from orderflow_dash.simulator.rest import Request

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000
MINUTE, HOUR = 60_000, 3_600_000


@pytest.fixture(scope="module")
def market():
    market = SyntheticMarket(23, 1.0, START_MS, history_ms=36 * MINUTE)
    market.advance(START_MS)
    return market


@pytest.fixture(scope="module")
def binance(market):
    rest = BinanceRest(market)

    def ask(target, **headers):
        return json.loads(rest.answer(Request.parse(target, headers), 0.0).body)

    return ask


@pytest.fixture(scope="module")
def bybit(market):
    rest = BybitRest(market)
    return lambda target: json.loads(rest.answer(Request.parse("/v5/market/" + target)).body)["result"]


def test_trades_are_the_fills_of_the_aggregates(binance):
    """Fills and aggregates hold the same volume, match by match; off-book trades are left out."""
    (last,) = binance("/fapi/v1/aggTrades?symbol=BTCUSDT&limit=1")
    rows = binance("/fapi/v1/trades?symbol=BTCUSDT&limit=1000")
    mine = [row for row in rows if last["f"] <= row["id"] <= last["l"]]
    assert sum(Decimal(row["qty"]) for row in mine) == Decimal(last["q"])
    assert all(Decimal(row["price"]) * Decimal(row["qty"]) == Decimal(row["quoteQty"]) for row in rows)
    assert {type(row["isRPITrade"]) for row in rows} == {bool}
    assert 1000 <= rows[-1]["id"] - rows[0]["id"] + 1 <= 1020


def test_old_trades_need_a_key_and_page_by_id(binance):
    """historicalTrades goes on from an id, inclusive."""
    assert binance("/fapi/v1/historicalTrades?symbol=BTCUSDT")["code"] == -2014
    rows = binance("/fapi/v1/trades?symbol=BTCUSDT&limit=1000")
    address = f"/fapi/v1/historicalTrades?symbol=BTCUSDT&limit=300&fromId={rows[100]['id']}"
    assert binance(address, **{"X-MBX-APIKEY": "any"}) == rows[100:400]


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_price_tickers(binance, market, version):
    """One symbol is an object, all are a list; the price is the last one paid."""
    listing = market.find("BTCUSDT")
    row = binance(f"/fapi/{version}/ticker/price?symbol=BTCUSDT")
    newest = market.tape(listing).at(-1)
    assert row == {"symbol": "BTCUSDT", "price": listing.price.text(newest.price), "time": newest.time}
    assert len(binance(f"/fapi/{version}/ticker/price")) == len(market.listings)


def test_fundings_are_eight_hours_apart_on_both_venues(binance, bybit):
    """The newest paid ones, ascending at Binance and descending at Bybit, with the same rates."""
    rows = binance("/fapi/v1/fundingRate?symbol=ETHUSDT&limit=5")
    times = [row["fundingTime"] for row in rows]
    assert times == list(range(times[0], times[0] + 5 * 8 * HOUR, 8 * HOUR))
    assert START_MS - 8 * HOUR < times[-1] <= START_MS
    theirs = bybit("funding/history?category=linear&symbol=ETHUSDT&limit=5")["list"]
    mine = [(int(row["fundingRateTimestamp"]), row["fundingRate"]) for row in theirs]
    assert mine == [(row["fundingTime"], row["fundingRate"]) for row in rows[::-1]]


def test_fundings_start_at_the_requested_time(binance):
    """startTime gives the oldest from there; without a symbol it gives all."""
    start = START_MS - 50 * 8 * HOUR
    rows = binance(f"/fapi/v1/fundingRate?symbol=ETHUSDT&startTime={start}&limit=2")
    assert [0 <= row["fundingTime"] - start < 16 * HOUR for row in rows] == [True, True]
    assert len({row["symbol"] for row in binance("/fapi/v1/fundingRate?limit=1000")}) == 15


@pytest.mark.parametrize("interval", ["1m", "1h"])
def test_mark_candles_follow_the_traded_ones(binance, interval):
    """Mark and index prices stay within a per mille of the traded ones, minute by minute."""
    traded = binance(f"/fapi/v1/klines?symbol=BTCUSDT&interval={interval}&limit=20")
    for path in ("markPriceKlines?symbol", "indexPriceKlines?pair"):
        rows = binance(f"/fapi/v1/{path}=BTCUSDT&interval={interval}&limit=20")
        assert [(row[0], row[6]) for row in rows] == [(row[0], row[6]) for row in traded]
        for row, other in zip(rows, traded, strict=True):
            assert len(row) == 12
            for column in range(1, 5):
                assert abs(Decimal(row[column]) / Decimal(other[column]) - 1) < Decimal("0.001")


def test_bybit_mark_candles_have_five_columns(bybit, binance):
    """mark-price-kline has no volume, and Binance's prices."""
    rows = bybit("mark-price-kline?category=linear&symbol=BTCUSDT&interval=1&limit=3")["list"]
    theirs = binance("/fapi/v1/markPriceKlines?symbol=BTCUSDT&interval=1m&limit=3")
    assert rows[::-1] == [[str(row[0]), *row[1:5]] for row in theirs]


def test_open_interest_of_the_past_leads_to_the_present(binance, bybit):
    """At the present time the history has the current value; Bybit counts both sides."""
    current = Decimal(binance("/fapi/v1/openInterest?symbol=BTCUSDT")["openInterest"])
    rows = binance("/futures/data/openInterestHist?symbol=BTCUSDT&period=5m&limit=8")
    assert [row["timestamp"] for row in rows] == list(range(START_MS - 35 * MINUTE, START_MS + 1, 5 * MINUTE))
    assert Decimal(rows[-1]["sumOpenInterest"]) == current
    assert len({row["sumOpenInterest"] for row in rows}) > 1
    theirs = bybit("open-interest?category=linear&symbol=BTCUSDT&intervalTime=5min&limit=8")["list"]
    doubled = [2 * Decimal(row["sumOpenInterest"]) for row in rows]
    assert [Decimal(row["openInterest"]) for row in theirs[::-1]] == doubled


def test_taker_volumes_are_those_of_the_candles(binance):
    """takerlongshortRatio splits the volume of each period."""
    rows = binance("/futures/data/takerlongshortRatio?symbol=BTCUSDT&period=15m&limit=2")
    klines = binance("/fapi/v1/klines?symbol=BTCUSDT&interval=15m&limit=2")
    assert [(row["timestamp"], Decimal(row["buyVol"]) + Decimal(row["sellVol"])) for row in rows] == [
        (row[0], Decimal(row[5])) for row in klines
    ]


@pytest.mark.parametrize(
    "name", ["globalLongShortAccountRatio", "topLongShortAccountRatio", "topLongShortPositionRatio"]
)
def test_ratios_of_accounts(binance, name):
    """Long and short share one whole; the rows are a period apart and the same when asked again."""
    address = f"/futures/data/{name}?symbol=BTCUSDT&period=1h&limit=3"
    rows = binance(address)
    assert rows == binance(address)
    for row in rows:
        assert Decimal(row["longAccount"]) + Decimal(row["shortAccount"]) == 1
        ratio = Decimal(row["longAccount"]) / Decimal(row["shortAccount"])
        assert abs(Decimal(row["longShortRatio"]) - ratio) < Decimal("0.0001")
    assert binance(f"/futures/data/{name}?symbol=BTCUSDT&period=1m")["code"] == -1130


def test_the_venues_say_that_they_work(binance, market):
    """System status is normal on Binance, without maintenance on Bybit."""
    assert binance("/sapi/v1/system/status") == {"status": 0, "msg": "normal"}
    reply = BybitRest(market).answer(Request.parse("/v5/system/status"))
    assert json.loads(reply.body)["result"] == {"list": []}


def test_a_dated_binance_contract_has_its_delivery(binance):
    """Its delivery is to come and in its name."""
    rows = binance("/fapi/v1/exchangeInfo")["symbols"]
    (dated,) = [row for row in rows if row["contractType"] == "CURRENT_QUARTER"]
    delivery = next_delivery(START_MS)
    assert dated["deliveryDate"] == delivery.timestamp() * 1000 > START_MS
    assert dated["symbol"] == f"BTCUSDT_{delivery:%y%m%d}"


@pytest.mark.parametrize(
    ("now", "delivery"),
    [
        ("2026-11-30T12:00", "2026-12-25T08:00"),
        ("2026-12-25T07:59", "2026-12-25T08:00"),
        ("2026-12-25T08:00", "2027-03-26T08:00"),
        ("2027-01-01T00:00", "2027-03-26T08:00"),
        ("2024-02-29T00:00", "2024-03-29T08:00"),
    ],
)
def test_deliveries_are_on_the_last_friday_of_a_quarter(now, delivery):
    """At 08:00 UTC, and the next one from then on."""
    time = datetime.fromisoformat(now).replace(tzinfo=UTC)
    assert next_delivery(int(time.timestamp() * 1000)) == datetime.fromisoformat(delivery).replace(tzinfo=UTC)


@pytest.mark.parametrize("traded", [True, False])
def test_every_route_answers_whatever_was_traded(traded):
    """A market without trades, or without listings, has no rows; nothing fails."""
    if traded:
        market = SyntheticMarket(3, 1.0, START_MS)
        market.list_contract("NEWUSDT", "1.0", "0.1", "1")
    else:
        market = RecordedMarket(None)
    market.poll(set())
    binance, bybit = BinanceRest(market), BybitRest(market)
    query = "category=linear&contractType=PERPETUAL&interval={}&period={}&intervalTime={}&pair={}&symbol={}"
    for symbol in ("BTCUSDT", "NEWUSDT", "NOPEUSDT"):
        for path in binance.paths:
            request = Request.parse(f"{path}?{query.format('1h', '1h', '1h', symbol, symbol)}")
            assert binance.answer(request, 0.0).status in (200, 400, 401, 429)
        for path in bybit.paths:
            asked = query.format("60", "1h", "1h", symbol, symbol)
            assert bybit.answer(Request.parse(f"{path}?{asked}")).status == 200
