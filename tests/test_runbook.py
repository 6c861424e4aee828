"""The runbook names what there is: metrics, fields, settings, threads and log lines."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from orderflow_dash.runtime.threads import SupervisedThread
from orderflow_dash.settings import Settings
from tests.conftest import UNREACHABLE, Served, wait_until

ROOT = Path(__file__).parents[1]
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()
QUOTED = re.findall(r"`([^`]+)`", re.sub(r"```.*?```", "", RUNBOOK, flags=re.DOTALL).replace("\n", " "))


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The app with a store and a stream."""
    place = tmp_path_factory.mktemp("store") / "store.sqlite3"
    served = Served(**UNREACHABLE, demo=True, backfill_minutes=0, database_url=f"sqlite:///{place}")
    wait_until(lambda: httpx.get(f"{served.url}/ready", trust_env=False).status_code == 200)
    with served.socket(exchange="demo", symbol="BTCUSDT") as socket:
        socket.recv(timeout=10)
        yield served
    served.stop()


def test_every_named_metric_exists(app: Served) -> None:
    """Also those in the rules for a monitor."""
    text = httpx.get(f"{app.url}/metrics", trust_env=False).text
    samples = set(re.findall(r"^([a-z_]+)", text, re.MULTILINE))
    families = set(re.findall(r"^# TYPE (\S+)", text, re.MULTILINE))
    unknown = set(re.findall(r"\b(?:orderflow|process)_[a-z_]+\b", RUNBOOK)) - samples - families
    assert unknown == set()


def test_every_named_setting_exists() -> None:
    """By its name."""
    names = set(Settings.variables())
    assert set(re.findall(r"\b(?:ORDERFLOW_[A-Z_]+|WS_PING_INTERVAL)\b", RUNBOOK)) <= names


def test_every_field_of_health_is_there(app: Served) -> None:
    """As a path, with the venue and symbol filled in."""
    health = httpx.get(f"{app.url}/health", trust_env=False).json()
    path_of = re.compile(r"(feeds|memory|process|store|crashes)(\.[<>\w]+)*")
    paths = [each for each in QUOTED if path_of.fullmatch(each)]
    assert len(paths) > 10
    for path in paths:
        found: Any = health
        for name in path.replace("<venue>", "demo").replace("<symbol>", "BTCUSDT").split("."):
            assert name in found, path
            found = found[name]


@pytest.mark.parametrize(
    "words",
    [
        "crashed; restarting in",
        "connection lost: ",
        "; next attempt in ",
        "feed thread unresponsive for ",
        "history is kept in memory only",
        "history is being stored again",
        "not all minutes could be stored before the end",
        "backfill retries in ",
        "the recent trades do not reach back to what is known",
        "the venue no longer has ids ",
        "no klines of ",
        "as the venue asked",
        "banned for asking too often (HTTP 418)",
        "not available from this location (HTTP 451)",
        "the venue refuses this symbol",
        "Invalid ",
        "Unknown variable ",
        "history not available yet",
        ") reached: ",
        "This server does not answer to ",
    ],
)
def test_words_that_a_log_or_a_page_shows_are_the_codes(words: str) -> None:
    """What somebody searches for is what is written."""
    code = "".join(path.read_text() for path in (ROOT / "orderflow_dash").rglob("*.py"))
    assert words.strip() in " ".join(RUNBOOK.split())
    assert words in code


def test_links_inside_lead_somewhere() -> None:
    """To a heading."""
    headings = {
        re.sub(r"[^\w -]", "", line.lstrip("# ").lower()).replace(" ", "-")
        for line in RUNBOOK.splitlines()
        if line.startswith("## ")
    }
    assert set(re.findall(r"\]\(#([^)]+)\)", RUNBOOK)) <= headings


def test_every_thread_is_named(app: Served) -> None:
    """In the table of what rests while it is down."""
    app.hub.tickers()

    def names() -> set[str]:
        threads = [each for each in threading.enumerate() if isinstance(each, SupervisedThread)]
        return {re.sub(r"^(binance|bybit|demo)-", "<venue>-", each.name) for each in threads}

    wait_until(lambda: "<venue>-tickers" in names())
    assert len(names()) >= 11
    assert names() - set(QUOTED) == set()
