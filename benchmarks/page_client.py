"""What an open panel asks of the server at each of its intervals, without a browser."""

from __future__ import annotations

import json
import threading
import time
from typing import Any
from urllib.request import Request, urlopen

_PANEL = "lateness"
_EVERY_S = 0.25


class PageClient(threading.Thread):
    """Refreshes a panel again and again; it has seen nothing yet, so each answer is a whole one."""

    def __init__(self, url: str, view: dict[str, str]) -> None:
        super().__init__(daemon=True)
        self.answers: list[tuple[float, float]] = []  # when asked (monotonic), seconds until the answer
        self._url = url
        self._over = threading.Event()
        self._body = json.dumps(_request(_refresh_callback(url), view)).encode()

    def run(self) -> None:
        """Ask until stopped."""
        while not self._over.wait(_EVERY_S):
            begun = time.monotonic()
            request = Request(  # noqa: S310 - our own server
                f"{self._url}/_dash-update-component", self._body, {"Content-Type": "application/json"}
            )
            with urlopen(request, timeout=30) as answer:  # noqa: S310
                content = json.loads(answer.read())
            self.answers.append((begun, time.monotonic() - begun))
            if "figure" not in str(content)[:2_000]:
                raise AssertionError(f"no figure in {str(content)[:200]}")

    def stop(self) -> None:
        """End it."""
        self._over.set()
        self.join()


def _refresh_callback(url: str) -> dict[str, Any]:
    with urlopen(f"{url}/_dash-dependencies", timeout=10) as answer:  # noqa: S310
        callbacks: list[dict[str, Any]] = json.loads(answer.read())
    return next(each for each in callbacks if "panel-chart" in each["output"])


def _request(callback: dict[str, Any], view: dict[str, str]) -> dict[str, Any]:
    """The body that Dash's renderer posts for a panel's refresh."""
    values = {"interval.n_intervals": 1, "view.data": view, "theme.data": "dark", "view.id": None}

    def place_of(text: str) -> Any:  # noqa: ANN401 - a dict, or a plain name
        return json.loads(text.replace('["MATCH"]', f'"{_PANEL}"')) if text.startswith("{") else text

    def filled(dependency: dict[str, Any]) -> dict[str, Any]:
        place, name = place_of(dependency["id"]), dependency["property"]
        part = place["type"].removeprefix("panel-") if isinstance(place, dict) else place
        value = place if name == "id" else values.get(f"{part}.{name}")
        return {"id": place, "property": name, "value": value}

    def outputs() -> list[dict[str, Any]]:
        parts = (part.rpartition(".") for part in callback["output"].strip(".").split("..."))
        return [{"id": place_of(text), "property": name} for text, _, name in parts]

    inputs = [filled(each) for each in callback["inputs"]]
    return {
        "output": callback["output"],
        "outputs": outputs(),
        "inputs": inputs,
        "state": [filled(each) for each in callback["state"]],
        "changedPropIds": [f"{json.dumps(inputs[0]['id'], separators=(',', ':'))}.{inputs[0]['property']}"],
    }
