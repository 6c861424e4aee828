"""How often one client address may ask, by kind of request; beyond it the answer is 429 and says when.

What is cheap, or what monitors ask, is not counted: files, ``/health``, ``/ready``, ``/metrics``.
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
from orderflow_dash.web.client import client_address
from orderflow_dash.web.http.embed_tokens import HELD
from orderflow_dash.web.http.rate_counters import RateCounters

log = logging.getLogger(__name__)

_UPDATE: Final = "_dash-update-component"
_PARTS: Final = ("_dash-layout", "_dash-dependencies")  # a page that loads asks for both
_UPDATE_WINDOW_S: Final = 10  # a page that was refused stands still for no longer
_UNKNOWN: Final = "unknown"  # client
_TOLD: Final = RateLimitItemPerMinute(1)  # in the log, of each client


class _Kind(NamedTuple):
    name: str
    limit: RateLimitItem
    rate: str  # as people read it


class _Kinds:
    """Which kind a request is."""

    def __init__(self, settings: Settings) -> None:
        root, updates = settings.prefix, settings.callback_rate
        window = RateLimitItemPerSecond(updates * _UPDATE_WINDOW_S, _UPDATE_WINDOW_S)
        self.updates = _Kind("updates of pages", window, f"{updates} a second")
        # A page that is let in must not be left without its parts, in whichever window those fall.
        self._parts = _per_minute("parts of pages", settings.page_rate * 2 * len(_PARTS))
        pages = _per_minute("pages", settings.page_rate)
        self._by_rule: dict[str, _Kind | None] = {
            root + routes.REPLAY: self.updates,
            root + routes.SOCKET: _per_minute("connections to the socket", settings.socket_rate),
            root + routes.EXPORT: _per_minute("exports", settings.export_rate),
            **dict.fromkeys((root + page for page in ("", *routes.PAGES, routes.HELP)), pages),
        }

    def of_request(self) -> _Kind | None:
        """The kind of this request; None where it does not count."""
        # What a token opens counts as what it is a way to.
        rule = "" if request.url_rule is None else request.url_rule.rule.replace(HELD, "")
        if rule not in self._by_rule:
            self._by_rule[rule] = self._of_page(rule)
        return self._by_rule[rule]

    def _of_page(self, rule: str) -> _Kind | None:
        part = rule.rpartition("/")[2]  # each page has its own
        if part == _UPDATE:
            return self.updates
        return self._parts if part in _PARTS else None


def limit_rates(server: Flask, settings: Settings) -> None:
    """Count requests by client address and kind, and refuse what is too often."""
    kinds = _Kinds(settings)
    limiter = FixedWindowRateLimiter(RateCounters())

    @server.before_request
    def refuse_what_is_too_often() -> Response | None:
        kind = kinds.of_request()
        if kind is None:
            return None
        client = client_address() or _UNKNOWN
        if limiter.hit(kind.limit, kind.name, client):
            return None
        # In whole seconds, and never so that asking again at that time is too early.
        reset_time = limiter.get_window_stats(kind.limit, kind.name, client).reset_time
        wait_s = max(1, math.ceil(reset_time - time.time()))
        message = (
            f"More {kind.name} than {kind.rate} are asked for from your address ({client})."
            f" Try again in {wait_s} s."
        )
        if limiter.hit(_TOLD, "told", kind.name, client):
            log.warning("too many %s, more than %s, from %s", kind.name, kind.rate, client)
        headers = {"Retry-After": str(wait_s), "Cache-Control": "no-store"}
        return Response(message + "\n", 429, headers, mimetype="text/plain")


def _per_minute(name: str, rate: int) -> _Kind:
    return _Kind(name, RateLimitItemPerMinute(rate), f"{rate} a minute")
