"""Authentication of requests: none, HTTP Basic, or a header of a trusted proxy."""

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
    """One method of authentication."""

    def has_credentials(self, request: Request) -> bool:
        """Whether a request carries the credentials of this method, valid or not."""

    def reject(self, request: Request) -> Response | None:
        """The response to a request without access; None for one with access."""


class NoAuth:
    """Access for everyone."""

    def has_credentials(self, request: Request) -> bool:  # noqa: ARG002 - the protocol's signature
        """True: every request has access."""
        return True

    def reject(self, request: Request) -> None:
        """None."""


class BasicAuth:
    """HTTP Basic."""

    def __init__(self, logins: Logins) -> None:
        self._logins = logins

    def has_credentials(self, request: Request) -> bool:
        return "Authorization" in request.headers

    def reject(self, request: Request) -> Response | None:
        """401 with a challenge; 429 while a client has failed too often."""
        login = request.authorization
        if login is None or login.type != "basic":
            return self._challenge("user name and password required")
        verdict = self._logins.check(login.username or "", login.password or "", request.remote_addr or "")
        if verdict.wait_s:
            wait = f"too many failed logins; try again in {verdict.wait_s} s"
            return text_response(429, wait, {"Retry-After": str(verdict.wait_s)})
        return None if verdict.is_valid else self._challenge("wrong user name or password")

    def _challenge(self, cause: str) -> Response:
        return text_response(401, cause, {"WWW-Authenticate": f'Basic realm="{_REALM}", charset="UTF-8"'})


class ProxyAuth:
    """A user header, trusted only from the networks of the proxies."""

    def __init__(self, header: str, proxies: str) -> None:
        self._header = header
        self._proxies = parse_proxies(proxies)

    def has_credentials(self, request: Request) -> bool:
        return self._header in request.headers

    def reject(self, request: Request) -> Response | None:
        """401 without a user, or from a peer outside of the proxies' networks."""
        user = request.headers.get(self._header, "")
        # A repeated header arrives joined by a comma: one of its values is not the proxy's.
        if self._proxies.trusts(peer_address(request.environ)) and _USER.fullmatch(user):
            return None
        # 401 requires a challenge; browsers have no login dialog for this one.
        return text_response(
            401, "sign in at the proxy of this app", {"WWW-Authenticate": f'Proxy realm="{_REALM}"'}
        )


def create_authenticator(settings: Settings) -> Authenticator:
    """The method that the settings choose."""
    if settings.auth == "basic":
        return BasicAuth(Logins(parse_users(settings.users.get_secret_value())))
    if settings.auth == "proxy":
        return ProxyAuth(settings.user_header, settings.trusted_proxies)
    return NoAuth()


def text_response(status: int, cause: str, headers: dict[str, str] | None = None) -> Response:
    """An error as one line of text."""
    return Response(f"{cause}\n", status, headers, mimetype="text/plain")
