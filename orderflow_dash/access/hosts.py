"""Host names that the server answers to without other access control.

A page can point its own name at the address of this server (DNS rebinding). A browser then treats the
responses as that site's own, so the page can read and send everything. Only the request's ``Host`` header
shows the foreign name. The attack needs a name, not an address, and fails over TLS, where the certificate
names the host.
"""

from __future__ import annotations

import ipaddress
import re
import socket
from typing import Final
from urllib.parse import urlsplit

from orderflow_dash.access.origins import OPAQUE

_NAME: Final = re.compile(r"[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*")
_PORT: Final = re.compile(r":[0-9]{0,5}")


class ServerNames:
    """Loopback names, addresses, the machine's own name, and configured names."""

    def __init__(self, hosts: str = "", origins: str = "") -> None:
        """``hosts`` and ``origins`` are separated by spaces; the hosts of the origins count too."""
        named = {name.lower() for name in hosts.split()}
        of_origins = {urlsplit(each).hostname or "" for each in origins.split() if each != OPAQUE}
        self._names = frozenset({"localhost", socket.gethostname().lower(), *named, *of_origins} - {""})

    def include(self, host: str) -> bool:
        """Whether a ``Host`` (``name`` or ``name:port``) is a name of this server."""
        name = _name_of(host)
        return name is not None and (_is_address(name) or name in self._names or name.endswith(".localhost"))


def check_allowed_hosts(value: str) -> str:
    """Check names separated by spaces. Raises ValueError with the valid form."""
    for each in value.split():
        if not _NAME.fullmatch(each.lower()):
            raise ValueError(
                "must be host names such as flow.example.com, without scheme and port, separated by spaces"
            )
    return value


def _name_of(host: str) -> str | None:
    """The name in lower case, without port and final dot; None for an invalid host."""
    if host.startswith("["):
        name, bracket, port = host[1:].partition("]")
        return name if bracket and (not port or _PORT.fullmatch(port)) and _is_address(name) else None
    name, _, port = host.partition(":")
    name = name.lower().removesuffix(".")
    return name if _NAME.fullmatch(name) and _PORT.fullmatch(f":{port}") else None


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True
