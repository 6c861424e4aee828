"""gunicorn's worker as the app runs it: what its loop answers itself, and what must never hold the loop."""

from __future__ import annotations

import base64
import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from benchmarks.page_client import PATH, question
from orderflow_dash.access.logins import hash_password
from orderflow_dash.server.worker import PAGE_THREADS
from tests.conftest import wait_until
from tests.server.test_shutdown import AT_MOST_S, SERVE, asked_to_end
from tests.test_commands import Program, running

SOCKETS = 1
BODY = orjson.dumps(question({"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}, "panel"))
SOCKET_KEY = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
AT_ONCE_S = 1.0  # a thread that waits for a client waits for longer
GZIP = "Content-Type: application/json\r\nAccept-Encoding: gzip\r\n"
BEGIN = f"POST /{PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\n{GZIP}".encode()
LENGTH = b"Content-Length: %d\r\n\r\n" % len(BODY)
WRONG = f"Authorization: Basic {base64.b64encode(b'ada:wrong').decode()}\r\n"
RIGHT = f"Authorization: Basic {base64.b64encode(b'ada:secret').decode()}\r\n"


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    """The app with as few threads as it may have."""
    log = tmp_path_factory.mktemp("worker") / "log"
    settings = {"ORDERFLOW_MAX_SOCKETS": str(SOCKETS), "WS_PING_INTERVAL": "5"}
    with running(SERVE, log, **settings) as program:
        wait_until(program.ready, 30)
        yield program


def port(program: Program) -> int:
    """Where it listens."""
    return int(program.url.rpartition(":")[2])


class Page:
    """A page's connection, which is kept; it asks as browsers do, in one piece."""

    def __init__(self, program: Program, headers: str = "", *, small_buffer: bool = False) -> None:
        self.socket = socket.socket()
        self.socket.settimeout(10)
        if small_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        self.socket.connect(("127.0.0.1", port(program)))
        self.head = BEGIN + headers.encode()
        self.told = b""

    def ask(self, body: bytes = BODY) -> HTTPResponse:
        """The answer to a question, with its body read."""
        self.socket.sendall(self.head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        return self.answer()

    def answer(self) -> HTTPResponse:
        """The next answer, with its body read."""
        answer = HTTPResponse(self.socket)
        answer.begin()
        self.told = answer.read()
        return answer

    def close(self) -> None:
        """Gone."""
        self.socket.close()


def seconds_of_a_page(program: Program) -> float:
    """How long somebody else waits for an answer."""
    begun = time.monotonic()
    assert httpx.get(f"{program.url}/health", trust_env=False, timeout=30).status_code == 200
    return time.monotonic() - begun


def half_asked(program: Program, stack: ExitStack) -> None:
    """Take every thread there is, with questions that never end."""
    for _ in range(PAGE_THREADS + SOCKETS):
        client = stack.enter_context(socket.create_connection(("127.0.0.1", port(program))))
        client.sendall(b"GET /health HTTP/1.1\r\n")
    time.sleep(0.1)  # until threads have them: nothing tells from outside


def answered_without_a_thread(program: Program, *pages: Page) -> bool:
    """Whether pages are answered while others hold every thread, with what a thread built just before."""
    time.sleep(0.6)  # what was built before is old
    assert pages[0].ask().status == 200
    waits = []
    with ExitStack() as stack:
        half_asked(program, stack)
        for page in pages:
            page.socket.settimeout(0.2)
            try:
                assert page.ask().status == 200
            except TimeoutError:
                waits.append(page)
    for page in pages:
        page.socket.settimeout(10)
    for page in waits:  # there are threads again
        assert page.answer().status == 200
    return not waits


def test_updates_need_no_thread(program: Program) -> None:
    """What is built for an open page it gets while others hold every thread."""
    with closing(Page(program)) as page:
        for _ in range(3):  # a new connection, a new head, and the loop
            assert page.ask().status == 200
        wait_until(lambda: answered_without_a_thread(program, page), 30)


def test_what_tells_requests_apart_makes_no_other_of_them(program: Program) -> None:
    """Hosts give each an id and a time of their own; the id comes back."""
    with ExitStack() as stack:
        pages = [
            stack.enter_context(closing(Page(program, f"X-Request-ID: mine-{n}\r\nX-Request-Start: {n}\r\n")))
            for n in range(3)
        ]
        for page in pages:  # each has to be known as a connection
            assert page.ask().status == 200
        assert pages[0].ask().status == 200
        wait_until(lambda: answered_without_a_thread(program, *pages), 30)
        for n, page in enumerate(pages):
            assert page.ask().headers["X-Request-ID"] == f"mine-{n}"


def test_what_was_not_let_in_before_is_left_to_a_thread(tmp_path: Path) -> None:
    """The check of a password takes its time: only who is known is answered by the loop."""
    users = {"ORDERFLOW_ACCESS": "basic", "ORDERFLOW_USERS": f"ada:{hash_password('secret')}"}
    with (
        running(SERVE, tmp_path / "log", ORDERFLOW_MAX_SOCKETS=str(SOCKETS), **users) as program,
        ExitStack() as stack,
    ):
        stack.callback(program.kill)
        wait_until(program.ready, 30)
        known, stranger = (stack.enter_context(closing(Page(program, who))) for who in (RIGHT, WRONG))
        for _ in range(3):
            assert known.ask().status == 200
        assert [stranger.ask().status for _ in range(2)] == [401, 401]
        wait_until(lambda: answered_without_a_thread(program, known), 30)
        half_asked(program, stack)
        stranger.socket.settimeout(AT_ONCE_S)
        with pytest.raises(TimeoutError):
            stranger.ask()


def test_a_handshake_or_another_question_with_a_body_harms_nobody(program: Program) -> None:
    """Only what open panels ask is kept back until it is whole: the rest speaks to the socket itself."""
    with closing(Page(program)) as page:
        assert page.ask().status == 200
        page.socket.sendall(
            b"GET /assets/js/theme.js HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 1\r\n\r\nx"
        )
        assert page.answer().status == 200
        for target in ("ws?exchange=demo", PATH):
            page.socket.sendall(
                f"POST /{target} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                f"{SOCKET_KEY}Content-Length: 1\r\n\r\nx".encode()
            )
            assert page.answer().status
    with closing(Page(program)) as page:
        assert page.ask().status == 200
        page.socket.sendall(
            f"GET /ws?exchange=demo HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: Upgrade\r\n"
            f"Upgrade: websocket\r\n{SOCKET_KEY}Content-Length: 1\r\n\r\nx".encode()
        )
        assert page.socket.recv(12).startswith(b"HTTP/1.1 ")
    assert seconds_of_a_page(program) < AT_ONCE_S


@pytest.mark.parametrize(
    "pieces",
    [
        (LENGTH, BODY),
        (b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY), BODY + b"\r\n0\r\n\r\n"),
        (b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY[:20]), BODY[20:]),
        (b"Content-", b"Length: %d\r\n\r\n%b" % (len(BODY), BODY)),
    ],
)
def test_a_question_in_pieces_is_waited_for_by_a_thread(
    program: Program, pieces: tuple[bytes, bytes]
) -> None:
    """Nobody else waits for the rest of it, and it comes to its answer."""
    with closing(Page(program)) as page:
        for _ in range(3):
            assert page.ask().status == 200
        page.socket.sendall(page.head + pieces[0])
        time.sleep(0.2)  # until a thread waits for the rest
        assert seconds_of_a_page(program) < AT_ONCE_S
        page.socket.sendall(pieces[1])
        assert page.answer().status == 200
        assert "figure" in panel_in(page)["content"]


def panel_in(page: Page) -> dict[str, Any]:
    """What a page was told."""
    (panel,) = orjson.loads(gzip.decompress(page.told))
    return panel


def test_two_questions_at_once_are_both_answered(program: Program) -> None:
    """What came with the first one is not forgotten."""
    with closing(Page(program)) as page:
        assert [page.ask().status for _ in range(3)] == [200] * 3
        page.socket.sendall(2 * (page.head + LENGTH + BODY))
        told = b""
        while told.count(b"HTTP/1.1 200 OK") < 2:
            told += page.socket.recv(1 << 16)


@pytest.mark.parametrize(
    "first", [b"Content-Length: 0", b"Content-Length: +5", b"Content-Length:", b"X-Request-ID: a\nX: b"]
)
def test_what_others_may_read_otherwise_is_refused(program: Program, first: bytes) -> None:
    """A length said twice, or in a way of its own; a line that ends within."""
    with closing(Page(program)) as page:
        assert [page.ask().status for _ in range(3)] == [200] * 3
        page.socket.sendall(page.head + first + b"\r\nContent-Length: %d\r\n\r\n" % len(BODY) + BODY)
        assert page.answer().status == 400


def test_the_loop_answers_as_the_app_does(program: Program) -> None:
    """All headers are there, and but for what each answer tells of its own they are the same."""
    with closing(Page(program)) as page:
        answers = [dict(page.ask().getheaders()) for _ in range(4)]
        assert "figure" in panel_in(page)["content"]
        own = {"Date", "Content-Length", "Server-Timing", "X-Request-ID"}
        for answer in answers:
            assert own <= answer.keys()
            assert {name: answer[name] for name in answer if name not in own} == {
                name: answers[0][name] for name in answers[0] if name not in own
            }
        assert len({answer["X-Request-ID"] for answer in answers}) == 4
        assert page.ask(b"{" + BODY[1:-1]).status == 400
        assert page.ask().status == 200


def test_a_page_that_takes_nothing_holds_up_nobody(program: Program) -> None:
    """It asks and asks and reads no answer: a thread waits for it, until it is given up."""
    with closing(Page(program, small_buffer=True)) as page:
        assert [page.ask().status for _ in range(3)] == [200] * 3
        page.socket.settimeout(0.2)
        with pytest.raises(OSError, match=r"timed out|reset|Broken"):  # noqa: PT012 - whichever is first
            for _ in range(5_000):
                page.socket.sendall(page.head + LENGTH + BODY)
                assert seconds_of_a_page(program) < AT_ONCE_S
        for _ in range(5):
            assert seconds_of_a_page(program) < AT_ONCE_S


def test_who_was_told_goodbye_and_stays_holds_up_nobody(program: Program) -> None:
    """A connection that is to be closed is closed in its own time."""
    with ExitStack() as stack:
        for _ in range(5):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port(program))))
            client.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)  # until they are told goodbye; none reads it
        assert seconds_of_a_page(program) < AT_ONCE_S


