"""The ``Procfile`` and the ``Dockerfile`` as a host takes them."""

from __future__ import annotations

import json
import os
import re
import shlex
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
from websockets.sync.client import ClientConnection, connect

from orderflow_dash.settings import Settings
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import venues_at, wait_until
from tests.deploy.recipes import DEPLOY, ROOT, Unit, recipe
from tests.server.test_shutdown import AT_MOST_S
from tests.test_commands import OUT_OF_REACH, Program, running

(WEB,) = re.findall(r"^web: (.*)$", (ROOT / "Procfile").read_text(), re.MULTILINE)
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.fixture
def venues() -> Iterator[dict[str, str]]:
    """The environment that leads both venues to a simulated exchange."""
    with SimulatedExchange(SyntheticMarket(seed=3)) as exchange:
        names = {field: str(info.alias) for field, info in Settings.model_fields.items()}
        yield {names[field]: address for field, address in venues_at(exchange).items()}


@contextmanager
def hosted(log: Path, **environment: str) -> Iterator[Program]:
    """The line, started in a shell as a host does, on a free port."""
    with running(["bash", "-c", WEB], log, PORT="0", **environment) as program:
        yield program


def client(program: Program, **headers: str) -> ClientConnection:
    """A client of the socket."""
    root = program.url.replace("http", "ws")
    return connect(f"{root}/ws/orderflow", additional_headers=headers, proxy=None)


def test_the_line_of_the_procfile_serves_and_ends_in_time(tmp_path: Path, venues: dict[str, str]) -> None:
    """Ready on the host's port; all processes get SIGTERM, clients get 1012, and it ends in time."""
    with hosted(tmp_path / "log", **venues) as program:
        wait_until(program.ready, 20)
        assert httpx.get(f"{program.url}/health", trust_env=False).json()["feeds"].keys() == {
            "binance",
            "bybit",
        }
        with client(program) as socket:
            assert json.loads(socket.recv(timeout=10))["type"] == "snapshot"
            start = time.monotonic()
            os.killpg(program.process.pid, signal.SIGTERM)
            with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012 - reads until it comes
                while True:
                    socket.recv(timeout=5)
        program.process.wait(5)
        assert time.monotonic() - start < AT_MOST_S
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1012
    assert "Traceback" not in program.output


def test_the_procfile_believes_the_hosts_one_router(tmp_path: Path, venues: dict[str, str]) -> None:
    """The last address is the client's; the client may have sent those before it."""
    limits = {"ORDERFLOW_MAX_SOCKETS_PER_CLIENT": "1"}
    with hosted(tmp_path / "log", **venues, **limits) as program:
        wait_until(program.ready, 20)
        with client(program, **{"X-Forwarded-For": "192.0.2.1"}) as held:
            assert json.loads(held.recv(timeout=10))["type"] == "snapshot"
            with client(program, **{"X-Forwarded-For": "203.0.113.9, 192.0.2.1"}) as refused:
                assert (
                    "Limit reached: 1 sockets per client." in json.loads(refused.recv(timeout=5))["message"]
                )
            with client(program, **{"X-Forwarded-For": "192.0.2.2"}) as other:
                assert json.loads(other.recv(timeout=10))["type"] == "snapshot"


def test_without_a_proxy_the_server_believes_no_header(tmp_path: Path) -> None:
    """Neither by the app nor by gunicorn: a plain request stays plain, whatever its headers."""
    settings = {"ORDERFLOW_PROXY_HOPS": "0", "ORDERFLOW_PREFIX": "/flow/"}
    forged = {"X-Forwarded-Proto": "https", "X-Forwarded-Ssl": "on", "X-Forwarded-Host": "evil.example"}
    with hosted(tmp_path / "log", **settings) as program:
        root = program.url
        headers = {**forged, "SCRIPT_NAME": "/evil", "X-Forwarded-For": "203.0.113.9"}
        answer = httpx.get(f"{root}/flow", headers=headers, trust_env=False)
        assert answer.headers["Location"] == "/flow/"
        wait_until(lambda: "ORDERFLOW_PROXY_HOPS" in program.output, what="a line about the proxy")


def test_the_health_check_of_the_container_finds_the_app(tmp_path: Path) -> None:
    """Its command succeeds while the app answers under its prefix, and fails where nothing does."""
    (text,) = re.findall(r"^HEALTHCHECK.*?CMD (\[.*?\"\])$", DOCKERFILE, re.MULTILINE | re.DOTALL)
    check = json.loads(text.replace("\\\n", ""))
    assert check[0] == "python"
    with hosted(tmp_path / "log", ORDERFLOW_PREFIX="/flow", ORDERFLOW_DEMO="on") as program:
        wait_until(lambda: program.ready("/flow/"), 20)
        port = program.url.rpartition(":")[2]
        outcomes = [
            subprocess.run(
                [sys.executable, *check[1:]],
                env={**os.environ, "PORT": port, "ORDERFLOW_PREFIX": prefix},
                check=False,
                capture_output=True,
                timeout=30,
            ).returncode
            for prefix in ("/flow", "/flow/", "/elsewhere/")
        ]
    assert outcomes == [0, 0, 1]


def test_every_recipe_starts_the_same_server() -> None:
    """Container, systemd unit and README run what the Procfile runs, up to where it listens."""
    server = [word for word in shlex.split(WEB) if "ORDERFLOW_" not in word]
    container = json.loads(re.findall(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[-1])
    assert container == server
    unit = Unit().command
    assert unit[0].endswith("/.venv/bin/gunicorn")
    assert [*unit[:3], *unit[5:]] == [unit[0], *server[1:]]
    assert unit[3:5] == ["--bind", "127.0.0.1:8050"]
    assert " ".join(server) in (ROOT / "README.md").read_text()


def test_the_recipes_name_settings_that_there_are() -> None:
    """Names of variables in the document, the unit and the container, and the container is not root's."""
    known = {str(field.alias) for field in Settings.model_fields.values()}
    named = set(re.findall(r"\b(?:ORDERFLOW|WS|DATABASE)_[A-Z_]+\b", DEPLOY + DOCKERFILE + WEB))
    assert named <= known
    assert Unit().environment.keys() <= known
    assert re.search(r"^USER (?!root)", DOCKERFILE, re.MULTILINE)
    assert "location /flow/ {" in recipe("nginx")
    assert Unit().environment["ORDERFLOW_PREFIX"] == "/flow/"
    assert OUT_OF_REACH.keys() <= known
