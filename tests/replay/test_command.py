"""The replay command."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.conftest import wait_until
from tests.replay.recordings import (
    binance_file,
    invented_rows,
)
from tests.test_commands import ROOT, running


def command(*arguments: str) -> list[str]:
    """The command as a person types it."""
    return [sys.executable, "-m", "orderflow_dash", "replay", *arguments]


def test_the_command_serves_a_file_at_once(tmp_path: Path) -> None:
    """The server is up within five seconds whatever the file's size, and has loaded it soon after."""
    path = binance_file(tmp_path, invented_rows(120_000))
    started = time.monotonic()
    with running(command("--port", "0", str(path)), tmp_path / "log") as program:

        def state() -> dict[str, Any]:
            return httpx.get(f"{program.url}/api/replay", trust_env=False).json()

        wait_until(lambda: "Listening" in program.output and program.url)
        state()
        assert time.monotonic() - started < 5
        wait_until(lambda: state()["rows"] == 120_000)
        wait_until(program.ready)
        assert state()["files"][0]["name"] == path.name
    assert "Traceback" not in program.output


@pytest.mark.parametrize("kind", ["a pipe", "a folder", "a device"])
def test_the_command_rejects_anything_but_a_file(tmp_path: Path, kind: str) -> None:
    """One line at once: nothing waits for a pipe's writer."""
    path = tmp_path / "BTCUSDT-aggTrades-x.csv"
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    else:
        path = Path("/dev/zero")
    done = subprocess.run(
        command("--port", "0", str(path)), cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert (done.returncode, done.stderr) == (1, f"Error: {path}: it is {kind}, not a regular file\n")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "No such file"),
        ("what is this", "line 1: unknown recording format"),
        (
            "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n",
            "no trade",
        ),
        (
            "1,y,1,1,1,1790000000000,true\n2,x,1,1,1,1790000000000,true\n",
            "line 1: not a plain decimal number",
        ),
    ],
)
def test_the_command_rejects_an_unreadable_file(tmp_path: Path, content: str | None, said: str) -> None:
    """One line that names the file, and no server."""
    path = tmp_path / "BTCUSDT-aggTrades-x.csv"
    if content is not None:
        path.write_text(content)
    done = subprocess.run(
        command("--port", "0", str(path)), cwd=ROOT, capture_output=True, text=True, timeout=20
    )
    assert done.returncode == 1
    assert str(path) in done.stderr
    assert said in done.stderr
    assert len(done.stderr.strip().splitlines()) == 1
