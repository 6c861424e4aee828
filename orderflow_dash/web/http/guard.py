"""The one guard in front of everything: pages, callbacks, assets, exports, metrics and the socket alike.

It stands before every other handler of the server, so a route that is added later is behind it too; what is
unknown is refused like what is there. ``/health`` and ``/ready`` alone are open, because whoever asks them,
a load balancer, has no login; strangers are told no more than that the process lives and is ready.
"""

from __future__ import annotations

from typing import Final

from flask import Flask, Request, Response, request

from orderflow_dash.access.embed_token import EmbedTokens
from orderflow_dash.access.hosts import ServerNames
from orderflow_dash.access.origins import Origins
from orderflow_dash.settings import Settings
from orderflow_dash.web import grant
from orderflow_dash.web.http.embed_tokens import EmbedFrames
from orderflow_dash.web.http.logins import create_authenticator, text_response

OPEN: Final = frozenset({"health", "ready"})  # endpoints

_LONGEST_HOST: Final = 80
_FOREIGN_HOST: Final = (
    "This server does not answer to {host!r}."
    " Use https, its IP address, or a name in ORDERFLOW_ALLOWED_HOSTS."
)
_HARMLESS: Final = frozenset({"GET", "HEAD", "OPTIONS"})


def guard_access(server: Flask, settings: Settings) -> None:
    """Guard a server whose routes are all there, and give its embeddable panel routes for tokens."""
    authenticator = create_authenticator(settings)
    names = ServerNames(settings.allowed_hosts, settings.allowed_origins)
    is_open = settings.auth == "none"
    origins = Origins(settings.allowed_origins)
    is_key_set = "secret_key" in settings.model_fields_set
    tokens = EmbedTokens(settings.secret_key.get_secret_value())
    frames = EmbedFrames(server, tokens, is_key_set=is_key_set)

    def guard() -> Response | None:
        if not _is_readable(request):
            return text_response(400, "the query is no UTF-8")
        if is_open and not _is_for_us(request, names):
            if request.endpoint in OPEN:
                grant.mark_stranger()
                return None
            return text_response(
                403, _FOREIGN_HOST.format(host=request.environ.get("HTTP_HOST", "")[:_LONGEST_HOST])
            )
        if _does_something(request) and not _is_ours(request, origins):
            return text_response(403, "this page may not do that here")
        if frames.applies_to(request):
            return frames.authorize(request)
        if request.endpoint in OPEN and not authenticator.has_credentials(request):
            grant.mark_stranger()
            return None
        return authenticator.reject(request)

    server.before_request_funcs.setdefault(None, []).insert(0, guard)


def _is_readable(request: Request) -> bool:
    """Whether the query can be read at all: where it holds other bytes, whoever looks into it would fail."""
    try:
        request.query_string.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_for_us(request: Request, names: ServerNames) -> bool:
    """Whether a request names this server, by its own Host and by the one that a proxy reports.

    Over TLS the certificate has named it. Programs of old protocols name none; browsers always do.
    """
    if request.is_secure:
        return True
    before = request.environ.get("werkzeug.proxy_fix.orig", {}).get("HTTP_HOST")
    named = {request.environ.get("HTTP_HOST"), before} - {None}
    return all(names.include(str(host)) for host in named)


def _does_something(request: Request) -> bool:
    """Whether somebody else's page must not lead a browser to it: it changes something, or is a socket."""
    return request.method not in _HARMLESS or "websocket" in request.headers.get("Upgrade", "").lower()


def _is_ours(request: Request, origins: Origins) -> bool:
    headers = request.headers
    return origins.accept(headers.get("Origin"), request.host, headers.get("Sec-Fetch-Site"))
