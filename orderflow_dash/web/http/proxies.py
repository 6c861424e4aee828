"""The client's address behind reverse proxies; limits count by it.

A proxy sends address, scheme, host and port of its client in ``X-Forwarded-*`` headers. Any client can send
such headers, so only as many values are trusted as there are configured proxies, counted from the last, and
none if the peer is outside of the proxies' networks.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from flask import Flask, request
from werkzeug.middleware.proxy_fix import ProxyFix

from orderflow_dash.access.trusted_proxy import parse_proxies, peer_address

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

log = logging.getLogger(__name__)


def trust_proxies(server: Flask, hops: int, proxies: str = "") -> None:
    """Take address, scheme, host and port from the headers of ``hops`` proxies; 0: ignore the headers.

    ``proxies``: the networks of the last proxy, in the form of ``parse_proxies``; empty: any peer is trusted.
    The path prefix is a setting, not a header, because the page's URLs are built with it.
    """
    if hops:
        plain: WSGIApplication = server.wsgi_app
        trusted = parse_proxies(proxies)
        fixed = ProxyFix(plain, x_for=hops, x_proto=hops, x_host=hops, x_port=hops)

        def fix_trusted_peers(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            return (fixed if trusted.trusts(peer_address(environ)) else plain)(environ, start)

        server.wsgi_app = fix_trusted_peers if proxies.strip() else fixed  # type: ignore[method-assign,assignment]
        return
    has_warned = False

    @server.before_request
    def warn_of_ignored_proxy() -> None:
        nonlocal has_warned
        if not has_warned and "HTTP_X_FORWARDED_FOR" in request.environ:
            has_warned = True
            log.warning(
                "X-Forwarded-For ignored. If a reverse proxy is in front, set ORDERFLOW_PROXY_HOPS:"
                " otherwise all its clients count as one address"
            )
