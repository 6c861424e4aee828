"""Security and cache headers of every response."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from flask import Flask, Response, request

from orderflow_dash.web import grant

_PAGE: Final = (
    "default-src 'self'; script-src 'self' {hashes}; style-src 'self' 'unsafe-inline';"
    " img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none';"
    " frame-src 'none'; base-uri 'none'; form-action 'none'"
)
"""Inline styles are allowed because Plotly and the grids write them; inline scripts only by hash."""

_NO_PAGE: Final = "default-src 'none'"
_ALWAYS: Final = (
    ("X-Content-Type-Options", "nosniff"),
    (
        "Permissions-Policy",
        "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    ),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
)
_HSTS: Final = "max-age=31536000"
_STATIC: Final = ("/_dash-component-suites/", "/assets/")


def send_headers(
    server: Flask, script_hashes: Sequence[str], frame_ancestors: str, *, is_guarded: bool
) -> None:
    """Add the headers to every response of a server.

    ``script_hashes``: hashes of the inline scripts; ``frame_ancestors``: pages that may frame the app;
    ``is_guarded``: access control is on.
    """
    page = _PAGE.format(hashes=" ".join(script_hashes))

    @server.after_request
    def complete(response: Response) -> Response:
        headers = response.headers
        own = headers.get("Content-Security-Policy")
        policy = own or (page if response.mimetype == "text/html" else _NO_PAGE)
        headers["Content-Security-Policy"] = f"{policy}; frame-ancestors {frame_ancestors}"
        headers.extend(_ALWAYS)
        has_token = grant.has_token()
        headers["Referrer-Policy"] = "no-referrer" if has_token else "same-origin"
        if request.is_secure:
            headers["Strict-Transport-Security"] = _HSTS
        if is_guarded or has_token:
            _cache_privately(response)
        return response


def _cache_privately(response: Response) -> None:
    """Forbid caching of responses that need access; only the browser may cache scripts and styles."""
    rule = request.url_rule
    if rule is not None and any(part in rule.rule for part in _STATIC) and response.status_code < 400:
        response.cache_control.public = False
        response.cache_control.private = True
    else:
        response.headers["Cache-Control"] = "no-store"
