"""``/health`` and ``/ready``: for people, load balancers and monitors."""

from __future__ import annotations

import time

import orjson
from flask import Flask, Response

from .. import __version__
from ..hub import Hub
from ..supervised import CRASHES
from . import grant


def register_health(server: Flask, hub: Hub, prefix: str = "/") -> None:
    """Serve both under a path prefix."""
    started = time.monotonic()

    @server.get(prefix + "health")
    def health() -> Response:
        """200 while the process lives, whatever the venues do. Strangers get no details."""
        if grant.is_stranger():
            return _json({"status": "ok"}, 200)
        body = {
            "status": "ok",
            "version": __version__,
            "uptime_s": round(time.monotonic() - started, 1),
            "crashes": CRASHES.health(),
            **hub.health(),
        }
        return _json(body, 200)

    @server.get(prefix + "ready")
    def ready() -> Response:
        """200 once a venue has told what it lists, else 503 with the causes, which strangers do not get."""
        venues = {status.venue.value: status.detail or "reachable" for status in hub.venues()}
        is_ready = bool(hub.instruments())
        causes = {} if grant.is_stranger() else {"venues": venues}
        return _json({"ready": is_ready, **causes}, 200 if is_ready else 503)


def _json(body: object, status: int) -> Response:
    response = Response(orjson.dumps(body), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
