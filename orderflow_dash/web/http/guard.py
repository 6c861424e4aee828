"""Access control in front of every route: pages, callbacks, assets, exports, metrics and the socket.

The guard runs before every other handler, so routes that are added later are behind it too, and unknown paths
are rejected like known ones. Only ``/health`` and ``/ready`` are open, because load balancers have no login;
without access they return no details.
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
    """Guard a server whose routes are complete, and add the routes for embed tokens."""
    authenticator = create_authenticator(settings)
    names = ServerNames(settings.allowed_hosts, settings.allowed_origins)
    is_open = settings.auth == "none"
    origins = Origins(settings.allowed_origins)
    is_key_set = "secret_key" in settings.model_fields_set
    tokens = EmbedTokens(settings.secret_key.get_secret_value())
    frames = EmbedFrames(server, tokens, is_key_set=is_key_set)

    def guard() -> Response | None:
        if not _is_readable(request):
            return text_response(400, "query is not valid UTF-8")
        if is_open and not _names_this_server(request, names):
            if request.endpoint in OPEN:
                grant.mark_stranger()
                return None
            return text_response(
                403, _FOREIGN_HOST.format(host=request.environ.get("HTTP_HOST", "")[:_LONGEST_HOST])
            )
        if _needs_same_origin(request) and not _is_allowed_origin(request, origins):
            return text_response(403, "cross-origin request blocked")
        if frames.applies_to(request):
            return frames.authorize(request)
        if request.endpoint in OPEN and not authenticator.has_credentials(request):
            grant.mark_stranger()
            return None
        return authenticator.reject(request)

    server.before_request_funcs.setdefault(None, []).insert(0, guard)


def _is_readable(request: Request) -> bool:
    """Whether the query is UTF-8; handlers would fail on other bytes."""
    try:
        request.query_string.decode()
    except UnicodeDecodeError:
        return False
    return True


def _names_this_server(request: Request, names: ServerNames) -> bool:
    """Whether a request names this server, by its own Host and by the one that a proxy reports.

    Over TLS the certificate names it. HTTP/1.0 clients may send no Host; browsers always do.
    """
    if request.is_secure:
        return True
    before = request.environ.get("werkzeug.proxy_fix.orig", {}).get("HTTP_HOST")
    named = {request.environ.get("HTTP_HOST"), before} - {None}
    return all(names.include(str(host)) for host in named)


def _needs_same_origin(request: Request) -> bool:
    """Whether a page of another origin must not send it: it changes state, or opens a socket."""
    return request.method not in _HARMLESS or "websocket" in request.headers.get("Upgrade", "").lower()


def _is_allowed_origin(request: Request, origins: Origins) -> bool:
    headers = request.headers
    return origins.accept(headers.get("Origin"), request.host, headers.get("Sec-Fetch-Site"))
