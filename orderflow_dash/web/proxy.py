"""Who asks, also where reverse proxies stand between: the client's address, by which limits count.

A proxy tells address, scheme, host and port of its client in ``X-Forwarded-*`` headers. Anybody can send
such headers, so as many values as there are proxies of ours are believed, counted from the last, and none
where there is no proxy.
"""

from __future__ import annotations

import logging

from flask import Flask, has_request_context, request
from werkzeug.middleware.proxy_fix import ProxyFix

from ..access.client import client_of

log = logging.getLogger(__name__)


def believe_proxies(server: Flask, hops: int) -> None:
    """Take address, scheme, host and port from the headers of so many proxies in front; 0: from none.

    The path prefix is no header's to tell: it is a setting, because the page's addresses are built with it.
    """
    if hops:
        server.wsgi_app = ProxyFix(server.wsgi_app, x_for=hops, x_proto=hops, x_host=hops, x_port=hops)  # type: ignore[method-assign]
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


def client_address() -> str:
    """Who asks, as limits count it; empty outside a request."""
    return client_of(request.remote_addr or "") if has_request_context() else ""
