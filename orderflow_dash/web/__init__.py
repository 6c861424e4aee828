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
from .proxy import believe_proxies
from .rate_limits import limit_rates
from .replay_api import register_replay_api
from .socket import register_socket


def create_server(
    hub: Hub, settings: Settings, replay: Replay | None = None, days: DayLines | None = None
) -> Flask:
    """The whole web side as one WSGI application."""
    server: Flask = create_dash(hub, settings, replay, days).server
    prefix = settings.prefix
    believe_proxies(server, settings.proxy_hops)
    limit_rates(server, settings)
    guard_edge(server, prefix, settings.frame_ancestors)
    register_socket(server, hub, settings, prefix)
    register_health(server, hub, prefix)
    register_metrics(server, hub, prefix)
    register_help(server, prefix)
    register_export(server, hub, is_replay=replay is not None, prefix=prefix)
    register_replay_api(server, replay, prefix)
    return server
