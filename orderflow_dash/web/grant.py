"""The client of the current request, and its grant from the guard."""

from __future__ import annotations

import hashlib
import time

from flask import g, has_request_context, request

from orderflow_dash.access.client import client_of
from orderflow_dash.access.embed_token import TokenScope
from orderflow_dash.runtime.client_limits import Client


def restrict_request(scope: TokenScope, token: str) -> None:
    """Limit this request to the scope of a token."""
    g.orderflow_scope = scope
    g.orderflow_token_digest = hashlib.blake2b(token.encode(), digest_size=16).hexdigest()


def token_digest() -> str:
    """The digest of this request's token; empty without one, and outside of a request."""
    return str(g.get("orderflow_token_digest", "")) if has_request_context() else ""


def current_scope() -> TokenScope | None:
    """The scope of this request's token; None for full access, and outside of a request."""
    scope: TokenScope | None = g.get("orderflow_scope") if has_request_context() else None
    return scope


def has_expired() -> bool:
    """Whether this request's token has expired since the request started."""
    scope = current_scope()
    return scope is not None and time.time() >= scope.expires


def mark_token() -> None:
    """Mark a request with a token, valid or not: its URL must not leak."""
    g.orderflow_token = True


def has_token() -> bool:
    """Whether the URL of this request contains a token."""
    return bool(g.get("orderflow_token", False))


def mark_stranger() -> None:
    """Mark a request without access to an open endpoint."""
    g.orderflow_stranger = True


def is_stranger() -> bool:
    """Whether this request has no access."""
    return bool(g.get("orderflow_stranger", False))


def client_address() -> str:
    """The client of the request, as limits count it; empty outside a request."""
    return client_of(request.remote_addr or "") if has_request_context() else ""


def current_client() -> Client:
    """The client of this request, by address and by the embed token that let it in; for shared places."""
    return Client(client_address(), token_digest())
