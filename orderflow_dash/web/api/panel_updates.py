"""``/api/panels``: what is new in the panels of a page, all of them in one request a second.

A page's own and no public interface: programs read the socket. It is no Dash callback, because a thousand
panels ask a thousand times a second, and because Dash tells every component of a page about each callback.
What panels alike show is built and encoded once for all of them, at most a moment before.

Every answer carries ``Server-Timing: app;dur=MS, clock;desc="MS"``: how long it took, and the server's time
(ms since the epoch) as it left. By that and the time of the round trip a browser knows how far its own clock
is off.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable
from decimal import Decimal
from typing import Any, Final, NamedTuple

import orjson
from flask import Flask, Response, request

from orderflow_dash.access.embed_token import Lock
from orderflow_dash.live.hub import Hub, Unavailable, UnknownSymbol
from orderflow_dash.live.view import View
from orderflow_dash.market import Instrument, Venue
from orderflow_dash.runtime.client_limits import Client
from orderflow_dash.runtime.telemetry import CALLBACK_SECONDS
from orderflow_dash.server.follow_ups import OFFER, Answer, Offer
from orderflow_dash.web import routes
from orderflow_dash.web.api.cache import ViewCache
from orderflow_dash.web.client import current_client
from orderflow_dash.web.grant import current_lock
from orderflow_dash.web.http.compression import accepted_encoding, encoded
from orderflow_dash.web.http.request_log import HEADER as ID_HEADER
from orderflow_dash.web.http.request_log import count_answer, request_id
from orderflow_dash.web.latency import latency_told
from orderflow_dash.web.panel.compare_query import MOST_PANELS
from orderflow_dash.web.panel.options import PanelOptions, parse_options
from orderflow_dash.web.panel.panel import leased, panel_content, panel_cursor
from orderflow_dash.web.panel.profile_section import profile_content, profile_cursor
from orderflow_dash.web.panel.step_options import StepMenu, step_menu, tick_text
from orderflow_dash.web.query import QueryError, parse_view_query, view_args
from orderflow_dash.web.status import disconnected, feed_status
from orderflow_dash.web.theme import DARK, LIGHT

_LARGEST_BODY: Final = 32 * 1024  # bytes; a panel's question takes half a kilobyte
_LONGEST_ID: Final = 64
_SHOWN: Final = ("cursor", "profile", "tick")
_DEEPEST: Final = 1  # a cursor is a flat list

_SECONDS: Final = CALLBACK_SECONDS.labels("api.panel_updates.panel_updates")

_BODIES: Final[ViewCache[bytes]] = ViewCache()
_CONTENTS: Final[ViewCache[orjson.Fragment]] = ViewCache()
_PROFILES: Final[ViewCache[orjson.Fragment]] = ViewCache()
_STATUSES: Final[ViewCache[orjson.Fragment]] = ViewCache()


class Question(NamedTuple):
    """What a page says of one panel: it comes from a browser, and is checked like a stranger's query."""

    holder: str
    view: dict[str, str]  # names and values as in an address
    cursor: object  # of the content that is shown
    profile: object  # of the profile that is shown
    tick: object  # that the step menu is for; None where the page has none


class _News(NamedTuple):
    """What one panel is to be told; without a view the cause why there is none."""

    view: View | None
    cause: str
    look: tuple[str, PanelOptions] | None
    has_content: bool
    has_profile: bool
    steps: StepMenu | None  # where the menu is for another tick


class _Asker(NamedTuple):
    """Who asks, as the whole app has found out."""

    client: Client  # for whom limits count
    lock: Lock | None  # what alone may be seen
    encoding: str | None  # best one that is taken


