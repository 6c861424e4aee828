"""What a person or a program sees: page, panel, socket, export, help, health."""

from __future__ import annotations

from flask import Flask

from ..feeds.days import DayLines
from ..hub import Hub
from ..replay import Replay
from ..settings import Settings
from .access import guard_access
from .app import create_dash
from .edge import guard_edge
from .export import register_export
from .headers import send_headers
from .health import register_health
from .help_page import register_help
from .metrics import register_metrics
from .panel_updates import register_panel_updates
from .proxy import believe_proxies
from .rate_limits import limit_rates
from .replay_api import register_replay_api
from .request_trace import RequestTrace
from .socket import register_socket
from .transfer import spare_bytes


def create_server(
    hub: Hub, settings: Settings, replay: Replay | None = None, days: DayLines | None = None
) -> Flask:
    """The whole web side as one WSGI application."""
    prefix = settings.prefix
    app = create_dash(hub, settings, replay, days)
    server: Flask = app.server
    is_guarded = settings.access != "none"
    believe_proxies(server, settings.proxy_hops, settings.trusted_proxies)
    may_update = limit_rates(server, settings)
    spare_bytes(server)
    send_headers(server, app.csp_hashes(), settings.frame_ancestors, is_guarded=is_guarded)
    guard_edge(server, prefix)
    register_socket(server, hub, settings, prefix)
    register_health(server, hub, prefix)
    register_metrics(server, hub, prefix)
    register_help(server, prefix)
    register_export(server, hub, is_replay=replay is not None, prefix=prefix)
    register_panel_updates(server, hub, prefix, may_follow_up=None if settings.access_log else may_update)
    register_replay_api(server, replay, prefix)
    guard_access(server, settings)  # last: it gives routes that are there to holders of tokens
    server.wsgi_app = RequestTrace(server.wsgi_app, is_logged=settings.access_log)  # type: ignore[method-assign]
    return server
