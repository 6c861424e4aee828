"""What an open panel asks of the server at each of its intervals, without a browser."""

from __future__ import annotations

import json
import threading
import time
from typing import Any
from urllib.request import Request, urlopen

PATH = "api/panels"

_EVERY_S = 0.25


def question(view: dict[str, str], panel: str) -> dict[str, Any]:
    """The body that a page with one panel posts; it has seen nothing yet."""
    return {"theme": "dark", "panels": [{"id": panel, "view": view, "cursor": None, "profile": None}]}


class PageClient(threading.Thread):
    """Asks what is new in a panel again and again; it has seen nothing yet, so each answer is whole."""

    def __init__(self, url: str, view: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.answers: list[tuple[float, float]] = []  # when asked (monotonic), seconds until the answer
        self._url = url
        self._over = threading.Event()
        self._body = json.dumps(question(view, "lateness")).encode()

    def run(self) -> None:
        """Ask until stopped."""
        while not self._over.wait(_EVERY_S):
            begun = time.monotonic()
            request = Request(  # noqa: S310 - our own server
                f"{self._url}/{PATH}", self._body, {"Content-Type": "application/json"}
            )
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                (panel,) = json.loads(answer.read())
            self.answers.append((begun, time.monotonic() - begun))
            if "figure" not in panel["content"]:
                raise AssertionError(f"no figure in {str(panel)[:200]}")

    def stop(self) -> None:
        """End it."""
        self._over.set()
        self.join()
