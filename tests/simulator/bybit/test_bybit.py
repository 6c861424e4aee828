"""The simulated Bybit keeps the venue's own manners, on a real socket and over REST."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from uuid import UUID

import pytest

from orderflow_dash.simulator import SyntheticMarket
from orderflow_dash.simulator.bybit.frames import public_trades
from orderflow_dash.simulator.bybit.protocol import BybitSession
from orderflow_dash.simulator.bybit.rest import BybitRest
from orderflow_dash.simulator.market.source import BybitTrade
from orderflow_dash.simulator.rest import Request

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000
TRADE_FIELDS = {"T", "s", "S", "v", "p", "L", "i", "BT", "RPI", "seq"}


def test_public_trades_come_in_batches_in_order_with_unique_ids(running, joined):
    """A message holds the new trades of one symbol in time order; every id is a new uuid."""
    client = joined(running().bybit_ws)
    client.send(op="subscribe", req_id="1", args=["publicTrade.BTCUSDT"])
    rows, sizes = [], []
    while len(rows) < 200:
        frame = client.receive()
        if frame.get("topic") == "publicTrade.BTCUSDT":
            assert frame["type"] == "snapshot"
            assert frame["ts"] >= frame["data"][-1]["T"]
            sizes.append(len(frame["data"]))
            rows += frame["data"]
    assert max(sizes) > 1
    assert all(set(row) == TRADE_FIELDS for row in rows)
    assert {row["S"] for row in rows} == {"Buy", "Sell"}
    assert len({str(UUID(row["i"])) for row in rows}) == len(rows)
    assert [(r["T"], r["seq"]) for r in rows] == sorted((r["T"], r["seq"]) for r in rows)
    assert all(Decimal(row["p"]) % Decimal("0.1") == 0 for row in rows if not row["BT"])


def test_more_than_1024_trades_are_split_over_messages():
    """No message holds more than 1024 trades, and none is lost."""
    trades = [BybitTrade(str(i), 7, 1000 + i, "1", "1", False, False, False) for i in range(2500)]
    messages = list(public_trades("BTCUSDT", trades, 5000))
    assert [n for _, n in messages] == [1024, 1024, 452]
    assert [row["i"] for m, _ in messages for row in json.loads(m)["data"]] == [t.id for t in trades]


def test_subscribe_is_acked_with_the_request_id(running, joined):
    """The tickers snapshot precedes the ack; then partial deltas follow."""
    client = joined(running().bybit_ws)
    client.send(op="subscribe", req_id="abc", args=["tickers.BTCUSDT", "publicTrade.BTCUSDT"])
    first, second = client.receive(), client.receive()
    assert first["topic"] == "tickers.BTCUSDT"
    assert first["type"] == "snapshot"
    assert second["success"] is True
    assert (second["req_id"], second["op"], second["ret_msg"]) == ("abc", "subscribe", "")
    delta = client.until(lambda f: f.get("topic") == "tickers.BTCUSDT")
    assert delta["type"] == "delta"
    assert delta["data"]["symbol"] == "BTCUSDT"
    assert len(delta["data"]) < len(first["data"])
    assert Decimal(first["data"]["openInterest"]) == 2 * Decimal(first["data"]["singleOpenInterest"])


def test_one_unknown_topic_rejects_the_whole_batch(running, joined):
    """Nothing of the batch is subscribed, pings are still answered, and nothing comes."""
    exchange = running()
    client = joined(exchange.bybit_ws)
    reply = client.ask(op="subscribe", req_id="x", args=["publicTrade.BTCUSDT", "publicTrade.NOTASYMBOL"])
    assert reply["success"] is False
    assert reply["ret_msg"] == "error:handler not found,topic:publicTrade.NOTASYMBOL"
    assert exchange.connections[0].subscriptions == ()
    pong = client.ask(op="ping", req_id="9")
    assert (pong["success"], pong["ret_msg"], pong["op"], pong["req_id"]) == (True, "pong", "ping", "9")
    assert client.silent()


def test_unsubscribing_ends_a_topic(running, joined):
    """After the ack of an unsubscribe no data of the topic comes."""
    client = joined(running().bybit_ws)
    client.ask(op="subscribe", args=["publicTrade.BTCUSDT"])
    assert client.ask(op="unsubscribe", args=["publicTrade.BTCUSDT"])["success"]
    assert client.silent()


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"op":"dance"}', '{"op":"subscribe"}', '{"op":"subscribe","args":[1]}']
)
def test_malformed_operations_are_answered_without_success(text):
    """An invalid operation is rejected and subscribes to nothing."""
    session = BybitSession("c", lambda _: True)
    assert json.loads(session.receive(text))["success"] is False
    assert not session.topics


def test_a_second_subscription_and_too_long_args_are_refused():
    """A topic is subscribed once, and all args together stay within 21,000 characters."""
    session = BybitSession("c", lambda _: True)
    assert json.loads(session.receive('{"op":"subscribe","args":["publicTrade.A"]}'))["success"]
    assert not json.loads(session.receive('{"op":"subscribe","args":["publicTrade.A"]}'))["success"]
    long = json.dumps({"op": "subscribe", "args": [f"publicTrade.{i:030d}" for i in range(600)]})
    assert not json.loads(session.receive(long))["success"]


def test_kline_messages_confirm_a_finished_minute(running, joined):
    """kline.1 sends each minute, finally with confirm."""
    client = joined(running(SyntheticMarket(7, 120.0, START_MS)).bybit_ws)
    client.send(op="subscribe", args=["kline.1.BTCUSDT"])
    frame = client.until(lambda f: f.get("topic") == "kline.1.BTCUSDT" and f["data"][0]["confirm"])
    row = frame["data"][0]
    assert row["end"] - row["start"] == 59_999
    assert Decimal(row["low"]) <= Decimal(row["close"]) <= Decimal(row["high"])


@pytest.fixture(scope="module")
def market():
    market = SyntheticMarket(13, 1.0, START_MS, history_ms=15 * 60_000)
    market.advance(START_MS)
    return market


@pytest.fixture
def ask(market):
    rest = BybitRest(market)

    def call(target):
        reply = rest.answer(Request.parse(target))
        assert reply.status == 200
        body = json.loads(reply.body)
        assert set(body) == {"retCode", "retMsg", "result", "retExtInfo", "time"}
        return body

    return call


def test_instruments_are_paged_and_hold_rows_to_leave_out(ask, market):
    """Pages by cursor join to the whole list of what trades; a dated contract is in it."""
    rows, cursor, pages = [], "", 0
    while pages == 0 or cursor:
        result = ask(f"/v5/market/instruments-info?category=linear&limit=4&cursor={cursor}")["result"]
        rows += result["list"]
        cursor, pages = result["nextPageCursor"], pages + 1
    assert pages > 3
    assert {row["symbol"] for row in rows} > {x.symbol for x in market.listings}
    assert len(rows) == len({row["symbol"] for row in rows})
    assert {row["contractType"] for row in rows} == {"LinearPerpetual", "LinearFutures"}
    assert {row["status"] for row in rows} == {"Trading"}
    assert ask("/v5/market/instruments-info?category=linear&status=Trading")["result"]["list"] == rows


def test_a_dated_contract_has_its_delivery(ask, market):
    """Its deliveryTime is to come and in its name; a perpetual has none."""
    rows = ask("/v5/market/instruments-info?category=linear&baseCoin=BTC")["result"]["list"]
    assert (rows[0]["symbol"], rows[0]["deliveryTime"]) == ("BTCUSDT", "0")
    delivery = datetime.fromtimestamp(int(rows[1]["deliveryTime"]) / 1000, UTC)
    assert delivery.timestamp() * 1000 > market.now()
    assert (delivery.weekday(), delivery.hour) == (4, 8)
    assert rows[1]["symbol"] == f"BTCUSDT-{delivery:%d%b%y}".upper()


@pytest.mark.parametrize(
    ("query", "symbols"),
    [
        ("category=linear&baseCoin=ETH", ["ETHUSDT"]),
        ("category=linear&status=PreLaunch", ["SOONUSDT"]),
        ("category=linear&symbol=SOONUSDT", ["SOONUSDT"]),
        ("category=linear&baseCoin=NOPE", []),
        ("category=spot", []),
        ("category=inverse", []),
        ("category=option&baseCoin=BTC", []),
    ],
)
def test_instruments_are_filtered(ask, query, symbols):
    """Coin, status, symbol and category each narrow the list, down to an empty one."""
    rows = ask("/v5/market/instruments-info?" + query)["result"]["list"]
    assert [row["symbol"] for row in rows] == symbols


def test_a_contract_before_its_launch_is_marked(ask):
    """The row is pre-listing and names the auction phase."""
    (row,) = ask("/v5/market/instruments-info?category=linear&status=PreLaunch")["result"]["list"]
    assert row["isPreListing"] is True
    assert row["preListingInfo"]["curAuctionPhase"] == "NotStarted"


def test_recent_trades_are_the_newest_first(ask, market):
    """recent-trade returns up to the limit, newest first, with the ids of the stream."""
    rows = ask("/v5/market/recent-trade?category=linear&symbol=BTCUSDT&limit=1000")["result"]["list"]
    assert len(rows) == 1000
    times = [int(row["time"]) for row in rows]
    assert times == sorted(times, reverse=True)
    listing = market.find("BTCUSDT")
    newest = market.bybit_trades(listing, market.tape(listing).at(-1))[-1]
    assert rows[0]["execId"] == newest.id


def test_klines_are_newest_first_and_agree_with_the_tape(ask, market):
    """Seven columns, newest first, volume as traded."""
    rows = ask("/v5/market/kline?category=linear&symbol=ETHUSDT&interval=5&limit=2")["result"]["list"]
    assert int(rows[0][0]) - int(rows[1][0]) == 300_000
    listing = market.find("ETHUSDT")
    trades = market.tape(listing).prints(0, 10**6)
    mine = [t for t in trades if 0 <= t.time - int(rows[1][0]) < 300_000]
    assert Decimal(rows[1][5]) == sum(abs(t.quantity) for t in mine) * listing.quantity.value


def test_klines_from_a_start_alone_go_on_from_there(ask):
    """Without an end the rows are the first ones from the start; with one the last ones before it."""
    address = "/v5/market/kline?category=linear&symbol=ETHUSDT&interval=1&limit=2"
    rows = ask("/v5/market/kline?category=linear&symbol=ETHUSDT&interval=1")["result"]["list"]
    starts = [int(row[0]) for row in rows][::-1]

    def found(query):
        return [int(row[0]) for row in ask(address + query)["result"]["list"]]

    assert found(f"&start={starts[3]}") == [starts[4], starts[3]]
    assert found(f"&start={starts[3]}&end={starts[8]}") == [starts[8], starts[7]]
    assert found(f"&end={starts[8]}") == [starts[8], starts[7]]
    assert ask(address.replace("category=linear&", ""))["retCode"] == 0


@pytest.mark.parametrize(
    "query",
    [
        "recent-trade?category=spot&symbol=BTCUSDT",
        "recent-trade?category=linear&symbol=NOPE",
        "recent-trade?category=linear&symbol=BTCUSDT&limit=1001",
        "kline?category=linear&symbol=BTCUSDT&interval=7",
        "kline?category=spot&symbol=BTCUSDT&interval=1",
        "kline?category=nonsense&symbol=BTCUSDT&interval=1",
        "funding/history?category=linear&symbol=BTCUSDT&startTime=1",
        "open-interest?category=linear&symbol=BTCUSDT&intervalTime=2min",
        "account-ratio?category=linear&symbol=BTCUSDT&period=1m",
        "instruments-info?symbol=BTCUSDT",
        "instruments-info?category=linear&cursor=abc",
    ],
)
def test_a_refusal_is_a_return_code(ask, query):
    """What cannot be answered has HTTP 200 and a retCode other than 0."""
    assert ask("/v5/market/" + query)["retCode"] == 10001


def test_statistics_have_the_names_of_the_stream(ask, market):
    """tickers and open-interest hold every symbol; the time is the market's."""
    rows = ask("/v5/market/tickers?category=linear")["result"]["list"]
    assert {row["symbol"] for row in rows} == {x.symbol for x in market.listings}
    result = ask("/v5/market/open-interest?category=linear&symbol=BTCUSDT&intervalTime=5min")["result"]
    assert Decimal(result["list"][0]["openInterest"]) == Decimal(rows[0]["openInterest"])
    assert int(ask("/v5/market/time")["result"]["timeSecond"]) == market.now() // 1000
