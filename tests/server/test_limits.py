"""What the real server needs of its host, and what it survives where there is less."""

from __future__ import annotations

import re
import shlex
import socket
import time
from contextlib import ExitStack, closing
from pathlib import Path

import httpx
import pytest

from orderflow_dash.server import PAGE_THREADS
from orderflow_dash.settings import load_settings
from tests.conftest import wait_until
from tests.server.test_shutdown import AT_MOST_S, SERVE, seconds_to_stop
from tests.test_commands import Program, running

PROCESSES = 256  # of a small host, threads included
MEMORY_MB = 512
SPARE = 0.1  # of either
CGROUP = Path("/sys/fs/cgroup/pids/orderflow-test")
PROMPT_S = 2.0


def port(program: Program) -> int:
    """Its port."""
    return int(program.url.rpartition(":")[2])


def websocket(program: Program, stack: ExitStack, number: int) -> bytes:
    """Open a websocket from one of eight addresses; what the server sends, up to a snapshot or the end."""
    place, source = ("127.0.0.1", port(program)), (f"127.0.0.{2 + number % 8}", 0)
    client = stack.enter_context(closing(socket.create_connection(place, 10, source_address=source)))
    client.sendall(
        b"GET /ws/orderflow?exchange=demo&symbol=BTCUSDT HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    received = b""
    while b"snapshot" not in received and (more := client.recv(4096)):
        received += more
    return received


def half_request(program: Program, stack: ExitStack, address: str = "127.0.0.1") -> socket.socket:
    """A client that sends half of a head and no more."""
    place = ("127.0.0.1", port(program))
    client = stack.enter_context(closing(socket.create_connection(place, source_address=(address, 0))))
    client.sendall(b"GET /health HTTP/1.1\r\nX: ")
    return client


def health_s(program: Program, patience_s: float = 30) -> float:
    """Seconds to an answer of ``/health``."""
    start = time.monotonic()
    assert httpx.get(f"{program.url}/health", trust_env=False, timeout=patience_s).status_code == 200
    return time.monotonic() - start


def is_served(program: Program) -> bool:
    """Whether ``/health`` answers soon."""
    try:
        return health_s(program, 2) < 2
    except httpx.HTTPError:
        return False


def processes(program: Program) -> list[Path]:
    """The server's processes in ``/proc``."""
    parent = program.process.pid
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [Path(f"/proc/{pid}") for pid in (parent, *children)]


def status(process: Path, name: str) -> int:
    """A figure of a process."""
    found = re.search(rf"^{name}:\s+(\d+)", (process / "status").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1])


def test_default_limits_fit_a_small_host(tmp_path: Path) -> None:
    """All sockets open and all threads busy: room is left of 256 processes and 512 MB."""
    sockets = load_settings().max_sockets
    with running(SERVE, tmp_path / "log", ORDERFLOW_SOCKET_RATE="10000") as program, ExitStack() as stack:
        wait_until(program.ready, 60)
        for number in range(sockets):
            assert b"snapshot" in websocket(program, stack, number)
        for _ in range(PAGE_THREADS - 1):
            half_request(program, stack)
        assert health_s(program) < PROMPT_S
        threads = sum(status(process, "Threads") for process in processes(program))
        resident = sum(status(process, "VmRSS") for process in processes(program)) / 1000
    assert sockets + PAGE_THREADS < threads < PROCESSES * (1 - SPARE)
    assert resident < MEMORY_MB * (1 - SPARE)


def test_silent_connections_take_no_thread(tmp_path: Path) -> None:
    """Browsers connect before they have a request."""
    with running(SERVE, tmp_path / "log", ORDERFLOW_MAX_SOCKETS="1") as program, ExitStack() as stack:
        wait_until(program.ready, 60)
        for _ in range(3 * PAGE_THREADS):
            stack.enter_context(socket.create_connection(("127.0.0.1", port(program))))
        assert health_s(program) < PROMPT_S


def test_a_request_that_pauses_gives_its_thread_back(tmp_path: Path) -> None:
    """All threads wait for half requests: the next one is answered after the longest pause."""
    with running(SERVE, tmp_path / "log", ORDERFLOW_MAX_SOCKETS="1") as program, ExitStack() as stack:
        wait_until(program.ready, 60)
        for _ in range(PAGE_THREADS + 1):
            half_request(program, stack)
        assert health_s(program) < 15
    assert "Traceback" not in program.output


def test_a_host_with_few_files_limits_connections(tmp_path: Path) -> None:
    """More clients than files end nothing: further ones wait, and the service goes on."""
    limited = ["sh", "-c", f"ulimit -n 160; exec {shlex.join(SERVE)}"]
    with running(limited, tmp_path / "log") as program, ExitStack() as stack:
        wait_until(program.ready, 60)
        with stack:
            for _ in range(200):
                half_request(program, stack)
            time.sleep(1)  # the attack lasts: the limit holds while clients wait
        wait_until(lambda: is_served(program), 30, "it is served again")
        assert "only 160 open files are allowed: at most 48 connections" in program.output
        assert program.output.count("Booting worker") == 1
    assert "Traceback" not in program.output


@pytest.fixture
def few_processes() -> list[str]:
    """A shell prefix that allows a program a number of processes, appended by the test."""
    try:
        CGROUP.mkdir()
    except OSError:
        pytest.skip("needs a writable pids cgroup")
    return ["sh", "-c"]


@pytest.mark.parametrize(("allowed", "is_room"), [(100, False), (170, True)])
def test_a_host_with_few_processes_fails_at_the_start_or_not_at_all(
    tmp_path: Path, few_processes: list[str], allowed: int, is_room: bool
) -> None:
    """Threads for requests start first; a socket that gets none is refused, and the service goes on."""
    (CGROUP / "pids.max").write_text(str(allowed))
    command = [*few_processes, f"echo $$ > {CGROUP}/cgroup.procs; exec {shlex.join(SERVE)}"]
    try:
        with running(command, tmp_path / "log", ORDERFLOW_SOCKET_RATE="10000") as program:
            if not is_room:
                assert program.process.wait(30) != 0
                assert "104 threads are needed; lower ORDERFLOW_MAX_SOCKETS" in program.output
                return
            wait_until(program.ready, 60)
            with ExitStack() as stack:
                received = [websocket(program, stack, number) for number in range(60)]
                assert b"snapshot" in received[0]
                # Nothing but the handshake: an HTTP error would be a broken frame.
                assert received[-1].startswith(b"HTTP/1.1 101")
                assert received[-1].endswith(b"\r\n\r\n")
                assert received[-1].count(b"HTTP/1.1") == 1
                assert is_served(program)
            wait_until(lambda: is_served(program), 30)
            assert program.output.count("Booting worker") == 1
            assert seconds_to_stop(program) < AT_MOST_S
    finally:
        wait_until(lambda: not (CGROUP / "cgroup.procs").read_text(), 10, "its processes are gone")
        CGROUP.rmdir()
