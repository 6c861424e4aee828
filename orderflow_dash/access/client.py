"""The client behind an address, for limits per client."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

_LONGEST: Final = 64  # characters of an invalid address: a proxy may send anything
_IPV6_SITE: Final = 64  # bits: the owner of one such address has all of them


@lru_cache(maxsize=4096)
def client_of(address: str) -> str:
    """The client at an address: for IPv6 its network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:_LONGEST]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed), _IPV6_SITE), strict=False))
