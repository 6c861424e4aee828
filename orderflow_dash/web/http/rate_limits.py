"""Rate limits per client address and kind of request; beyond a limit the response is 429 with Retry-After.

Cheap requests and those of monitors are not counted: files, ``/health``, ``/ready``, ``/metrics``.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Final, NamedTuple

from flask import Flask, Response, request
from limits import RateLimitItem, RateLimitItemPerMinute, RateLimitItemPerSecond
from limits.strategies import FixedWindowRateLimiter

from orderflow_dash.settings import Settings
from orderflow_dash.web import routes
from orderflow_dash.web.grant import client_address
from orderflow_dash.web.http.embed_tokens import TOKEN_ROOT
from orderflow_dash.web.http.rate_counters import RateCounters

log = logging.getLogger(__name__)

_UPDATE: Final = "_dash-update-component"
_PARTS: Final = ("_dash-layout", "_dash-dependencies")  # a page load requests both
_UPDATE_WINDOW_S: Final = 10  # the longest pause of a page that was limited
_UNKNOWN: Final = "unknown"  # client
_LOGGED: Final = RateLimitItemPerMinute(1)  # log lines of each client and kind


class _Kind(NamedTuple):
    name: str
    limit: RateLimitItem
    rate: str  # for messages


class _Kinds:
    """The kind of each request."""

    def __init__(self, settings: Settings) -> None:
        root, updates = settings.prefix, settings.update_rate
        window = RateLimitItemPerSecond(updates * _UPDATE_WINDOW_S, _UPDATE_WINDOW_S)
        self.updates = _Kind("page updates", window, f"{updates} page updates per second")
        # A page that was admitted must get its parts, even across the end of a window.
        self._parts = _per_minute("page parts", settings.page_rate * 2 * len(_PARTS))
        pages = _per_minute("pages", settings.page_rate)
        self._by_rule: dict[str, _Kind | None] = {
            root + routes.REPLAY: self.updates,
            root + routes.SOCKET: _per_minute("socket connections", settings.socket_rate),
            root + routes.EXPORT: _per_minute("exports", settings.export_rate),
            **dict.fromkeys((root + page for page in ("", *routes.PAGES, routes.HELP)), pages),
        }

    def of_request(self) -> _Kind | None:
        """The kind of this request; None where it does not count."""
        # A token route counts as the route it stands for.
        rule = "" if request.url_rule is None else request.url_rule.rule.replace(TOKEN_ROOT, "")
        if rule not in self._by_rule:
            self._by_rule[rule] = self._of_page(rule)
        return self._by_rule[rule]

    def _of_page(self, rule: str) -> _Kind | None:
        part = rule.rpartition("/")[2]  # each page has its own
        if part == _UPDATE:
            return self.updates
        return self._parts if part in _PARTS else None


def limit_rates(server: Flask, settings: Settings) -> None:
    """Count requests by client address and kind, and reject those beyond a limit."""
    kinds = _Kinds(settings)
    limiter = FixedWindowRateLimiter(RateCounters())

    @server.before_request
    def reject_excess() -> Response | None:
        kind = kinds.of_request()
        if kind is None:
            return None
        client = client_address() or _UNKNOWN
        if limiter.hit(kind.limit, kind.name, client):
            return None
        # Whole seconds, rounded up, so that a retry after them succeeds.
        reset_time = limiter.get_window_stats(kind.limit, kind.name, client).reset_time
        wait_s = max(1, math.ceil(reset_time - time.time()))
        message = f"Rate limit exceeded: {kind.rate} from your address ({client}). Try again in {wait_s} s."
        if limiter.hit(_LOGGED, "logged", kind.name, client):
            log.warning("rate limit exceeded: %s from %s", kind.rate, client)
        headers = {"Retry-After": str(wait_s), "Cache-Control": "no-store"}
        return Response(message + "\n", 429, headers, mimetype="text/plain")


def _per_minute(name: str, rate: int) -> _Kind:
    return _Kind(name, RateLimitItemPerMinute(rate), f"{rate} {name} per minute")
