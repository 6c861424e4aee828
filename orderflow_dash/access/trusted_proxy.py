"""The reverse proxies in front of the app, by network."""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from typing import Final, NamedTuple

UNIX: Final = "unix"  # peers of a unix socket, whose file permissions control access

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class TrustedProxies(NamedTuple):
    """The networks of the proxies."""

    networks: tuple[_Network, ...] = ()
    unix: bool = False

    def trusts(self, peer: str) -> bool:
        """Whether an address, as returned by ``peer_address``, is a proxy's."""
        if not peer:
            return self.unix
        try:
            address = ipaddress.ip_address(peer)
        except ValueError:
            return False
        if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
            address = address.ipv4_mapped  # the form of an IPv6 listener
        return any(address.version == each.version and address in each for each in self.networks)


def parse_proxies(text: str) -> TrustedProxies:
    """Networks and ``unix``, separated by spaces or commas. Raises ValueError with the valid form."""
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
    """The address of the connection's peer, ignoring headers; empty for a unix socket."""
    before = environ.get("werkzeug.proxy_fix.orig")
    source = before if isinstance(before, Mapping) else environ
    return str(source.get("REMOTE_ADDR") or "")
