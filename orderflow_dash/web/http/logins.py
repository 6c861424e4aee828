"""The ways to come in: everybody, by name and password, by the word of a proxy."""

from __future__ import annotations

import re
from typing import Final, Protocol

from flask import Request, Response

from orderflow_dash.access.logins import Logins
from orderflow_dash.access.trusted_proxy import parse_proxies, peer_address
from orderflow_dash.access.users import parse_users
from orderflow_dash.settings import Settings

_REALM: Final = "orderflow_dash"
_USER: Final = re.compile(r"[^\s,\x00-\x1f\x7f]([^,\x00-\x1f\x7f]{0,253}[^\s,\x00-\x1f\x7f])?")


class Authenticator(Protocol):
    """One way to come in."""

    def has_credentials(self, request: Request) -> bool:
        """Whether a request brings what this gate looks at."""

    def reject(self, request: Request) -> Response | None:
        """The answer for a request that may not come in; None where it may."""


class NoAuth:
    """Everybody may come in."""

    def has_credentials(self, request: Request) -> bool:  # noqa: ARG002 - as every gate
        """Always: nobody is a stranger."""
        return True

    def reject(self, request: Request) -> None:
        """None."""


class BasicAuth:
    """HTTP Basic."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    def has_credentials(self, request: Request) -> bool:
        """With any login."""
        return "Authorization" in request.headers

    def reject(self, request: Request) -> Response | None:
        """401 with a challenge; 429 while a client has failed too often."""
        login = request.authorization
        if login is None or login.type != "basic":
            return self._challenge("a name and a password are needed")
        verdict = self._logins.check(login.username or "", login.password or "", request.remote_addr or "")
        if verdict.wait_s:
            wait = f"too many wrong logins; try again in {verdict.wait_s} s"
            return text_response(429, wait, {"Retry-After": str(verdict.wait_s)})
        return None if verdict.is_right else self._challenge("wrong name or password")

    def _challenge(self, cause: str) -> Response:
        return text_response(401, cause, {"WWW-Authenticate": f'Basic realm="{_REALM}", charset="UTF-8"'})


class ProxyAuth:
    """A header of a proxy that has let the user in; nobody else's word counts."""

    def __init__(self, header: str, proxies: str) -> None:
        self._header = header
        self._proxies = parse_proxies(proxies)

    def has_credentials(self, request: Request) -> bool:
        """With the header, whoever wrote it."""
        return self._header in request.headers

    def reject(self, request: Request) -> Response | None:
        """401: there is no user, or the peer is none of the proxies."""
        user = request.headers.get(self._header, "")
        # A header that stands twice comes joined by a comma: one of the two is not the proxy's.
        if self._proxies.trusts(peer_address(request.environ)) and _USER.fullmatch(user):
            return None
        # A challenge must stand there, and no browser has a login for this one.
        return text_response(
            401, "sign in at the proxy of this app", {"WWW-Authenticate": f'Proxy realm="{_REALM}"'}
        )


def create_authenticator(settings: Settings) -> Authenticator:
    """The gate that the settings choose."""
    if settings.auth == "basic":
        return BasicAuth(Logins(parse_users(settings.users.get_secret_value())))
    if settings.auth == "proxy":
        return ProxyAuth(settings.user_header, settings.trusted_proxies)
    return NoAuth()


def text_response(status: int, cause: str, headers: dict[str, str] | None = None) -> Response:
    """A refusal as one line of text."""
    return Response(f"{cause}\n", status, headers, mimetype="text/plain")
