"""The REST client against a real server on loopback."""

from __future__ import annotations

import contextlib
import gc
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from orderflow_dash.feeds import rest
from orderflow_dash.feeds.rest import RestClient, RestError


class Venue(ThreadingHTTPServer):
    """Answers with what the test sets."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.status, self.headers, self.body = 200, {}, b"{}"
        self.paths: list[str] = []
        self.hold = threading.Event()
        self.hold.set()
        self.dribble = ""  # "head" or "body": one byte at a time, for as long as the test runs
        self.ended = threading.Event()

    def handle_error(self, *_: object) -> None:
        """Ignore a client that has gone."""


class _Handler(BaseHTTPRequestHandler):
    server: Venue

    def do_GET(self) -> None:
        self.server.paths.append(self.path)
        self.server.hold.wait(5)
        if self.server.dribble:
            self._dribble()
            return
        self.send_response(self.server.status)
        for name, value in self.server.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(self.server.body)))
        self.end_headers()
        self.wfile.write(self.server.body)

    def _dribble(self) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\n")
        self.wfile.write(b"X-Long: " if self.server.dribble == "head" else b"Content-Length: 9999\r\n\r\n")
        with contextlib.suppress(OSError):
            while not self.server.ended.wait(0.02):
                self.wfile.write(b" ")

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def venue() -> Iterator[Venue]:
    """A server that runs."""
    with Venue() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.hold.set()
        server.ended.set()
        server.shutdown()
        thread.join()


@pytest.fixture
def client(venue: Venue) -> Iterator[Callable[..., RestClient]]:
    """Makes clients of the server."""
    made: list[RestClient] = []

    def make(**options: float) -> RestClient:
        made.append(RestClient(f"http://127.0.0.1:{venue.server_port}", **options))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_a_good_answer_is_its_body(venue, client):
    """Path and parameters go out, the body comes back."""
    venue.body = b'{"x":1}'
    assert client().get("/a", {"symbol": "BTCUSDT", "limit": 5}) == b'{"x":1}'
    assert venue.paths == ["/a?symbol=BTCUSDT&limit=5"]


@pytest.mark.parametrize(
    ("status", "words"),
    [
        (403, "blocked or rate-limited"),
        (418, "banned"),
        (429, "rate-limited"),
        (451, "not available from this location"),
        (503, "HTTP 503"),
        (302, "HTTP 302"),
        (204, "HTTP 204"),
    ],
)
def test_any_status_but_200_raises_its_cause_in_words(venue, client, status, words):
    """The body, HTML or anything else, is not read."""
    venue.status, venue.body = status, b"" if status == 204 else b"<html>Service Unavailable</html>"
    with pytest.raises(RestError, match=words):
        client().get("/a")


@pytest.mark.parametrize("status", [403, 418, 429])
def test_after_a_block_nothing_is_asked_until_the_pause_is_over(venue, client, status, monkeypatch):
    """The venue is left in peace for as long as it says, and asked again after that."""
    clock = [1_000.0]
    monkeypatch.setattr(rest.time, "monotonic", lambda: clock[0])
    venue.status, venue.headers = status, {"Retry-After": "7"}
    asked = client()
    with pytest.raises(RestError):
        asked.get("/a")
    venue.status = 200
    clock[0] += 6.9
    with pytest.raises(RestError, match="paused"):
        asked.get("/a")
    assert len(venue.paths) == 1
    clock[0] += 0.2
    assert asked.get("/a") == b"{}"


@pytest.mark.parametrize(
    ("header", "pause"),
    [
        (None, 60),
        ("", 60),
        ("soon", 60),
        ("-5", 60),
        ("nan", 60),
        ("inf", 60),
        ("1e9", 60),
        ("0", 1),
        ("30", 30),
        ("9" * 30, 3 * 86_400),
    ],
)
def test_a_pause_is_always_finite(venue, client, monkeypatch, header, pause):
    """A strange Retry-After neither hammers the venue nor silences it for ever."""
    clock = [1_000.0]
    monkeypatch.setattr(rest.time, "monotonic", lambda: clock[0])
    venue.status, venue.headers = 429, {} if header is None else {"Retry-After": header}
    asked = client()
    with pytest.raises(RestError):
        asked.get("/a")
    venue.status = 200
    clock[0] += pause - 0.5
    with pytest.raises(RestError, match="paused"):
        asked.get("/a")
    clock[0] += 1
    assert asked.get("/a") == b"{}"


def test_other_failures_pause_nothing(venue, client):
    """A 451 or 503 is asked again when the caller sees fit."""
    asked = client()
    venue.status = 503
    for _ in range(2):
        with pytest.raises(RestError):
            asked.get("/a")
    assert len(venue.paths) == 2


def test_a_silent_server_is_given_up(venue, client):
    """No answer in time is an error with words, not a hang."""
    venue.hold.clear()
    with pytest.raises(RestError, match="no answer in time"):
        client(timeout=0.2).get("/a")


def test_a_server_that_is_not_there():
    """The error has the host and the cause."""
    client = RestClient("http://127.0.0.1:9")
    with pytest.raises(RestError, match=r"127\.0\.0\.1: connection refused"):
        client.get("/a")
    client.close()


def test_an_answer_too_large_is_refused(venue, client, monkeypatch):
    """No venue's list is that long."""
    monkeypatch.setattr(rest, "_LARGEST_BODY", 10)
    venue.body = b"x" * 11
    with pytest.raises(RestError, match="more than 10 bytes"):
        client().get("/a")


