"""The polls of a page with panels, without a browser."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from typing import Any
from urllib.request import Request, urlopen

PATH = "_dash-update-component"

_EVERY_S = 0.25


def panel_poll(
    views: Sequence[object],
    ids: Sequence[str],
    shown: Sequence[object] | None = None,
    theme: str = "dark",
) -> dict[str, Any]:
    """The body that Dash posts for the panels of a page; without ``shown`` they show nothing yet."""

    def of_panels(kind: str, name: str, values: Sequence[object]) -> list[dict[str, Any]]:
        return [
            {"id": {"type": kind, "panel": panel}, "property": name, "value": value}
            for panel, value in zip(ids, values, strict=True)
        ]

    places = [{"type": "panel-view", "panel": panel} for panel in ids]
    return {
        "output": "panel-updates.answers",
        "outputs": {"id": "panel-updates", "property": "answers"},
        "inputs": [
            {"id": "panel-interval", "property": "n_intervals", "value": 1},
            of_panels("panel-view", "data", views),
            {"id": "theme", "property": "data", "value": theme},
        ],
        "changedPropIds": ["panel-interval.n_intervals"],
        "state": [
            of_panels("panel-view", "id", places),
            {"id": "panel-updates", "property": "shown", "value": dict(zip(ids, shown or [], strict=False))},
        ],
    }


def panels_of(body: str | bytes) -> list[dict[str, Any] | None]:
    """What an answer holds for each panel; None for one without news."""
    panels: list[dict[str, Any] | None] = json.loads(body)["response"]["panel-updates"]["answers"]
    return panels


class PageClient(threading.Thread):
    """Polls one panel again and again as if it showed nothing, so each answer is whole."""

    def __init__(self, url: str, view: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.answers: list[tuple[float, float]] = []  # start of the poll (monotonic), seconds to the answer
        self._url = url
        self._over = threading.Event()
        self._body = json.dumps(panel_poll([view], ["lateness"])).encode()

    def run(self) -> None:
        """Poll until stopped."""
        while not self._over.wait(_EVERY_S):
            start = time.monotonic()
            request = Request(  # noqa: S310 - our own server
                f"{self._url}/{PATH}", self._body, {"Content-Type": "application/json"}
            )
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                (panel,) = panels_of(answer.read())
            self.answers.append((start, time.monotonic() - start))
            if panel is None or "figure" not in panel.get("content", {}):
                raise AssertionError(f"no figure in {str(panel)[:200]}")

    def stop(self) -> None:
        """Stop polling."""
        self._over.set()
        self.join()
