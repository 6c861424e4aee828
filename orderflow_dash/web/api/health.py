"""``/health`` and ``/ready``: for people, load balancers and monitors."""

from __future__ import annotations

import time

import orjson
from flask import Flask, Response

from orderflow_dash import __version__
from orderflow_dash.live.hub import Hub
from orderflow_dash.runtime.telemetry import REGISTRY
from orderflow_dash.runtime.threads import CRASHES
from orderflow_dash.web import grant, routes


def register_health(server: Flask, hub: Hub, prefix: str = "/") -> None:
    """Serve both under a path prefix."""
    started = time.monotonic()

    @server.get(prefix + routes.HEALTH)
    def health() -> Response:
        """Always 200 while the process runs. Without access the response has no details."""
        if grant.is_stranger():
            return _json({"status": "ok"}, 200)
        body = {
            "status": "ok",
            "version": __version__,
            "uptime_s": round(time.monotonic() - started, 1),
            "process": _process(),
            "crashes": CRASHES.health(),
            **hub.health(),
        }
        return _json(body, 200)

    @server.get(prefix + routes.READY)
    def ready() -> Response:
        """200 once one venue's instruments have loaded, until shutdown; otherwise 503.

        Without access the response has no cause.
        """
        venues = {status.venue.value: status.detail or "reachable" for status in hub.venues()}
        detail = _unready_cause(hub)
        causes = {} if grant.is_stranger() else {"detail": detail, "venues": venues}
        return _json({"ready": not detail, **causes}, 503 if detail else 200)


def _unready_cause(hub: Hub) -> str:
    """The cause of not being ready; empty when ready."""
    if hub.stopping.is_set():
        return "server is shutting down"
    return "" if hub.instruments() else "no venue's instruments have loaded"


def _process() -> dict[str, int | None]:
    """Resources and clients of the process; None if the system does not report a figure."""
    samples = {
        "resident_bytes": "process_resident_memory_bytes",
        "open_files": "process_open_fds",
        "threads": "orderflow_threads",
        "sockets": "orderflow_sockets",
        "exports": "orderflow_exports",
    }
    values = {sample.name: sample.value for metric in REGISTRY.collect() for sample in metric.samples}
    return {name: int(values[sample]) if sample in values else None for name, sample in samples.items()}


def _json(body: object, status: int) -> Response:
    response = Response(orjson.dumps(body), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