def test_a_body_that_was_read_is_gone_without_the_collector(venue, client):
    """A busy venue's answers would pile up until its next full round."""
    made, venue.body = client(), b"x" * 4_000_000
    made.get("/a")
    gc.disable()
    tracemalloc.start()
    try:
        for _ in range(3):
            made.get("/a")
        assert tracemalloc.get_traced_memory()[0] < 1_000_000
    finally:
        tracemalloc.stop()
        gc.enable()


def test_the_used_weight_is_the_last_reported_one(venue, client, monkeypatch):
    """A refusal reports it too; it expires after a minute."""
    made = client()
    assert made.used_weight() == 0
    venue.headers = {"X-MBX-USED-WEIGHT-1M": "1201"}
    made.get("/a")
    assert made.used_weight() == 1201
    venue.status, venue.headers = 503, {"X-MBX-USED-WEIGHT-1M": "1300"}
    with pytest.raises(RestError):
        made.get("/a")
    assert made.used_weight() == 1300
    later = rest.time.monotonic() + 60
    monkeypatch.setattr(rest.time, "monotonic", lambda: later)
    assert made.used_weight() == 0


@pytest.mark.parametrize("part", ["head", "body"])
def test_an_answer_that_dribbles_ends_at_the_deadline(venue, client, part):
    """Bytes keep coming, each well within the read timeout; the whole answer has one deadline."""
    venue.dribble = part
    started = time.monotonic()
    with pytest.raises(RestError, match=r"127\.0\.0\.1: no whole answer within 0\.4 s"):
        client(deadline=0.4).get("/")
    assert time.monotonic() - started < 3


def test_a_request_may_have_a_shorter_deadline(venue, client):
    """The client's own deadline is for the others."""
    venue.dribble = "body"
    with pytest.raises(RestError, match=r"within 0\.3 s"):
        client().get("/", deadline=0.3)


def test_the_deadline_of_a_request_does_not_outlive_it(venue, client):
    """The kept connection serves the next request with a deadline of its own."""
    asks = client(deadline=0.4)
    for _ in range(3):
        assert asks.get("/") == b"{}"
        venue.ended.wait(0.2)


def test_threads_have_deadlines_of_their_own(venue, client):
    """One that waits for a slow answer does not cut another's."""
    asks = client()
    venue.hold.clear()
    slow = threading.Thread(target=asks.get, args=("/slow",))
    slow.start()
    with pytest.raises(RestError, match="no whole answer"):
        asks.get("/quick", deadline=0.2)
    venue.hold.set()
    slow.join(5)
    assert not slow.is_alive()
