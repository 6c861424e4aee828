"""Each fault does what it says, counts it, and ends."""

import itertools
import json
import threading
import time

import pytest
from websockets.exceptions import ConnectionClosed, InvalidMessage, InvalidStatus
from websockets.sync.client import connect

from orderflow_dash.market import Venue
from orderflow_dash.simulator import Faults
from orderflow_dash.simulator.server import garbage

AGG = "/market/ws/btcusdt@aggTrade"


def ids(frames):
    return [frame["a"] for frame in frames]


def steps(numbers):
    return [b - a for a, b in itertools.pairwise(numbers)]


def test_dropped_trades_are_in_rest_but_not_on_the_stream(running, joined, get):
    """Ids of dropped trades are consumed: the stream has a hole that REST fills."""
    exchange = running()
    client = joined(exchange.ws_root + AGG)
    before = client.take(3)
    exchange.faults.drop(5, "btcusdt@aggTrade")
    got = ids(before + client.take(200))
    assert sum(steps(got)) - len(got) + 1 == 5
    dropped = [number for _, number in exchange.faults.dropped]
    assert exchange.faults.counts["drop"] == 5
    _, _, rows = get(f"{exchange.rest_root}/fapi/v1/aggTrades?symbol=BTCUSDT&fromId={dropped[0]}&limit=1000")
    assert set(dropped) <= {row["a"] for row in rows}


def test_repeated_trades_come_twice(running, joined):
    """A repeat sends the same message again and loses none."""
    exchange = running()
    exchange.faults.repeat(4, "btcusdt@aggTrade")
    got = ids(joined(exchange.ws_root + AGG).take(30))
    assert steps(got).count(0) == 4
    assert max(steps(got)) == 1
    assert exchange.faults.counts["repeat"] == 4


def test_reordered_messages_swap_with_their_neighbor(running, joined):
    """A swap puts a message behind the next one; nothing is lost or doubled."""
    exchange = running()
    exchange.faults.reorder(3, "btcusdt@aggTrade")
    got = ids(joined(exchange.ws_root + AGG).take(30))
    assert sorted(got) == list(range(min(got), min(got) + 30))
    assert steps(got).count(-1) == 3
    assert exchange.faults.counts["reorder"] == 3


def test_delayed_messages_come_later_and_in_order(running, joined):
    """A delay holds messages back, and what follows stays behind them."""
    exchange = running()
    client = joined(exchange.ws_root + AGG)
    client.take(2)
    exchange.faults.delay(1, 400, "btcusdt@aggTrade")
    gaps, got, at = [], [], time.monotonic()
    for frame in (client.receive() for _ in range(60)):
        gaps.append(time.monotonic() - at)
        at = time.monotonic()
        got.append(frame["a"])
    assert max(gaps) > 0.3
    assert set(steps(got)) == {1}
    assert exchange.faults.counts["delay"] == 1


def test_a_stall_stops_data_but_not_pongs_nor_replies(running, joined):
    """Stalled streams are silent while pings and control messages are answered; clearing ends it."""
    exchange = running()
    client = joined(exchange.ws_root + AGG)
    client.take(1)
    exchange.faults.stall()
    while not client.silent(0.2):
        pass
    assert client.socket.ping().wait(2)
    client.send(method="LIST_SUBSCRIPTIONS", id=1)
    assert client.receive()["result"] == ["btcusdt@aggTrade"]
    exchange.faults.clear("stall")
    assert client.receive()["e"] == "aggTrade"
    assert exchange.faults.counts["stall"] > 0


@pytest.mark.parametrize("code", [1001, 1012, 1006])
def test_close_ends_the_sockets_of_a_venue(running, joined, code):
    """Every socket of the venue is closed with the code; the other venue's stay."""
    exchange = running()
    binance, bybit = joined(exchange.ws_root + "/market/ws"), joined(exchange.bybit_ws)
    bybit.ask(op="ping")
    exchange.faults.close(Venue.BINANCE, code)
    with pytest.raises(ConnectionClosed) as closed:
        binance.receive()
    assert (closed.value.rcvd.code if closed.value.rcvd else 1006) == code
    assert bybit.ask(op="ping")["ret_msg"] == "pong"
    assert exchange.faults.counts["close"] == 1


def test_refused_handshakes_fail_with_a_status_or_at_once(running, joined):
    """A refusal is an HTTP status, or an ended connection; then connecting works again."""
    exchange = running()
    exchange.faults.refuse(1, 503)
    with pytest.raises(InvalidStatus) as refused:
        joined(exchange.ws_root + AGG)
    assert refused.value.response.status_code == 503
    exchange.faults.refuse(1)
    with pytest.raises((InvalidMessage, ConnectionError, EOFError)):
        joined(exchange.ws_root + AGG)
    assert joined(exchange.ws_root + AGG).receive()["e"] == "aggTrade"
    assert exchange.faults.counts["refuse"] == 2


