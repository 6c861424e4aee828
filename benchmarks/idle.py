"""Resident memory of the app under ``orderflow-dash serve``, without viewers."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen


def _resident_mb(process: int) -> float:
    return int(Path(f"/proc/{process}/statm").read_text().split()[1]) * 4096 / 1e6


def _family(process: int) -> list[int]:
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    return [process, *(member for child in children for member in _family(int(child)))]


def idle_mb(port: int = 18_050, settle_s: float = 20.0) -> list[float]:
    """Megabytes of the server's processes some seconds after ``/ready``, the largest first."""
    command = [sys.executable, "-m", "orderflow_dash", "serve", "--port", str(port)]
    server = subprocess.Popen(command, stderr=subprocess.DEVNULL, env={**os.environ})  # noqa: S603
    try:
        deadline = time.monotonic() + 20
        while True:
            try:
                urlopen(f"http://127.0.0.1:{port}/ready", timeout=1).close()
                break
            except (URLError, OSError):
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)
        time.sleep(settle_s)
        return sorted((_resident_mb(process) for process in _family(server.pid)), reverse=True)
    finally:
        server.terminate()
        server.wait(10)
