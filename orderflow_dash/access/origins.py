"""Which pages a browser may send from: what changes something, and every socket, comes from our own pages.

Browsers add a login by themselves, to what any page makes them send. What they also add, and no page can
change, is where a request comes from.
"""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

OPAQUE: Final = "null"  # what a browser calls a page without an origin: a sandboxed frame, a local file
_PORTS: Final = {"http": 80, "https": 443}
_OWN_SITES: Final = frozenset({"same-origin", "none"})


class _Place(NamedTuple):
    host: str
    port: int


class Origins:
    """Our own origin, whatever it is called, and those that a setting allows."""

    def __init__(self, allowed: str = "") -> None:
        """Raises ValueError, which says what is accepted."""
        self._allowed = frozenset(_normal(each) for each in allowed.split())

    def accept(self, origin: str | None, host: str, site: str | None = None) -> bool:
        """Whether a request to ``host`` (``name`` or ``name:port``) may come from ``origin``.

        Without one it comes from a program, or from an old browser, where ``site`` (Sec-Fetch-Site) may
        tell more. The scheme is left out of the comparison: a proxy that ends TLS changes it.
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
        return bool(place) and _place(place, scheme) == _place(host, scheme)


def _normal(origin: str) -> str:
    """An origin in the form that browsers send: lower case, without the scheme's own port."""
    if origin == OPAQUE:
        return origin
    accepted = f"must be origins such as https://portal.example, or {OPAQUE}, separated by spaces"
    parts = urlsplit(origin)
    is_bare = origin.isascii() and origin.count("/") == 2 and not parts.username and not parts.password
    if parts.scheme not in _PORTS or not parts.hostname or not is_bare or set(origin) & set("?#@ ,*"):
        raise ValueError(accepted)
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    try:
        port = parts.port
    except ValueError:
        raise ValueError(accepted) from None
    own = port is None or port == _PORTS[parts.scheme]
    return f"{parts.scheme}://{host}" if own else f"{parts.scheme}://{host}:{port}"


def _place(host: str, scheme: str) -> _Place | None:
    """A host and its port, where none is named that of the scheme; None where it is no host."""
    try:
        parts = urlsplit(f"//{host}")
        port = parts.port
    except ValueError:
        return None
    return _Place(parts.hostname, port or _PORTS[scheme]) if parts.hostname else None
