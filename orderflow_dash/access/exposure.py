"""Whether the app stands open to strangers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def exposure_warning(addresses: Iterable[object], access: str) -> str | None:
    """The warning for a server without access control; None where no stranger can reach it.

    ``addresses``: what the sockets listen on, as ``getsockname`` tells it: a tuple that begins with the
    host, or the path of a unix socket.
    """
    if access != "none":
        return None
    public = [
        f"{each[0]}:{each[1]}" for each in addresses if isinstance(each, tuple) and not _is_local(each[0])
    ]
    if not public:
        return None
    return (
        f"NO ACCESS CONTROL: whoever reaches {', '.join(public)} sees everything and steers replays."
        " Set ORDERFLOW_AUTH to basic or proxy, or let only your own proxy reach it (docs/secure.md)"
    )


def _is_local(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
