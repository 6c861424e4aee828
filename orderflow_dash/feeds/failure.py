"""Plain causes of failed connections and requests."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator, Sequence
from urllib.parse import urlsplit

import httpx
import python_socks
from websockets.exceptions import (
    ConnectionClosed,
    InvalidHandshake,
    InvalidProxyStatus,
    InvalidStatus,
    ProxyError,
)

from orderflow_dash.feeds.proxies import Proxy

_NEEDS_LOGIN = 407
_TOO_BIG = 1009
_STATUS = {
    403: "refused (HTTP 403): blocked or rate-limited",
    418: "banned for asking too often (HTTP 418)",
    429: "rate-limited (HTTP 429)",
    451: "not available from this location (HTTP 451)",
}


def describe_status(status: int, proxy: Proxy | None = None) -> str:
    """The meaning of an HTTP status, of a venue or of the proxy in front of it."""
    if proxy is not None and status == _NEEDS_LOGIN:
        return f"proxy {proxy.label}: {_proxy_status(status)}"
    return _STATUS.get(status, f"HTTP {status}")


def describe_failure(error: BaseException, url: str, proxy: Proxy | None = None) -> str:
    """One line: the host and the cause; the proxy if the failure was its own."""
    host = urlsplit(url).hostname or url
    if proxy is None:
        return f"{host}: {_cause(error)}"
    chain = list(_chain(error))
    if any(isinstance(each, _OF_PROXY) for each in chain):
        return f"{host}: proxy {proxy.label}: {_proxy_cause(error, chain)}"
    if _cause(error) == _LATE:
        return f"{host}: {_LATE}, through proxy {proxy.label}"
    return f"{host}: {_cause(error)}"


# With a proxy, this server opens no other connection and looks up no other name.
_OF_PROXY = (
    ProxyError,
    httpx.ProxyError,
    python_socks.ProxyError,
    python_socks.ProxyConnectionError,
    ConnectionRefusedError,
    socket.gaierror,
)
_LATE = "no answer in time"


def _chain(error: BaseException) -> Iterator[BaseException]:
    each: BaseException | None = error
    while each is not None:
        yield each
        each = each.__cause__ or each.__context__


def _proxy_cause(error: BaseException, chain: Sequence[BaseException]) -> str:
    refusal = next((each for each in chain if isinstance(each, InvalidProxyStatus)), None)
    if refusal is not None:
        return _proxy_status(refusal.response.status_code)
    if (
        isinstance(error, httpx.ProxyError) and str(error)[:3].isdecimal()
    ):  # "407 Proxy Authentication Required"
        return _proxy_status(int(str(error)[:3]))
    reply = next((each for each in chain if isinstance(each, python_socks.ProxyError)), None)
    return _cause(error) if reply is None else str(reply)[:120] or "refused"


def _proxy_status(status: int) -> str:
    return "authentication required (HTTP 407)" if status == _NEEDS_LOGIN else f"HTTP {status}"


def _cause(error: BaseException) -> str:
    if isinstance(error, InvalidStatus):
        return describe_status(error.response.status_code)
    if isinstance(error, ConnectionClosed) and error.sent is not None and error.sent.code == _TOO_BIG:
        return "sent a frame that is too large"
    if isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd is not None else None
        return "connection lost" if code is None else f"closed the connection (code {code})"
    *_, root = _chain(error)
    for each in (error, root):
        if isinstance(each, socket.gaierror):
            return "host name not found"
        if isinstance(each, ConnectionRefusedError):
            return "connection refused"
        if isinstance(each, ssl.SSLError):
            return f"TLS failed ({getattr(each, 'reason', None) or 'handshake'})"
        if isinstance(each, (TimeoutError, httpx.TimeoutException)):
            return _LATE
    if isinstance(error, InvalidHandshake):
        return "no websocket there"
    return str(root)[:120] or type(root).__name__
