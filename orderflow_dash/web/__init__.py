"""What a person or a program sees: page, panel, socket, export, help, health."""

from __future__ import annotations

from flask import Flask

from ..feeds.days import DayLines
from ..hub import Hub
from ..replay import Replay
from ..settings import Settings
from .app import create_dash
from .edge import guard_edge
from .export import register_export
from .health import register_health
from .help_page import register_help
from .metrics import register_metrics
from .replay_api import register_replay_api
from .request_trace import RequestTrace
from .socket import register_socket


def create_server(
    hub: Hub, settings: Settings, replay: Replay | None = None, days: DayLines | None = None
) -> Flask:
    """The whole web side as one WSGI application."""
    server: Flask = create_dash(hub, settings, replay, days).server
    guard_edge(server, frame_ancestors=settings.frame_ancestors)
    register_socket(server, hub, settings)
    register_health(server, hub)
    register_metrics(server, hub)
    register_help(server)
    register_export(server, hub, is_replay=replay is not None)
    register_replay_api(server, replay)
    server.wsgi_app = RequestTrace(server.wsgi_app, is_logged=settings.access_log)  # type: ignore[method-assign]
    return server
