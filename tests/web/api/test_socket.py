"""``/ws/orderflow`` as its clients see it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from typing import Any

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from orderflow_dash import wire
from orderflow_dash.market import Timeframe, Venue
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.web.query import parse_view_query
from tests.conftest import Served, venues_at, wait_until

QUERY: dict[str, Any] = {"exchange": "binance", "symbol": "BTCUSDT", "step": "0.5", "emit_ms": 50}


@pytest.fixture
def exchange() -> Iterator[SimulatedExchange]:
    """A market forty times as fast as life."""
    with SimulatedExchange(SyntheticMarket(seed=3, speed=40)) as running:
        yield running


@pytest.fixture
def app(exchange: SimulatedExchange, serve: Callable[..., Served]) -> Served:
    """The app on that market, with its venue answering."""
    served = serve(**venues_at(exchange))
    wait_until(lambda: httpx.get(f"{served.url}/ready", trust_env=False).status_code == 200)
    return served


@pytest.fixture(scope="module")
def asked() -> Iterator[Served]:
    """One app for all refusals: they leave nothing behind."""
    with SimulatedExchange(SyntheticMarket(seed=3)) as exchange:
        served = Served(**venues_at(exchange), demo=False)
        wait_until(lambda: httpx.get(f"{served.url}/ready", trust_env=False).status_code == 200)
        yield served
        served.stop()


def refusal(served: Served, **query: object) -> tuple[dict[str, Any], int]:
    """The error that a query gets and the code of the close."""
    with served.socket(**query) as socket:
        return json.loads(socket.recv(timeout=10)), code_of_close(socket)


@pytest.mark.parametrize(
    ("param", "value", "accepted"),
    [
        *(
            ("step", value, "tick")
            for value in ("0", "-1", "nan", "inf", "1e-30", "0.07", "", "0.5 ", "１", "9" * 400)
        ),
        *(("lookback", value, "1 to 500") for value in ("0", "501", "x", "-1", "1.5", "", "٣", "9" * 400)),
        *(("emit_ms", value, "50 to 10000") for value in ("49", "10001", "x", "1e3")),
        *(("tf", value, "1m, 5m, 15m, or 1h") for value in ("2m", "", "1M", "<script>")),
        *(("exchange", value, "binance or bybit") for value in ("okx", "", "BINANCE ", "demo")),
    ],
)
def test_a_bad_parameter_is_named_with_what_is_accepted(
    asked: Served, param: str, value: str, accepted: str
) -> None:
    """The error names the parameter and what is accepted, and the socket closes with 1008."""
    message, code = refusal(asked, **{**QUERY, param: value})
    assert (message["type"], message["code"], message["param"]) == ("error", "bad_parameter", param)
    assert accepted in message["message"]
    assert len(message["message"]) < 300
    assert code == 1008


def test_an_unknown_symbol_is_reported(app: Served) -> None:
    """A symbol that the venue does not list has its own code."""
    message, code = refusal(app, **{**QUERY, "symbol": "NOSUCHUSDT"})
    assert (message["code"], message["param"], code) == ("unknown_symbol", "symbol", 1008)
    assert "NOSUCHUSDT" in message["message"]


def test_a_venue_out_of_reach_is_unavailable(serve: Callable[..., Served]) -> None:
    """Where a venue cannot be reached the error says so and why."""
    message, code = refusal(serve(), **QUERY)
    assert (message["code"], code) == ("unavailable", 1008)
    assert "connection refused" in message["message"]


def test_defaults_are_those_of_the_contract(app: Served) -> None:
    """A bare query is Binance BTCUSDT, one minute, step 0.5, 30 candles, 300 ms."""
    query = parse_view_query({}, app.hub, None)
    assert query.key[:3] == (Venue.BINANCE, "BTCUSDT", Timeframe.M1)
    assert (query.lookback, query.emit_ms) == (30, 300)
    with app.socket() as socket:
        snapshot = json.loads(socket.recv(timeout=5))
    assert (snapshot["exchange"], snapshot["symbol"], snapshot["tf_ms"]) == ("binance", "BTCUSDT", 60_000)
    assert snapshot["step"] == 0.5


def test_messages_have_the_documented_fields_in_order(app: Served) -> None:
    """Snapshot first, then a status and deltas, each with exactly the fields of its wire type."""
    shapes = {"snapshot": wire.SnapshotMessage, "delta": wire.DeltaMessage, "status": wire.StatusMessage}
    kinds = []
    with app.socket(**QUERY) as socket:
        while kinds.count("delta") < 5:
            message = json.loads(socket.recv(timeout=5))
            kinds.append(message["type"])
            assert list(message) == list(shapes[message["type"]].__annotations__)
            if message["type"] == "delta":
                assert list(message["candle"]) == list(wire.CandleMessage.__annotations__)
                assert list(message["candle"]["levels"][0]) == list(wire.LevelMessage.__annotations__)
    assert kinds[0] == "snapshot"
    assert kinds[1] == "status"


def test_all_clients_of_a_view_receive_the_same(app: Served) -> None:
    """Clients side by side, and one that joins later, get the same candles to the letter."""
    with app.socket(**QUERY) as one, app.socket(**QUERY) as two:
        texts: list[dict[tuple[int, int], str]] = [{}, {}, {}]

        def read(socket: Any, into: dict[tuple[int, int], str]) -> None:
            text = str(socket.recv(timeout=5))
            message = json.loads(text)
            if message["type"] == "delta":
                candle = message["candle"]
                into[candle["open_ts"], candle["rev"]] = json.dumps(candle)
            elif message["type"] == "snapshot":
                for candle in message["candles"]:
                    into[candle["open_ts"], candle["rev"]] = json.dumps(candle)

        for _ in range(30):
            read(one, texts[0])
            read(two, texts[1])
        with app.socket(**{**QUERY, "lookback": 500}) as late:
            for _ in range(30):
                read(late, texts[2])
                read(one, texts[0])
                read(two, texts[1])
    for other in (1, 2):
        shared = texts[0].keys() & texts[other].keys()
        assert len(shared) >= 3
        assert all(texts[0][key] == texts[other][key] for key in shared)


def test_a_revision_is_encoded_once_for_all(app: Served) -> None:
    """Twenty clients cost at most one encoding per revision, far fewer than there are messages."""
    query = parse_view_query({key: str(value) for key, value in QUERY.items()}, app.hub, None)
    texts: dict[tuple[int, int], set[str]] = {}
    messages = 0
    with ExitStack() as stack:
        view = stack.enter_context(app.hub.watch(query.key))
        sockets = [stack.enter_context(app.socket(**QUERY)) for _ in range(20)]
        started = time.monotonic()
        while messages < 600:
            for socket in sockets:
                text = str(socket.recv(timeout=5))
                message = json.loads(text)
                if message["type"] == "delta":
                    messages += 1
                    candle = message["candle"]
                    texts.setdefault((candle["open_ts"], candle["rev"]), set()).add(text)
        lasted = time.monotonic() - started
        assert view.encodings <= 2 * lasted / 0.04 + 50  # at most two candles change in one build
        assert view.encodings < messages / 2
    assert all(len(each) == 1 for each in texts.values())


def test_a_stream_ends_after_its_last_watcher(app: Served, exchange: SimulatedExchange) -> None:
    """While one of two clients stays the venue connection stays; after the last it goes."""

    def streams() -> int:
        return sum("btcusdt@aggTrade" in each.subscriptions for each in exchange.connections)

    with app.socket(**QUERY) as one:
        one.recv(timeout=5)
        with app.socket(**QUERY) as two:
            two.recv(timeout=5)
            wait_until(lambda: streams() == 1)
        for _ in range(20):
            one.recv(timeout=5)
        assert streams() == 1
    wait_until(lambda: streams() == 0, 5)
    assert not app.health("binance")["streams"]


def test_a_page_that_is_not_heard_of_is_forgotten(app: Served, exchange: SimulatedExchange) -> None:
    """A lease that is not renewed expires, and its stream ends."""
    query = parse_view_query({key: str(value) for key, value in QUERY.items()}, app.hub, None)
    app.hub.lease("a tab", query.key)
    wait_until(lambda: any("btcusdt@aggTrade" in each.subscriptions for each in exchange.connections))
    wait_until(lambda: not any("btcusdt@aggTrade" in each.subscriptions for each in exchange.connections), 10)
    assert app.hub.health()["leases"] == 0


def test_nothing_is_sent_when_nothing_changed(app: Served, exchange: SimulatedExchange) -> None:
    """While no trade comes no delta goes out."""
    with app.socket(**QUERY) as socket:
        while json.loads(socket.recv(timeout=5))["type"] != "delta":
            pass
        exchange.faults.stall()
        wait_until(lambda: silent(socket), 10)


def silent(socket: ClientConnection) -> bool:
    """Whether a whole second passes without a message."""
    try:
        return not socket.recv(timeout=1)
    except TimeoutError:
        return True


def code_of_close(socket: ClientConnection) -> int:
    """Read on to the end; the code that the server closed with."""
    with suppress(ConnectionClosed):
        while True:
            socket.recv(timeout=5)
    assert socket.close_code is not None
    return socket.close_code


def test_more_clients_than_places_are_refused_and_pages_answer(
    exchange: SimulatedExchange, serve: Callable[..., Served]
) -> None:
    """A client above the limit is asked to retry later; a freed place can be taken again."""
    app = serve(**venues_at(exchange), max_sockets=2, max_sockets_per_client=2)
    with app.socket(**QUERY) as one, app.socket(**QUERY) as two:
        one.recv(timeout=5), two.recv(timeout=5)
        message, code = refusal(app, **QUERY)
        assert (message["code"], code) == ("too_many_clients", 1013)
        assert httpx.get(f"{app.url}/health", trust_env=False).status_code == 200

    def served_again() -> bool:
        with app.socket(**QUERY) as socket:
            return json.loads(socket.recv(timeout=5))["type"] == "snapshot"

    wait_until(served_again)


def test_the_socket_ends_with_the_server(app: Served) -> None:
    """A server that shuts down asks its clients to reconnect (1012), within a second."""
    with app.socket(**QUERY) as socket:
        socket.recv(timeout=5)
        app.hub.stop()
        assert code_of_close(socket) == 1012


def test_what_a_client_says_is_bounded(app: Served) -> None:
    """Small talk is ignored; a message beyond the bound ends the connection (1009)."""
    with app.socket(**QUERY) as socket:
        socket.send("hello")
        for _ in range(3):
            socket.recv(timeout=5)
        socket.send("x" * 5_000)
        assert code_of_close(socket) == 1009


def test_no_compression_is_agreed_on(app: Served) -> None:
    """One string goes to all clients as it is, even to those who offer to inflate it."""
    root = app.url.replace("http", "ws")
    with connect(f"{root}/ws/orderflow?exchange=binance", compression="deflate", proxy=None) as socket:
        assert socket.response is not None
        assert "Sec-WebSocket-Extensions" not in socket.response.headers
        assert json.loads(socket.recv(timeout=5))["type"] == "snapshot"
