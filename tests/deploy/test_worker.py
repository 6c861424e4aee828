"""gunicorn's worker as the app runs it: what its loop answers itself, and what must never hold the loop."""

from __future__ import annotations

import base64
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path

import httpx
import orjson
import pytest

from benchmarks.page_client import PATH, question
from orderflow_dash.access.logins import hash_password
from tests.conftest import wait_until
from tests.test_commands import Program, running
from tests.test_shutdown import AT_MOST_S, SERVE, asked_to_end

PAGE_THREADS = 28  # beside those of sockets
SOCKETS = 1
BODY = orjson.dumps(question({"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}, "panel"))
AT_ONCE_S = 1.0  # a thread that waits for a client waits for longer
WRONG = {"Authorization": f"Basic {base64.b64encode(b'ada:wrong').decode()}"}
RIGHT = {"Authorization": f"Basic {base64.b64encode(b'ada:secret').decode()}"}


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


def connection(program: Program) -> HTTPConnection:
    """A browser's connection, which is kept."""
    return HTTPConnection("127.0.0.1", port(program), timeout=10)


def asked(client: HTTPConnection, headers: dict[str, str] | None = None) -> HTTPResponse:
    """The answer to a page's question, read to its end."""
    client.request("POST", f"/{PATH}", BODY, {"Content-Type": "application/json", **(headers or {})})
    answer = client.getresponse()
    answer.read()
    return answer


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
    time.sleep(0.5)


def test_updates_need_no_thread(program: Program) -> None:
    """While others hold every thread, an open page is answered as ever."""
    with ExitStack() as stack:
        page = stack.enter_context(closing(connection(program)))
        for _ in range(3):  # a new connection, a new head, and the loop
            assert asked(page).status == 200
        half_asked(program, stack)
        begun = time.monotonic()
        for _ in range(5):
            assert asked(page).status == 200
        assert time.monotonic() - begun < AT_ONCE_S


def test_what_was_not_let_in_before_is_left_to_a_thread(tmp_path: Path) -> None:
    """The check of a password takes its time: only who is known is answered by the loop."""
    users = {"ORDERFLOW_ACCESS": "basic", "ORDERFLOW_USERS": f"ada:{hash_password('secret')}"}
    with (
        running(SERVE, tmp_path / "log", ORDERFLOW_MAX_SOCKETS=str(SOCKETS), **users) as program,
        ExitStack() as stack,
    ):
        stack.callback(program.kill)
        wait_until(lambda: httpx.get(f"{program.url}/health", trust_env=False).status_code == 200, 30)
        known, stranger = (stack.enter_context(closing(connection(program))) for _ in range(2))
        for _ in range(3):
            assert asked(known, RIGHT).status == 200
        assert [asked(stranger, WRONG).status for _ in range(2)] == [401, 401]
        half_asked(program, stack)
        assert asked(known, RIGHT).status == 200
        stranger.sock.settimeout(AT_ONCE_S)
        with pytest.raises(TimeoutError):
            asked(stranger, WRONG)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"Content-Length: %d\r\n\r\n" % len(BODY), BODY),
        (b"Transfer-Encoding: chunked\r\n\r\n%x\r\n" % len(BODY), BODY + b"\r\n0\r\n\r\n"),
        (b"Transfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n0\r\n\r\n" % (len(BODY), BODY)),
        (b"Content-Length: %d\r\n\r\n%b" % (len(BODY), BODY[:20]), BODY[20:]),
        (b"Content-", b"Length: %d\r\n\r\n%b" % (len(BODY), BODY)),
    ],
)
def test_a_question_in_pieces_is_answered_and_waited_for_by_a_thread(
    program: Program, pieces: tuple[bytes, bytes]
) -> None:
    """Nobody else waits for the rest of it, and it comes to its answer."""
    head = f"POST /{PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n".encode()
    whole = head + b"Content-Length: %d\r\n\r\n" % len(BODY) + BODY
    with socket.create_connection(("127.0.0.1", port(program)), timeout=10) as client:
        for _ in range(3):
            client.sendall(whole)
            assert is_answered(client)
        client.sendall(head + pieces[0])
        time.sleep(0.2)
        assert seconds_of_a_page(program) < AT_ONCE_S
        client.sendall(pieces[1])
        assert is_answered(client)


def is_answered(client: socket.socket) -> bool:
    """Whether a whole answer comes, with a panel in it."""
    with closing(HTTPResponse(client)) as answer:
        answer.begin()
        (panel,) = orjson.loads(answer.read())
        return answer.status == 200 and "figure" in panel["content"]


def test_two_questions_at_once_are_both_answered(program: Program) -> None:
    """What came with the first one is not forgotten."""
    head = f"POST /{PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
    with socket.create_connection(("127.0.0.1", port(program)), timeout=10) as client:
        for _ in range(3):
            client.sendall(2 * (head + BODY))
            told = b""
            while told.count(b"HTTP/1.1 200 OK") < 2 or not told.endswith(b"]"):
                told += client.recv(1 << 16)


def test_a_page_that_takes_nothing_holds_up_nobody(program: Program) -> None:
    """It asks and asks and reads no answer: a thread waits for it, until it is given up."""
    client = socket.socket()
    client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
    client.settimeout(0.2)
    with closing(client):
        client.connect(("127.0.0.1", port(program)))
        head = f"POST /{PATH} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(BODY)}\r\n\r\n".encode()
        with pytest.raises(OSError, match=r"timed out|reset|Broken"):  # noqa: PT012 - whichever is first
            for _ in range(5_000):
                client.sendall(head + BODY)
                assert seconds_of_a_page(program) < AT_ONCE_S
        for _ in range(5):
            assert seconds_of_a_page(program) < AT_ONCE_S


def test_who_was_told_goodbye_and_stays_holds_up_nobody(program: Program) -> None:
    """A connection that is to be closed is closed in its own time."""
    with ExitStack() as stack:
        for _ in range(5):
            client = stack.enter_context(socket.create_connection(("127.0.0.1", port(program))))
            client.sendall(b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        time.sleep(0.2)
        assert seconds_of_a_page(program) < AT_ONCE_S


def test_the_end_comes_in_time_for_pages_that_are_open(tmp_path: Path) -> None:
    """A browser keeps its connections for longer than a minute; nobody waits for those."""
    with running(SERVE, tmp_path / "log") as program, ExitStack() as stack:
        wait_until(program.ready, 30)
        pages = [stack.enter_context(closing(connection(program))) for _ in range(5)]
        for page in pages:
            for _ in range(3):
                assert asked(page).status == 200
        assert asked_to_end(program) < AT_MOST_S
    assert "Traceback" not in program.output
