"""How often one client address may ask, by kind of request; beyond it the answer is 429 and says when.

What is cheap, or what monitors ask, is not counted: files, ``/health``, ``/ready``, ``/metrics``.
"""

from __future__ import annotations

import logging
import math
import time
from typing import Final, NamedTuple

from flask import Flask, Response, request
from flask_limiter import ApplicationLimit, Limiter, RequestLimit
from limits import RateLimitItemPerMinute

from ..settings import Settings
from . import export, help_links, replay_api, socket
from .edge import PAGES
from .embed_frame import HELD
from .proxy import client_address
from .rate_counters import RateCounters

log = logging.getLogger(__name__)

_UPDATE: Final = "_dash-update-component"
_PARTS: Final = ("_dash-layout", "_dash-dependencies")  # a page that loads asks for both
_UPDATE_WINDOW_S: Final = 10  # a page that was refused stands still for no longer
_TOLD: Final = RateLimitItemPerMinute(1)  # in the log, of each client


class _Kind(NamedTuple):
    name: str
    limit: str  # as Flask-Limiter reads it
    rate: str  # as people do


class _Kinds:
    """Which kind a request is."""

    def __init__(self, settings: Settings) -> None:
        root, updates = settings.prefix, settings.callback_rate
        window = f"{updates * _UPDATE_WINDOW_S} per {_UPDATE_WINDOW_S} second"
        self._updates = _Kind("updates of pages", window, f"{updates} a second")
        # A page that is let in must not be left without its parts, in whichever window those fall.
        self._parts = _per_minute("parts of pages", settings.page_rate * 2 * len(_PARTS))
        pages = _per_minute("pages", settings.page_rate)
        self._by_rule: dict[str, _Kind | None] = {
            root + replay_api.PATH: self._updates,
            root + socket.PATH: _per_minute("connections to the socket", settings.socket_rate),
            root + export.PATH: _per_minute("exports", settings.export_rate),
            **dict.fromkeys((root + page for page in ("", *PAGES, help_links.PATH)), pages),
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
            return self._updates
        return self._parts if part in _PARTS else None


def limit_rates(server: Flask, settings: Settings) -> None:
    """Count requests by client address and kind, and refuse what is too often."""
    kinds = _Kinds(settings)

    def current() -> _Kind:
        kind = kinds.of_request()
        if kind is None:
            raise LookupError("a request that does not count has no limit")
        return kind

    def refuse(limit: RequestLimit) -> Response:
        kind, client = current(), client_address()
        # In whole seconds, and never so that asking again at that time is too early.
        wait_s = max(1, math.ceil(limit.window.reset_time - time.time()))
        message = (
            f"More {kind.name} than {kind.rate} are asked for from your address ({client})."
            f" Try again in {wait_s} s."
        )
        if limiter.limiter.hit(_TOLD, "told", kind.name, client):
            log.warning("too many %s, more than %s, from %s", kind.name, kind.rate, client)
        headers = {"Retry-After": str(wait_s), "Cache-Control": "no-store"}
        return Response(message + "\n", 429, headers, mimetype="text/plain")

    limiter = Limiter(
        lambda: client_address() or "unknown",
        application_limits=[
            ApplicationLimit(limit_provider=lambda: current().limit, scope=lambda _endpoint: current().name)
        ],
        on_breach=refuse,
        storage_uri=f"{RateCounters.STORAGE_SCHEME[0]}://",
        headers_enabled=False,
    )
    limiter.request_filter(lambda: kinds.of_request() is None)
    limiter.init_app(server)
    logging.getLogger("flask-limiter").setLevel(logging.WARNING)  # it would tell every refusal


def _per_minute(name: str, rate: int) -> _Kind:
    return _Kind(name, f"{rate} per 1 minute", f"{rate} a minute")
