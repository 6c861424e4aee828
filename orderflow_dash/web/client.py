"""The client of a request: by address and by embed token."""

from __future__ import annotations

from flask import has_request_context, request

from orderflow_dash.access.client import client_of
from orderflow_dash.runtime.client_limits import Client
from orderflow_dash.web import grant


def client_address() -> str:
    """The client address that limits count; empty outside of a request."""
    return client_of(request.remote_addr or "") if has_request_context() else ""


def current_client() -> Client:
    """The client of this request for shared limits: its address and its embed token."""
    return Client(client_address(), grant.token_digest())
