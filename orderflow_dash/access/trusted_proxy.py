"""Which peers may say who a user is: the proxies in front of the app, by network."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final, NamedTuple

UNIX: Final = "unix"  # the word for peers of a unix socket: who may open the file is up to its permissions

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies(NamedTuple):
    """The networks that proxies are in."""

    networks: tuple[_Network, ...] = ()
    unix: bool = False

    def trusts(self, peer: str) -> bool:
        """Whether an address, as ``peer_address`` tells it, is a proxy's."""
        if not peer:
            return self.unix
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # how an IPv6 listener sees it
        return any(address.version == each.version and address in each for each in self.networks)


def parse_proxies(text: str) -> TrustedProxies:
    """Networks by spaces or commas, and the word ``unix``. Raises ValueError, which says what is accepted."""
    words = text.replace(",", " ").split()
    try:
        networks = tuple(ipaddress.ip_network(word) for word in words if word != UNIX)
    except ValueError as error:
        raise ValueError(
            f"must be networks such as 10.1.2.0/24, addresses, or {UNIX}, separated by spaces: {error}"
        ) from error
    if any(not each.prefixlen for each in networks):
        raise ValueError(
            "must be the networks of your proxies: a network of all addresses trusts every client"
        )
    return TrustedProxies(networks, UNIX in words)


def peer_address(environ: Mapping[str, object]) -> str:
    """Who opened the connection, whatever headers say; empty for a unix socket."""
    before = environ.get("werkzeug.proxy_fix.orig")
    told = before if isinstance(before, Mapping) else environ
    return str(told.get("REMOTE_ADDR") or "")
