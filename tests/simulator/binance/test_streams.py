"""The simulated Binance keeps the venue's own manners, on a real socket."""

import json
import time
from decimal import Decimal

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from orderflow_dash.simulator import SyntheticMarket
from orderflow_dash.simulator.binance.protocol import BinanceSession, StreamRoute, TooManyRequests, address

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000
AGG_FIELDS = ["e", "E", "a", "s", "p", "q", "nq", "f", "l", "T", "m", "st"]


def test_raw_agg_trades_have_every_field_and_contiguous_ids(running, joined):
    """``/market/ws/<s>@aggTrade`` sends raw payloads as the venue does."""
    client = joined(running().ws_root + "/market/ws/btcusdt@aggTrade")
    frames = client.take(60)
    assert all(list(f) == AGG_FIELDS for f in frames)
    assert [f["a"] for f in frames] == list(range(frames[0]["a"], frames[0]["a"] + 60))
    for f in frames:
        assert f["e"] == "aggTrade"
        assert f["s"] == "BTCUSDT"
        assert f["st"] == 1
        assert isinstance(f["m"], bool)
        assert 0 <= f["E"] - f["T"] <= 100
        assert Decimal(f["p"]) % Decimal("0.1") == 0
        assert len(f["p"].partition(".")[2]) == 1
        assert len(f["q"].partition(".")[2]) == 3
        assert Decimal(f["nq"]) <= Decimal(f["q"])


def test_combined_streams_are_wrapped(running, joined):
    """``/market/stream?streams=`` wraps each payload with its stream's name."""
    client = joined(running().ws_root + "/market/stream?streams=btcusdt@aggTrade/ethusdt@aggTrade")
    frames = client.take(40)
    assert {f["stream"] for f in frames} == {"btcusdt@aggTrade", "ethusdt@aggTrade"}
    assert all(f["data"]["s"].lower() + "@aggTrade" == f["stream"] for f in frames)


def test_an_empty_connection_subscribes_and_unsubscribes(running, joined):
    """SUBSCRIBE is acked and delivers, LIST_SUBSCRIPTIONS lists it, UNSUBSCRIBE ends it."""
    exchange = running()
    client = joined(exchange.ws_root + "/market/stream")
    assert client.ask(method="SUBSCRIBE", params=["btcusdt@aggTrade"], id=1) == {"result": None, "id": 1}
    assert client.receive()["stream"] == "btcusdt@aggTrade"
    assert client.ask(method="LIST_SUBSCRIPTIONS", id=3) == {"result": ["btcusdt@aggTrade"], "id": 3}
    assert exchange.connections[0].subscriptions == ("btcusdt@aggTrade",)
    assert client.ask(method="UNSUBSCRIBE", params=["btcusdt@aggTrade"], id=4) == {"result": None, "id": 4}
    assert client.silent()
    assert exchange.connections[0].subscriptions == ()


def test_the_combined_property_can_be_read_and_set(running, joined):
    """GET_PROPERTY is true on /stream and false on /ws, and SET_PROPERTY changes the form of frames."""
    client = joined(running().ws_root + "/market/ws/btcusdt@aggTrade")
    assert client.ask(method="GET_PROPERTY", params=["combined"], id=1) == {"result": False, "id": 1}
    assert client.ask(method="SET_PROPERTY", params=["combined", True], id=2) == {"result": None, "id": 2}
    assert client.until(lambda frame: "stream" in frame)["data"]["e"] == "aggTrade"


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", 3),
        ('{"params":[],"id":1}', 2),
        ('{"method":"DANCE","id":1}', 2),
        ('{"method":"SUBSCRIBE","params":["a@trade"],"id":-1}', 2),
        ('{"method":"SUBSCRIBE","params":["a@trade"],"id":1.5}', 2),
        ('{"method":"SUBSCRIBE","params":["a@trade"],"id":true}', 2),
        ('{"method":"SUBSCRIBE","params":["a@trade"]}', 2),
        ('{"method":"GET_PROPERTY","params":[],"id":1}', 2),
        ('{"method":"GET_PROPERTY","params":["speed"],"id":1}', 0),
        ('{"method":"SET_PROPERTY","params":["combined","yes"],"id":1}', 1),
    ],
)
def test_bad_control_messages_get_the_venues_codes(message, code):
    """Every malformed control message has its own error code, and subscribes nothing."""
    session = BinanceSession(StreamRoute.MARKET, combined=True)
    assert json.loads(session.receive(message, 0.0))["code"] == code
    assert not session.streams


@pytest.mark.parametrize("number", [7, 0, "x", "9f6b2f1e-0000-4000-8000-000000000000"])
@pytest.mark.parametrize("method", ["SUBSCRIBE", "UNSUBSCRIBE"])
def test_an_id_is_an_integer_or_text_and_comes_back(method, number):
    """The reply has the request's own id; the official SDK sends uuids."""
    session = BinanceSession(StreamRoute.MARKET, combined=True)
    message = {"method": method, "params": ["btcusdt@aggTrade"], "id": number}
    assert json.loads(session.receive(json.dumps(message), 0.0)) == {"result": None, "id": number}


def test_more_than_ten_messages_within_a_second_are_too_many():
    """The eleventh message of a second is refused; at eight a second nothing happens."""
    session = BinanceSession(StreamRoute.MARKET, combined=True)
    for i in range(40):
        session.receive('{"method":"LIST_SUBSCRIPTIONS","id":1}', i / 8)
    for _ in range(10):
        session.receive('{"method":"LIST_SUBSCRIPTIONS","id":1}', 9.0)
    with pytest.raises(TooManyRequests):
        session.receive('{"method":"LIST_SUBSCRIPTIONS","id":1}', 9.0)


