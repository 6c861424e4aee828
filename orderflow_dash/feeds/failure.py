"""Why a connection or a request failed, in words that a person understands."""

from __future__ import annotations

import socket
import ssl
from urllib.parse import urlsplit

import httpx
from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus

_TOO_BIG = 1009
_STATUS = {
    403: "refused (HTTP 403): blocked or asked too often",
    418: "banned for asking too often (HTTP 418)",
    429: "asked too often (HTTP 429)",
    451: "not available from this location (HTTP 451)",
}


def describe_status(status: int) -> str:
    """What an HTTP status of a venue means."""
    return _STATUS.get(status, f"HTTP {status}")


def describe_failure(error: BaseException, url: str) -> str:
    """One line: the host and what went wrong."""
    return f"{urlsplit(url).hostname or url}: {_cause(error)}"


def _cause(error: BaseException) -> str:
    if isinstance(error, InvalidStatus):
        return describe_status(error.response.status_code)
    if isinstance(error, ConnectionClosed) and error.sent is not None and error.sent.code == _TOO_BIG:
        return "sent a frame that is too large"
    if isinstance(error, ConnectionClosed):
        code = error.rcvd.code if error.rcvd is not None else None
        return "connection lost" if code is None else f"closed the connection (code {code})"
    root: BaseException = error
    while root.__cause__ is not None or root.__context__ is not None:
        root = root.__cause__ or root.__context__ or root
    for each in (error, root):
        if isinstance(each, socket.gaierror):
            return "host name not found"
        if isinstance(each, ConnectionRefusedError):
            return "connection refused"
        if isinstance(each, ssl.SSLError):
            return f"TLS failed ({getattr(each, 'reason', None) or 'handshake'})"
        if isinstance(each, (TimeoutError, httpx.TimeoutException)):
            return "no answer in time"
    if isinstance(error, InvalidHandshake):
        return "no websocket there"
    return str(root)[:120] or type(root).__name__
