"""The warning for a server that is public without access control."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable


def exposure_warning(addresses: Iterable[object], auth: str) -> str | None:
    """The warning for a public server without access control; None for a guarded or local server.

    ``addresses``: results of ``getsockname``, a tuple that starts with the host or the path of a unix socket.
    """
    if auth != "none":
        return None
    public = [
        f"{each[0]}:{each[1]}" for each in addresses if isinstance(each, tuple) and not _is_local(each[0])
    ]
    if not public:
        return None
    return (
        f"NO ACCESS CONTROL: anyone who can reach {', '.join(public)} has full access,"
        " including replay control."
        " Set ORDERFLOW_AUTH to basic or proxy, or restrict access to your proxy (docs/secure.md)"
    )


def _is_local(host: str) -> bool:
    return ipaddress.ip_address(host.partition("%")[0]).is_loopback
