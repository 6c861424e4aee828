"""What a person or a program sees: page, panel, socket, health."""

from __future__ import annotations

from flask import Flask

from ..hub import Hub
from ..settings import Settings
from .app import create_dash
from .edge import guard_edge
from .health import register_health
from .socket import register_socket


def create_server(hub: Hub, settings: Settings) -> Flask:
    """The whole web side as one WSGI application."""
    server: Flask = create_dash(hub, settings).server
    guard_edge(server)
    register_socket(server, hub, settings)
    register_health(server, hub)
    return server
