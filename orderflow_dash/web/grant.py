"""The client of the current request, and what the guard has granted it."""

from __future__ import annotations

import hashlib
import time

from flask import g, has_request_context, request

from orderflow_dash.access.client import client_of
from orderflow_dash.access.embed_token import TokenScope
from orderflow_dash.runtime.client_limits import Client


def restrict_request(scope: TokenScope, token: str) -> None:
    """This request may see what the lock of a token opens and nothing else."""
    g.orderflow_scope = scope
    g.orderflow_token_digest = hashlib.blake2b(token.encode(), digest_size=16).hexdigest()


def token_digest() -> str:
    """What tells the token of this request from others; empty without one, and outside of a request."""
    return str(g.get("orderflow_token_digest", "")) if has_request_context() else ""


def current_scope() -> TokenScope | None:
    """What this request may see alone; None where it may see everything, and outside of a request."""
    scope: TokenScope | None = g.get("orderflow_scope") if has_request_context() else None
    return scope


def has_expired() -> bool:
    """Whether what let this request in has expired since."""
    scope = current_scope()
    return scope is not None and time.time() >= scope.expires


def mark_token() -> None:
    """This request carries a token, good or not: its address must go nowhere."""
    g.orderflow_token = True


def has_token() -> bool:
    """Whether the address of this request holds a token."""
    return bool(g.get("orderflow_token", False))


def mark_stranger() -> None:
    """This request is let in without access, to what is open to everybody."""
    g.orderflow_stranger = True


def is_stranger() -> bool:
    """Whether this request was let in without access."""
    return bool(g.get("orderflow_stranger", False))


def client_address() -> str:
    """Who asks, as limits count it; empty outside a request."""
    return client_of(request.remote_addr or "") if has_request_context() else ""


def current_client() -> Client:
    """The client of this request, by address and by the embed token that let it in; for shared places."""
    return Client(client_address(), token_digest())