class _FollowUps:
    """Answers what the same asker asks next, where there is one panel, as on nearly all pages."""

    def __init__(self, hub: Hub, asker: _Asker, may_ask: Callable[[str], bool]) -> None:
        self._hub = hub
        self._asker = asker
        self._may_ask = may_ask

    def __call__(self, body: bytes, given_id: str) -> Answer | None:
        """What is built already, for a panel that is open already; None for all else.

        Nothing is built here: it would hold up everybody who asks the same way.
        """
        begun = time.perf_counter()
        asker = self._asker
        if asker.lock is not None and time.time() >= asker.lock.expires:
            return None
        told = self._ready(body)
        if told is None or not self._may_ask(asker.client.address):
            return None
        count_answer(200)
        return Answer(told, {"Server-Timing": _timing(begun), ID_HEADER: request_id(given_id)})

    def _ready(self, body: bytes) -> bytes | None:
        asker = self._asker
        try:
            theme, questions = _checked(orjson.loads(body))
            if len(questions) != 1:
                return None
            (question,) = questions
            key = parse_view_query(view_args(question.view), self._hub, asker.lock, at_once=True).key
            view = self._hub.renewed(question.holder, key, asker.client)
        except ValueError:
            return None
        if view is None:
            return None
        news = _news_of(self._hub, view, (theme, parse_options(question.view)[0]), question)
        return _BODIES.ready(view, _look_of_body(news, str(asker.encoding)))


def register_panel_updates(
    server: Flask, hub: Hub, prefix: str = "/", *, may_follow_up: Callable[[str], bool] | None = None
) -> None:
    """Serve it under a path prefix.

    The body is ``{"theme": ..., "panels": [{"id", "view", "cursor", "profile", "tick"}]}``; the answer holds
    for each panel ``{"status", "content", "profile", "steps"}`` without what the browser has already, and
    renews its lease.

    ``may_follow_up``: counts one more question of a client address that does not pass the server, and tells
    whether it may be; None where every question has to pass.
    """

    @server.post(prefix + routes.PANELS)
    def panel_updates() -> Response:
        """What is new in the panels that the body names."""
        request.max_content_length = _LARGEST_BODY
        asker = _Asker(current_client(), current_lock(), accepted_encoding(request))
        try:
            answer = _answered(hub, asker, request.get_data())
        except ValueError as error:
            return Response(f"{error}\n", 400, mimetype="text/plain")
        offer: Offer | None = request.environ.get(OFFER)
        headers = {"Cache-Control": "no-store", "Server-Timing": answer.timing}
        if answer.encoding is not None:
            headers |= {"Content-Encoding": answer.encoding, "Vary": "Accept-Encoding"}
            if offer is not None and may_follow_up is not None:
                offer(_FollowUps(hub, asker, may_follow_up))
        return Response(answer.body, headers=headers, mimetype="application/json")


class _Answered(NamedTuple):
    body: bytes
    encoding: str | None  # of the body
    timing: str  # how long it took, and the server's time


def _answered(hub: Hub, asker: _Asker, body: bytes) -> _Answered:
    """The answer to a body. Raises ValueError where it is malformed."""
    begun = time.perf_counter()
    theme, questions = _checked(orjson.loads(body))
    news = [_news(hub, each, theme, asker) for each in questions]
    encoding = asker.encoding if len(news) == 1 else None
    if encoding is None:
        told = orjson.dumps([_answer(each) for each in news])
    else:
        told = _body_of_one(news[0], encoding)
    return _Answered(told, encoding, _timing(begun))


def _timing(begun: float) -> str:
    """How long an answer took, which counts, and the time as it leaves."""
    seconds = time.perf_counter() - begun
    _SECONDS.observe(seconds)
    return f'app;dur={seconds * 1000:.1f}, clock;desc="{int(time.time() * 1000)}"'


def _checked(body: object) -> tuple[str, list[Question]]:
    """The theme and the panels of a body. Raises ValueError."""
    if not isinstance(body, dict) or not isinstance(body.get("panels"), list):
        raise ValueError("the body must be an object with panels")
    if len(body["panels"]) > MOST_PANELS:
        raise ValueError(f"more than {MOST_PANELS} panels")
    return LIGHT if body.get("theme") == LIGHT else DARK, [_question(each) for each in body["panels"]]


