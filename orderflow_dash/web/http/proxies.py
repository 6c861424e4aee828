"""Who asks, also where reverse proxies stand between: the client's address, by which limits count.

A proxy tells address, scheme, host and port of its client in ``X-Forwarded-*`` headers. Anybody can send
such headers, so as many values as there are proxies of ours are believed, counted from the last, and none
where there is no proxy, or where the peer is not in the networks of the proxies.
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
    """Take address, scheme, host and port from the headers of so many proxies in front; 0: from none.

    ``proxies``: the networks of the last of them, as ``parse_proxies`` reads them; empty: any peer is one.
    The path prefix is no header's to tell: it is a setting, because the page's addresses are built with it.
    """
    if hops:
        plain: WSGIApplication = server.wsgi_app
        trusted = parse_proxies(proxies)
        fixed = ProxyFix(plain, x_for=hops, x_proto=hops, x_host=hops, x_port=hops)

        def of_trusted_peers(environ: WSGIEnvironment, start: StartResponse) -> Iterable[bytes]:
            return (fixed if trusted.trusts(peer_address(environ)) else plain)(environ, start)

        server.wsgi_app = of_trusted_peers if proxies.strip() else fixed  # type: ignore[method-assign,assignment]
        return
    told = False

    @server.before_request
    def tell_of_a_proxy_that_is_not_believed() -> None:
        nonlocal told
        if not told and "HTTP_X_FORWARDED_FOR" in request.environ:
            told = True
            log.warning(
                "a request came with X-Forwarded-For, which is not believed. If a reverse proxy is in front,"
                " set ORDERFLOW_PROXY_HOPS: all its clients count as one address"
            )