def test_a_flood_of_messages_is_closed_with_1008(running, joined):
    """A client that sends too fast is disconnected."""
    client = joined(running().ws_root + "/market/ws")

    def flood(client):
        for i in range(30):
            client.send(method="LIST_SUBSCRIPTIONS", id=i)
        while True:
            client.receive()

    with pytest.raises(ConnectionClosed) as closed:
        flood(client)
    assert closed.value.rcvd.code == 1008
    assert "Too many requests" in closed.value.rcvd.reason


SILENT_PATHS = [
    "/public/ws/btcusdt@aggTrade",  # wrong route
    "/market/ws/btcusdt@trade",  # wrong route
    "/ws/btcusdt@aggTrade",  # the retired path
    "/stream?streams=btcusdt@aggTrade/!ticker@arr",
    "/private/ws/btcusdt@aggTrade",
    "/market/ws/nosuchusdt@aggTrade",  # unknown symbol
    "/market/ws/BTCUSDT@aggTrade",  # symbols are lower case
    "/market/ws/btcusdt@nonsense",
]


def test_what_a_route_does_not_deliver_is_acked_and_silent(running, joined):
    """Wrong routes and unknown streams are accepted and send nothing."""
    exchange = running()
    clients = [joined(exchange.ws_root + path) for path in SILENT_PATHS]
    for client in clients:
        client.send(method="SUBSCRIBE", params=["nosuchusdt@aggTrade"], id=5)
        assert client.receive() == {"result": None, "id": 5}
    joined(exchange.ws_root + "/market/ws/btcusdt@aggTrade").take(100)
    assert all(client.silent(0.01) for client in clients)


@pytest.mark.parametrize("path", ["/public/ws/btcusdt@trade", "/ws/btcusdt@trade"])
def test_single_trades_come_on_the_public_and_retired_routes(running, joined, path):
    """``@trade`` frames have contiguous ids and say what kind of match each is."""
    frames = joined(running().ws_root + path).take(80)
    ids = [f["t"] for f in frames]
    assert ids == list(range(ids[0], ids[0] + 80))
    assert {f["X"] for f in frames} <= {"MARKET", "RPI", "INSURANCE_FUND", "ADL", "NA"}
    assert list(frames[0]) == ["e", "E", "T", "s", "t", "p", "q", "X", "m", "st"]


def test_ticker_arrays_hold_changed_and_coin_margined_rows(running, joined):
    """The first array has every symbol, later ones only those that traded; st is the market."""
    market = SyntheticMarket(7, 1.0, START_MS)
    client = joined(running(market).ws_root + "/market/stream?streams=!ticker@arr/!miniTicker@arr")
    frames = client.take(4)
    rows = [f["data"] for f in frames if f["stream"] == "!ticker@arr"]
    assert {row["s"] for row in rows[0] if row["st"] == 1} == {x.symbol for x in market.listings}
    assert any(row["st"] == 2 for row in rows[0])
    assert len([r for r in rows[-1] if r["st"] == 1]) < len(market.listings)
    assert {"c", "P", "q", "v"} <= rows[0][0].keys()
    mini = [f["data"] for f in frames if f["stream"] == "!miniTicker@arr"]
    assert mini[0][0]["e"] == "24hrMiniTicker"


def test_clocked_streams_of_one_symbol_deliver(running, joined):
    """ticker, miniTicker, markPrice and kline streams each send their own event."""
    names = ["ticker", "miniTicker", "markPrice@1s", "kline_1m"]
    streams = "/".join(f"btcusdt@{name}" for name in names) + "/!markPrice@arr@1s"
    client = joined(running().ws_root + "/market/stream?streams=" + streams)
    wanted = {f"btcusdt@{name}" for name in names} | {"!markPrice@arr@1s"}
    end = time.monotonic() + 5
    while wanted and time.monotonic() < end:
        wanted.discard(client.receive()["stream"])
    assert not wanted


def test_a_kline_stream_closes_with_the_sums_of_its_trades(running, joined):
    """The final kline of a minute equals the aggregate trades of that minute that were sent."""
    exchange = running(SyntheticMarket(7, 60.0, START_MS))
    client = joined(exchange.ws_root + "/market/stream?streams=ethusdt@kline_1m/ethusdt@aggTrade")
    trades, closed = [], None
    while closed is None:
        frame = client.receive()["data"]
        if frame["e"] == "aggTrade":
            trades.append(frame)
        elif frame["k"]["x"] and frame["k"]["t"] > START_MS:
            closed = frame["k"]
    mine = [t for t in trades if closed["t"] <= t["T"] <= closed["T"]]
    assert Decimal(closed["v"]) == sum(Decimal(t["q"]) for t in mine)
    assert Decimal(closed["V"]) == sum(Decimal(t["q"]) for t in mine if not t["m"])
    assert Decimal(closed["q"]) == sum(Decimal(t["q"]) * Decimal(t["p"]) for t in mine)
    assert (closed["o"], closed["c"]) == (mine[0]["p"], mine[-1]["p"])


def test_paths_are_read_as_the_venue_reads_them():
    """Routes, raw and combined forms, and paths that are not stream paths."""
    assert address("/market/ws/a@trade/b@trade").streams == ("a@trade", "b@trade")
    assert address("/public/stream?streams=a@trade/b@trade").combined
    assert address("/ws").route is StreamRoute.LEGACY
    assert address("/") is None
    assert address("/market") is None


def test_an_unknown_path_is_not_found(running, joined):
    """A handshake on a path that the venue does not have gets 404."""
    with pytest.raises(InvalidStatus) as refused:
        joined(running().ws_root + "/nothing/here")
    assert refused.value.response.status_code == 404
