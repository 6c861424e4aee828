"""Origins from which a browser may send state-changing requests and open sockets.

A browser attaches logins to the requests of any page. It also sends the request's origin, which a page cannot
change.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

OPAQUE: Final = "null"  # the origin of a sandboxed frame or a local file
_PORTS: Final = {"http": 80, "https": 443}
_OWN_SITES: Final = frozenset({"same-origin", "none"})


class _HostPort(NamedTuple):
    host: str
    port: int


class Origins:
    """The server's own origin and the configured ones."""

    def __init__(self, allowed: str = "") -> None:
        """Raises ValueError with the valid form."""
        self._allowed = frozenset(_normal(each) for each in allowed.split())

    def accept(self, origin: str | None, host: str, site: str | None = None) -> bool:
        """Whether a request to ``host`` (``name`` or ``name:port``) may come from ``origin``.

        A request without an origin comes from a program, or from an old browser, where ``site``
        (Sec-Fetch-Site) decides. The scheme is not compared: a proxy that ends TLS changes it.
        """
        if origin is None:
            return site is None or site in _OWN_SITES
        try:
            normal = _normal(origin)
        except ValueError:
            return False
        if normal in self._allowed:
            return True
        scheme, _, place = normal.partition("://")
        return bool(place) and _host_port(place, scheme) == _host_port(host, scheme)


def _normal(origin: str) -> str:
    """An origin in the form that browsers send: lower case, without the scheme's own port."""
    if origin == OPAQUE:
        return origin
    valid = f"must be origins such as https://portal.example, or {OPAQUE}, separated by spaces"
    parts = urlsplit(origin)
    is_bare = origin.isascii() and origin.count("/") == 2 and not parts.username and not parts.password
    if parts.scheme not in _PORTS or not parts.hostname or not is_bare or set(origin) & set("?#@ ,*"):
        raise ValueError(valid)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    try:
        port = parts.port
    except ValueError:
        raise ValueError(valid) from None
    own = port is None or port == _PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" if own else f"{parts.scheme}://{host}:{port}"


def _host_port(host: str, scheme: str) -> _HostPort | None:
    """A host and its port, by default that of the scheme; None for an invalid host."""
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port
    except ValueError:
        return None
    return _HostPort(parts.hostname, port or _PORTS[scheme]) if parts.hostname else None