@pytest.mark.parametrize("venue", ["raw", "combined", "bybit"])
def test_garbage_precedes_good_frames_and_loses_none(running, venue):
    """Every malformed kind is sent once, and the good trades around it are whole."""
    exchange = running()
    paths = {
        "raw": exchange.ws_root + AGG,
        "combined": exchange.ws_root + "/market/stream?streams=btcusdt@aggTrade",
        "bybit": exchange.bybit_ws,
    }
    with connect(paths[venue], compression=None) as socket:
        exchange.faults.garbage()
        if venue == "bybit":
            socket.send(json.dumps({"op": "subscribe", "args": ["publicTrade.BTCUSDT"]}))
        frames = [socket.recv(timeout=5) for _ in range(len(garbage.KINDS) + 12)]
    assert exchange.faults.counts["garbage"] == len(garbage.KINDS)
    assert any(isinstance(frame, bytes) for frame in frames)
    assert "{" in frames
    good = [json.loads(f) for f in frames[-8:]]
    if venue == "bybit":
        assert all(f["topic"] == "publicTrade.BTCUSDT" for f in good)
    else:
        numbers = [f["data"]["a"] if venue == "combined" else f["a"] for f in good]
        assert set(steps(numbers)) == {1}
        odd = [f for f in frames if isinstance(f, str) and '"s":"WRONGUSDT"' in f]
        assert len(odd) == 1
        assert ('"stream"' in odd[0]) == (venue == "combined")


def test_chosen_kinds_of_garbage_are_sent_alone(running, joined):
    """Only the named kinds come, made from the frame that follows."""
    exchange = running()
    client = joined(exchange.ws_root + AGG)
    client.take(1)
    exchange.faults.garbage("btcusdt@aggTrade", ["price-negative"])
    bad = client.until(lambda frame: frame["p"] == "-1.5")
    assert client.receive()["a"] == bad["a"]
    with pytest.raises(KeyError):
        garbage.malformed("no-such-kind", b"{}", bybit=False)


def test_a_topic_is_rejected_until_the_fault_is_used_up(running, joined):
    """Bybit rejects the topic ``n`` times, then accepts it."""
    exchange = running()
    exchange.faults.reject("publicTrade.ETH*", 1)
    client = joined(exchange.bybit_ws)
    bad = client.ask(op="subscribe", args=["publicTrade.BTCUSDT", "publicTrade.ETHUSDT"])
    assert "handler not found" in bad["ret_msg"]
    assert client.ask(op="subscribe", args=["publicTrade.BTCUSDT", "publicTrade.ETHUSDT"])["success"]
    assert exchange.faults.counts["reject"] == 1


@pytest.mark.parametrize(
    ("path", "status", "text"),
    [
        ("/fapi/v1/ping", 429, "-1003"),
        ("/fapi/v1/ping", 418, "banned"),
        ("/fapi/v1/ping", 451, "restricted location"),
        ("/fapi/v1/ping", 503, "<html>"),
        ("/v5/market/time", 403, "access too frequent"),
        ("/v5/market/time", 503, "<html>"),
    ],
)
def test_rest_answers_with_the_status_asked_for(running, get, path, status, text):
    """An HTTP fault has the venue's body and Retry-After, as often as asked."""
    exchange = running()
    exchange.faults.http(status, retry_after=7, n=1, path=path)
    got, headers, body = get(exchange.rest_root + path)
    assert (got, headers["Retry-After"]) == (status, "7")
    assert text in (body.decode() if isinstance(body, bytes) else json.dumps(body))
    assert get(exchange.rest_root + path)[0] == 200
    assert exchange.faults.counts["http"] == 1


def test_server_shutdown_is_announced_in_both_forms(running, joined):
    """Binance connections get serverShutdown, wrapped where they are combined."""
    exchange = running()
    raw, wrapped = joined(exchange.ws_root + "/market/ws"), joined(exchange.ws_root + "/market/stream")
    for client in (raw, wrapped):
        client.ask(method="LIST_SUBSCRIPTIONS", id=1)
    exchange.faults.server_shutdown()
    assert raw.receive()["e"] == "serverShutdown"
    frame = wrapped.receive()
    assert (frame["stream"], frame["data"]["e"]) == ("!serverShutdown", "serverShutdown")
    assert exchange.faults.counts["shutdown"] == 2


def test_clear_forgets_what_still_waits_and_keeps_counts():
    """A cleared fault stops; its count remains."""
    faults = Faults()
    faults.drop(2)
    faults.repeat(2)
    faults.garbage()
    assert faults.take("drop", "x@aggTrade") is not None
    faults.note_dropped("x@aggTrade", 7)
    faults.clear("drop")
    assert faults.take("drop", "x@aggTrade") is None
    assert faults.take("repeat", "x@aggTrade") is not None
    faults.clear()
    assert faults.idle
    assert faults.counts == {"drop": 1}
    assert faults.dropped == [("x@aggTrade", 7)]


def test_a_slow_rest_keeps_no_stream_waiting(running, joined, get):
    """An answer comes so much later, as often as asked, while trades stream on."""
    exchange = running()
    client = joined(exchange.ws_root + AGG)
    client.take(1)
    exchange.faults.slow(400, n=1, path="/fapi/v1/ping")
    answered = threading.Event()
    start = time.monotonic()
    asking = threading.Thread(
        target=lambda: (get(f"{exchange.rest_root}/fapi/v1/ping"), answered.set()), daemon=True
    )
    asking.start()
    client.take(5)
    assert not answered.is_set()
    asking.join(5)
    assert time.monotonic() - start >= 0.4
    assert exchange.faults.counts["slow"] == 1
    assert get(f"{exchange.rest_root}/fapi/v1/ping")[0] == 200
    assert exchange.faults.counts["slow"] == 1
