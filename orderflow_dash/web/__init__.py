"""The web side: pages, panels, socket, export, help, health."""

from __future__ import annotations

from flask import Flask

from orderflow_dash.feeds.sparklines import Sparklines
from orderflow_dash.live.hub import Hub
from orderflow_dash.replay.replay import Replay
from orderflow_dash.settings import Settings
from orderflow_dash.web.api.export import register_export
from orderflow_dash.web.api.health import register_health
from orderflow_dash.web.api.metrics import register_metrics
from orderflow_dash.web.api.replay import register_replay_api
from orderflow_dash.web.api.socket import register_socket
from orderflow_dash.web.http.compression import compress_responses
from orderflow_dash.web.http.errors import register_error_handlers
from orderflow_dash.web.http.guard import guard_access
from orderflow_dash.web.http.headers import send_headers
from orderflow_dash.web.http.proxies import trust_proxies
from orderflow_dash.web.http.rate_limits import limit_rates
from orderflow_dash.web.http.request_log import RequestTrace
from orderflow_dash.web.pages.app import create_dash
from orderflow_dash.web.pages.help import register_help


def create_server(
    hub: Hub, settings: Settings, replay: Replay | None = None, days: Sparklines | None = None
) -> Flask:
    """The whole web side as one WSGI application."""
    prefix = settings.prefix
    app = create_dash(hub, settings, replay, days)
    server: Flask = app.server
    is_guarded = settings.auth != "none"
    trust_proxies(server, settings.proxy_hops, settings.trusted_proxies)
    limit_rates(server, settings)
    compress_responses(server)
    send_headers(server, app.csp_hashes(), settings.frame_ancestors, is_guarded=is_guarded)
    register_error_handlers(server, prefix)
    register_socket(server, hub, settings, prefix)
    register_health(server, hub, prefix)
    register_metrics(server, hub, prefix)
    register_help(server, prefix)
    register_export(server, hub, is_replay=replay is not None, prefix=prefix)
    register_replay_api(server, replay, prefix)
    guard_access(server, settings)  # last: it adds token routes for existing routes
    server.wsgi_app = RequestTrace(server.wsgi_app, is_logged=settings.access_log)  # type: ignore[method-assign]
    return server
