"""Whom an address stands for, wherever something is counted by client."""

from __future__ import annotations

import ipaddress
from functools import lru_cache
from typing import Final

_LONGEST: Final = 64  # of what is no address: a proxy may say anything
_IPV6_SITE: Final = 64  # bits: whoever has one such address has all of them


@lru_cache(maxsize=4096)
def client_of(address: str) -> str:
    """The client at an address: of IPv6 the network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address[:_LONGEST]
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    return str(parsed.ipv4_mapped or ipaddress.ip_network((int(parsed), _IPV6_SITE), strict=False))
