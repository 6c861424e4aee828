"""The client of a request: by address, and by the embed token that let it in."""

from __future__ import annotations

from flask import has_request_context, request

from orderflow_dash.access.client import client_of
from orderflow_dash.runtime.client_limits import Client
from orderflow_dash.web import grant


def client_address() -> str:
    """Who asks, as limits count it; empty outside a request."""
    return client_of(request.remote_addr or "") if has_request_context() else ""


def current_client() -> Client:
    """The client of this request, by address and by the embed token that let it in; for shared places."""
    return Client(client_address(), grant.token_digest())
