"""The proxy of a URL, from the environment, with the same rules for REST and websockets.

``https_proxy`` serves https and wss, ``http_proxy`` http and ws; ``wss_proxy`` and ``ws_proxy`` come first
for websockets and ``all_proxy`` last for all. A lower-case name wins over its upper-case form. ``no_proxy``
lists hosts, domains and networks that are reached directly; loopback always is.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final
from urllib.parse import quote, unquote, urlsplit

_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_VARIABLES: Final = {
    "https": ("https_proxy", "all_proxy"),
    "http": ("http_proxy", "all_proxy"),
    "wss": ("wss_proxy", "https_proxy", "all_proxy"),
    "ws": ("ws_proxy", "http_proxy", "all_proxy"),
}
_DEFAULT_PORTS: Final = {
    "http": 80,
    "https": 443,
    "socks4": 1080,
    "socks4a": 1080,
    "socks5": 1080,
    "socks5h": 1080,
}
_URL_PORTS: Final = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_ALIASES: Final = {"socks": "socks5h"}  # as GNOME writes it
_VALID: Final = (
    # A login written out before the @ would look like a secret to the log, and be struck out.
    "valid is scheme://[login@]host[:port] with the login user:password"
    " and the scheme http, https, socks4, socks4a, socks5 or socks5h"
)
_USER_INFO: Final = re.compile(r"^([A-Za-z0-9+.-]*://)?.*@", re.DOTALL)


class ProxyRefused(ValueError):
    """An unusable proxy variable: its name, its value without the password, and the valid forms."""


@dataclass(frozen=True, slots=True)
class Proxy:
    """A usable proxy. ``scheme`` is http, https, socks4, socks4a, socks5 or socks5h."""

    scheme: str
    host: str
    port: int
    user: str | None = None
    password: str = ""

    @property
    def label(self) -> str:
        """``host:port``, which holds no secret."""
        return f"{_bracketed(self.host)}:{self.port}"

    @property
    def is_socks(self) -> bool:
        """Whether it is a SOCKS proxy."""
        return self.scheme.startswith("socks")

    @property
    def url(self) -> str:
        """The whole address, credentials included; never for a log or a page."""
        if self.user is None:
            return f"{self.scheme}://{self.label}"
        return f"{self.scheme}://{quote(self.user, safe='')}:{quote(self.password, safe='')}@{self.label}"


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = urlsplit(url).hostname or ""
    if host in _LOOPBACK:
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def proxy_of(url: str, environ: Mapping[str, str] | None = None) -> Proxy | None:
    """The proxy for an http, https, ws or wss URL; None where it is reached directly. Raises ProxyRefused."""
    environ = os.environ if environ is None else environ
    if is_loopback(url) or _is_direct(url, _value(environ, "no_proxy")[1]):
        return None
    for name in _VARIABLES.get(urlsplit(url).scheme, ()):
        variable, value = _value(environ, name)
        if value:
            return _parsed(variable, value)
    return None


def _value(environ: Mapping[str, str], name: str) -> tuple[str, str]:
    """A variable by either spelling; an empty lower-case one overrides the other."""
    if name in environ:
        return name, environ[name].strip()
    if name == "http_proxy" and "REQUEST_METHOD" in environ:
        return name, ""  # under CGI, HTTP_PROXY is a header that a client sent
    return name.upper(), environ.get(name.upper(), "").strip()


def _parsed(variable: str, value: str) -> Proxy:
    try:
        parts = urlsplit(value if "://" in value else f"http://{value}")
        scheme = _ALIASES.get(parts.scheme, parts.scheme)
        host, port = parts.hostname, parts.port
        if scheme not in _DEFAULT_PORTS or not host or port == 0 or parts.path not in ("", "/"):
            raise ValueError(value)
        if parts.query or parts.fragment or not _is_host(host):
            raise ValueError(value)
        user = None if parts.username is None else unquote(parts.username, errors="strict")
        password = unquote(parts.password or "", errors="strict")
    except ValueError:
        shown = _USER_INFO.sub(r"\1***@", value)[:80]
        raise ProxyRefused(f"{variable} is {shown!r}, which is not a usable proxy: {_VALID}") from None
    return Proxy(scheme, host, port or _DEFAULT_PORTS[scheme], user, password)


def _is_host(text: str) -> bool:
    return re.fullmatch(r"[A-Za-z0-9._:%-]+", text) is not None


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _is_direct(url: str, no_proxy: str) -> bool:
    parts = urlsplit(url)
    host = (parts.hostname or "").rstrip(".")
    port = parts.port or _URL_PORTS.get(parts.scheme)
    return any(_covers(entry, host, port) for entry in re.split(r"[,\s]+", no_proxy.lower()) if entry)


def _covers(entry: str, host: str, port: int | None) -> bool:
    """Whether one entry of ``no_proxy`` names a host: itself, a domain of it, its network, or ``*``."""
    if entry == "*":
        return True
    try:
        network = ip_network(entry.strip("[]"), strict=False)
        return ip_address(host) in network
    except ValueError:
        pass  # a name, or a host that is not an address
    name, _, entry_port = entry.rpartition(":")
    if entry_port.isdecimal() and name and not _is_ipv6(entry):
        if int(entry_port) != port:
            return False
        entry = name
    entry = entry.strip("[]").removeprefix("*").strip(".")
    return bool(entry) and (host == entry or host.endswith(f".{entry}"))


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True