def test_who_says_nothing_takes_no_thread(program: Program) -> None:
    """Browsers connect before they ask."""
    with ExitStack() as stack:
        for _ in range(3 * (PAGE_THREADS + SOCKETS)):
            stack.enter_context(socket.create_connection(("127.0.0.1", port(program))))
        assert seconds_of_a_page(program) < AT_ONCE_S


@pytest.mark.parametrize("begin", [b"GET /health HTTP/1.1\r\nX: ", BEGIN + b"Content-Length: 1000\r\n\r\n"])
def test_a_question_that_comes_by_drops_gives_its_thread_back(program: Program, begin: bytes) -> None:
    """It has ten seconds in all, however many drops there are."""
    with ExitStack() as stack:
        clients = [
            stack.enter_context(socket.create_connection(("127.0.0.1", port(program))))
            for _ in range(PAGE_THREADS + SOCKETS)
        ]
        for client in clients:
            client.sendall(begin)
        begun = time.monotonic()
        answered = threading.Thread(target=seconds_of_a_page, args=(program,))
        answered.start()
        while answered.is_alive():
            assert time.monotonic() < begun + 15
            for client in clients:
                with suppress(OSError):
                    client.sendall(b"x")
            answered.join(0.5)


@pytest.mark.parametrize(
    ("said", "times"),
    [
        (b"", 1),
        (b"GET / HT", 1),
        (BEGIN + b"Content-Length: 1000\r\n\r\n{", 1),
        (BEGIN + LENGTH + BODY, 50_000),
    ],
    ids=["nothing", "half a head", "half a body", "and takes no answer"],
)
def test_the_end_comes_in_time_whoever_is_there(tmp_path: Path, said: bytes, times: int) -> None:
    """Who has not asked yet, asks slowly or takes nothing is cut; a browser's page keeps its connection."""
    with running(SERVE, tmp_path / "log") as program, ExitStack() as stack:
        wait_until(program.ready, 30)
        page = stack.enter_context(closing(Page(program)))
        assert [page.ask().status for _ in range(3)] == [200] * 3
        for _ in range(3):
            client = stack.enter_context(closing(Page(program, small_buffer=True))).socket
            client.settimeout(2)
            with suppress(TimeoutError):  # nothing more is read, as no answer is taken
                for _ in range(times):
                    client.sendall(said)
        time.sleep(0.5)  # until threads stand at buffers that are full
        assert asked_to_end(program) < AT_MOST_S
    assert "Traceback" not in program.output


def test_the_end_comes_in_time_for_pages_that_are_open(tmp_path: Path) -> None:
    """A browser keeps its connections for longer than a minute; nobody waits for those."""
    with running(SERVE, tmp_path / "log") as program, ExitStack() as stack:
        wait_until(program.ready, 30)
        pages = [stack.enter_context(closing(Page(program))) for _ in range(5)]
        for page in pages:
            for _ in range(3):
                assert page.ask().status == 200
        assert asked_to_end(program) < AT_MOST_S
    assert "Traceback" not in program.output