def _question(panel: object) -> Question:
    if not isinstance(panel, dict) or not isinstance(panel.get("view"), dict):
        raise ValueError("a panel must be an object with a view")
    parts = [panel.get(name) for name in ("id", *_SHOWN)]
    if any(_is_deeper(part, _DEEPEST) for part in (*parts, *panel["view"].values())):
        raise ValueError("a panel is nested too deeply: its values are plain, or flat lists of plain values")
    view = {name: str(value) for name, value in panel["view"].items()}
    holder, shown = str(panel.get("id"))[:_LONGEST_ID], (panel.get(name) for name in _SHOWN)
    return Question(holder, view, *shown)


def _is_deeper(value: object, most: int) -> bool:
    """Whether lists and objects stand in each other more than ``most`` deep.

    Explicit, because Python's own bound on recursion differs between its versions.
    """
    if not isinstance(value, (list, dict)):
        return False
    inside = value if isinstance(value, list) else value.values()
    return not most or any(_is_deeper(each, most - 1) for each in inside)


def _news(hub: Hub, question: Question, theme: str, asker: _Asker) -> _News:
    """What there is to tell of a panel; its lease begins or is renewed."""
    try:
        view, options = leased(hub, question.holder, question.view, asker.client, asker.lock)
    except (QueryError, Unavailable, UnknownSymbol) as error:
        is_step = isinstance(error, QueryError) and error.param == "step"
        steps = _steps_for_another(hub, question) if is_step else None
        return _News(None, str(error), None, has_content=False, has_profile=False, steps=steps)
    return _news_of(hub, view, (theme, options), question)


def _news_of(hub: Hub, view: View, look: tuple[str, PanelOptions], question: Question) -> _News:
    return _News(
        view,
        "",
        look,
        has_content=question.cursor != panel_cursor(view, *look),
        has_profile=question.profile != profile_cursor(view, *look),
        steps=_steps(hub, view.instrument, question, view.key.step),
    )


def _steps(
    hub: Hub, instrument: Instrument, question: Question, chosen: Decimal | None = None
) -> StepMenu | None:
    """The step menu, where the page shows that of another tick."""
    if question.tick is None or question.tick == tick_text(instrument):
        return None
    return step_menu(instrument, hub.price(instrument), chosen)


def _steps_for_another(hub: Hub, question: Question) -> StepMenu | None:
    """The step menu of a view whose step no longer fits the tick: another one must be chosen."""
    venue, symbol = question.view.get("exchange", ""), question.view.get("symbol", "")
    try:
        return _steps(hub, hub.instrument(Venue(venue), symbol.upper(), at_once=True), question)
    except (ValueError, Unavailable, UnknownSymbol):
        return None  # a question without a name, or a venue that is gone since


def _answer(news: _News) -> dict[str, Any]:
    view, look = news.view, news.look
    steps = {} if news.steps is None else {"steps": news.steps}
    if view is None or look is None:
        return {"status": disconnected(news.cause), **steps}
    answer: dict[str, Any] = {"status": _STATUSES.get(view, None, lambda: _status(view)), **steps}
    if news.has_content:
        answer["content"] = _CONTENTS.get(view, look, lambda: _content(view, *look))
    if news.has_profile:
        answer["profile"] = _PROFILES.get(view, look, lambda: _profile(view, *look))
    return answer


def _body_of_one(news: _News, encoding: str) -> bytes:
    """The answer on a page with one panel, as nearly all are: compressed once for all who look alike."""

    def build() -> bytes:
        return encoded(orjson.dumps([_answer(news)]), encoding)

    if news.view is None:
        return build()
    return _BODIES.get(news.view, _look_of_body(news, encoding), build)


def _look_of_body(news: _News, encoding: str) -> Hashable:
    return news.look, news.has_content, news.has_profile, news.steps is not None, encoding


def _status(view: View) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(feed_status(view.status(), latency_told(view))))


def _content(view: View, theme: str, options: PanelOptions) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(panel_content(view, theme, options)._asdict()))


def _profile(view: View, theme: str, options: PanelOptions) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(profile_content(view, theme, options)._asdict()))
