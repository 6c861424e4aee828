"""The programs as a person or a host starts them, with the real server underneath."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.conftest import UNREACHABLE, wait_until

ROOT = Path(__file__).parents[1]
OUT_OF_REACH = {
    "BINANCE_FUTURES_WS": UNREACHABLE["binance_ws"],
    "BINANCE_FUTURES_REST": UNREACHABLE["binance_rest"],
    "BYBIT_WS_LINEAR": UNREACHABLE["bybit_ws"],
    "BYBIT_REST": UNREACHABLE["bybit_rest"],
}


class Program:
    """A running server: its process and what it has printed."""

    def __init__(self, command: list[str], log: Path, **environment: str) -> None:
        self._log = log
        env = {**os.environ, **OUT_OF_REACH, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        store = {"DATABASE_URL": f"sqlite:///{log.parent / 'store.sqlite3'}"}
        with log.open("w") as output:
            self.process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**env, **store, **environment},
                stdout=output,
                stderr=output,
                start_new_session=True,
            )

    @property
    def output(self) -> str:
        """Everything printed so far."""
        return self._log.read_text()

    @property
    def url(self) -> str:
        """Where it listens, as it says itself."""
        wait_until(lambda: re.search(r"Listening at: (http://\S+)", self.output), 20)
        found = re.search(r"Listening at: (http://\S+)", self.output)
        assert found is not None
        return found[1].replace("0.0.0.0", "127.0.0.1")  # noqa: S104

    def kill(self) -> None:
        """End all its processes at once; none of them gets to do anything more."""
        os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait(15)

    def ready(self, prefix: str = "/") -> bool:
        """Whether it serves."""
        try:
            return httpx.get(f"{self.url}{prefix}ready", trust_env=False).status_code == 200
        except httpx.HTTPError:
            return False


@contextmanager
def running(command: list[str], log: Path, **environment: str) -> Iterator[Program]:
    """A program that is ended at the end, whatever happened."""
    program = Program(command, log, **environment)
    try:
        yield program
    finally:
        program.process.send_signal(signal.SIGTERM)
        try:
            program.process.wait(15)
        except subprocess.TimeoutExpired:
            program.process.kill()
            raise


def procfile_command() -> list[str]:
    """What a host runs for ``web``."""
    line = next(line for line in (ROOT / "Procfile").read_text().splitlines() if line.startswith("web: "))
    return ["sh", "-c", f"exec env {line.removeprefix('web: ')}"]


def test_serve_is_up_within_five_seconds_and_ends_politely(tmp_path: Path) -> None:
    """The README's command serves the simulated market; on SIGTERM clients get 1012 and it ends in 2 s."""
    started = time.monotonic()
    with running(
        [sys.executable, "-m", "orderflow_dash", "serve", "--port", "0"], tmp_path / "log"
    ) as program:
        wait_until(program.ready, 15)
        assert time.monotonic() - started < 5
        assert "Order flow" in httpx.get(f"{program.url}/", trust_env=False).text
        root = program.url.replace("http", "ws")
        with connect(f"{root}/ws/orderflow?exchange=demo", proxy=None) as socket:
            assert json.loads(socket.recv(timeout=5))["type"] == "snapshot"
            signaled = time.monotonic()
            program.process.send_signal(signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - reads until it comes
                while True:
                    socket.recv(timeout=5)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
        assert program.process.wait(5) == 0
        assert time.monotonic() - signaled < 2
    assert "Traceback" not in program.output


def test_the_procfile_serves_without_the_simulated_market(tmp_path: Path) -> None:
    """A Heroku-style start takes its port from the host, has one worker, and leaves ``demo`` out."""
    with running(procfile_command(), tmp_path / "log", PORT="0", WEB_CONCURRENCY="4") as program:
        health = httpx.get(f"{program.url}/health", trust_env=False).json()
        assert health["feeds"].keys() == {"binance", "bybit"}
        assert httpx.get(f"{program.url}/ready", trust_env=False).status_code == 503
        assert program.output.count("Booting worker") == 1
    assert "Traceback" not in program.output


def test_ctrl_c_ends_it(tmp_path: Path) -> None:
    """An interrupt ends the server without a traceback."""
    with running(
        [sys.executable, "-m", "orderflow_dash", "serve", "--port", "0"], tmp_path / "log"
    ) as program:
        wait_until(program.ready, 15)
        program.process.send_signal(signal.SIGINT)
        assert program.process.wait(10) == 0
    assert "Traceback" not in program.output


@pytest.mark.parametrize("command", [[sys.executable, "-m", "orderflow_dash", "serve"], procfile_command()])
def test_a_bad_setting_stops_the_start_with_one_line(command: list[str]) -> None:
    """No traceback: the variable, the value and what is accepted."""
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "PORT": "eighty"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=20)
    assert done.returncode != 0
    assert "Invalid PORT='eighty': " in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1


def test_the_exchange_runs_alone_and_the_app_on_it(tmp_path: Path) -> None:
    """``orderflow-dash exchange`` prints the environment that leads the app to it."""
    log = tmp_path / "exchange"
    with running([sys.executable, "-m", "orderflow_dash", "exchange", "--port", "0"], log) as exchange:
        wait_until(lambda: "BYBIT_REST" in exchange.output, 15)
        environment = dict(re.findall(r"^export (\w+)=(\S+)$", exchange.output, re.MULTILINE))
        assert environment.keys() == OUT_OF_REACH.keys()
        serve = [sys.executable, "-m", "orderflow_dash", "serve", "--port", "0", "--no-demo"]
        with running(serve, tmp_path / "log", **environment) as program:
            wait_until(program.ready, 15)
            venues = httpx.get(f"{program.url}/ready", trust_env=False).json()["venues"]
            wait_until(
                lambda: (
                    set(httpx.get(f"{program.url}/ready", trust_env=False).json()["venues"].values())
                    == {"reachable"}
                )
            )
            assert venues.keys() == {"binance", "bybit"}
