"""How long each callback of a page takes: for ``/metrics``, and for the browser that called it.

``Server-Timing: app;dur=MS, clock;desc="MS"`` holds the duration and the server's time (ms since the epoch)
at the end. With the time of the round trip a browser computes how far its clock is off
(``assets/js/panel/latency.mjs``).
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, Final

from dash import Dash
from flask import Flask, Response, current_app, g, request

from orderflow_dash.runtime.telemetry import CALLBACK_SECONDS

_ROUTE: Final = "_dash-update-component"
_REDIRECT: Final = 300
_KEY: Final = "orderflow_callbacks"
_UNKNOWN: Final = CALLBACK_SECONDS.labels("unknown")


def time_callbacks(app: Dash) -> None:
    """Time the callbacks of an application; several may share a server."""
    server: Flask = app.server
    if _KEY not in server.extensions:
        server.extensions[_KEY] = {}
        server.before_request(_start)
        server.after_request(_end)
    path = f"{app.config.routes_pathname_prefix}{_ROUTE}"
    server.extensions[_KEY][path] = _Labels(app)


class _Labels:
    """The label that each callback of one application is timed under."""

    def __init__(self, app: Dash) -> None:
        self._app = app
        self._observers: dict[str, Callable[[float], None]] = {}

    def observer(self, output: object) -> Callable[[float], None]:
        """By the output that the browser names; all that are not registered share a label."""
        known = self._observers.get(output) if isinstance(output, str) else None
        if known is not None:
            return known
        registered: dict[str, Any] = self._app.callback_map.get(output, {}) if isinstance(output, str) else {}
        function = registered.get("callback")
        if not isinstance(output, str) or function is None:
            return _UNKNOWN.observe
        label = f"{function.__module__.removeprefix('orderflow_dash.web.')}.{function.__name__}"
        self._observers[output] = CALLBACK_SECONDS.labels(label).observe
        return self._observers[output]


def _start() -> None:
    g.started = time.perf_counter()


def _end(response: Response) -> Response:
    labels: _Labels | None = current_app.extensions[_KEY].get(request.path)
    if labels is None or not response.status_code < _REDIRECT or "started" not in g:
        return response
    seconds = time.perf_counter() - g.started
    response.headers["Server-Timing"] = f'app;dur={seconds * 1000:.1f}, clock;desc="{time.time() * 1000:.0f}"'
    body = request.get_json(silent=True)  # cached: the callback has read it
    labels.observer(body.get("output") if isinstance(body, dict) else None)(seconds)
    return response
