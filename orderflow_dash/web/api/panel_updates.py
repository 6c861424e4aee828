"""The callback that refreshes the panels of a page: one request a second for all of them.

Viewers of one view with the same options get the same bytes. So the callback only renews leases and compares
cursors; a body is built, encoded and compressed once per revision and variant, and replaces the one that Dash
encodes for each request. The output's id is the same on every page, so one body fits all.

A response holds the changes only, or is a 204 without any; the browser counts the age of the last trade.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple

import orjson
from dash import ALL, Dash, Input, Output, State, dcc
from dash.development.base_component import Component
from dash.exceptions import PreventUpdate
from flask import Response, abort, after_this_request, request

from orderflow_dash.live.hub import Hub, Unavailable, UnknownSymbol
from orderflow_dash.live.view import View
from orderflow_dash.market import Instrument, Venue
from orderflow_dash.runtime.client_limits import LimitReached
from orderflow_dash.web.api.cache import ViewCache
from orderflow_dash.web.clientside import clientside
from orderflow_dash.web.grant import current_client, current_scope
from orderflow_dash.web.http.compression import accepted_encoding, encoded
from orderflow_dash.web.latency import latency_report
from orderflow_dash.web.limit_text import error_text
from orderflow_dash.web.panel.compare_query import MOST_PANELS
from orderflow_dash.web.panel.options import PanelOptions
from orderflow_dash.web.panel.panel import leased, panel_content, panel_cursor
from orderflow_dash.web.panel.polling import PanelUpdates
from orderflow_dash.web.panel.profile_section import profile_content, profile_cursor
from orderflow_dash.web.panel.step_options import StepMenu, step_menu, tick_text
from orderflow_dash.web.query import QueryError
from orderflow_dash.web.status import FeedStatus, disconnected, feed_status
from orderflow_dash.web.theme import DARK, LIGHT

INTERVAL_MS: Final = 1000

_INTERVAL: Final = "panel-interval"
_PLACEHOLDER: Final = "@panel-updates@"  # in the body that Dash encodes
_QUOTED: Final = orjson.dumps(_PLACEHOLDER)
_MAX_ID: Final = 64  # characters

_VIEWS: Final = {"type": "panel-view", "panel": ALL}


class PanelRequest(NamedTuple):
    """One panel of a page as its browser describes it: not to be trusted."""

    holder: str  # of the lease
    view: dict[str, str]  # names and values as in an address
    shown: Mapping[str, object]  # cursors of the panel's content, and the tick of its step menu


class PanelResponse(NamedTuple):
    """One panel's update."""

    holder: str
    view: View | None  # None: ``status`` says why
    variant: tuple[str, PanelOptions] | None  # theme and options
    status: FeedStatus
    has_status: bool
    has_content: bool
    has_profile: bool
    steps: StepMenu | None  # if the menu that is shown is for another tick

    @property
    def is_news(self) -> bool:
        """Whether the panel does not show it already."""
        return self.has_status or self.has_content or self.has_profile or self.steps is not None


class PanelPoll:
    """Answers polls of pages over one hub. Thread-safe."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._bodies: ViewCache[bytes] = ViewCache()
        self._contents: ViewCache[orjson.Fragment] = ViewCache()
        self._profiles: ViewCache[orjson.Fragment] = ViewCache()
        self._statuses: ViewCache[FeedStatus] = ViewCache()

    def responses(self, requests: Sequence[PanelRequest], theme: str) -> list[PanelResponse]:
        """The updates of the current client's panels; starts or renews their leases."""
        return [self._response(each, theme) for each in requests]

    def body(self, responses: Sequence[PanelResponse], envelope: bytes, encoding: str | None) -> bytes:
        """The body of an answer: Dash's ``envelope`` with the responses in their order, null without news.

        With one panel, as on nearly all pages, the compressed body is shared; other bodies are not compressed
        here.
        """
        if encoding is None or len(responses) > 1:
            return self._plain(responses, envelope)
        (response,) = responses

        def build() -> bytes:
            return encoded(self._plain(responses, envelope), encoding)

        if response.view is None:
            return build()
        parts = response.has_content, response.has_profile, response.steps is not None
        return self._bodies.get(response.view, (response.variant, parts, encoding), build)

    def _response(self, panel: PanelRequest, theme: str) -> PanelResponse:
        try:
            view, options = leased(self._hub, panel.holder, panel.view, current_client(), current_scope())
        except (QueryError, Unavailable, UnknownSymbol, LimitReached) as error:
            is_step = isinstance(error, QueryError) and error.param == "step"
            status = disconnected(error_text(error))
            return PanelResponse(
                panel.holder,
                None,
                None,
                status,
                has_status=panel.shown.get("status") != status["cursor"],
                has_content=False,
                has_profile=False,
                steps=self._steps_for_another(panel) if is_step else None,
            )
        variant = theme, options
        status = self._statuses.get(view, None, partial(_status, view))
        return PanelResponse(
            panel.holder,
            view,
            variant,
            status,
            has_status=panel.shown.get("status") != status["cursor"],
            has_content=panel.shown.get("content") != panel_cursor(view, *variant),
            has_profile=panel.shown.get("profile") != profile_cursor(view, *variant),
            steps=self._steps(view.instrument, panel, view.key.step),
        )

    def _steps(
        self, instrument: Instrument, panel: PanelRequest, chosen: Decimal | None = None
    ) -> StepMenu | None:
        """The step menu, if the panel shows that of another tick."""
        if panel.shown.get("tick") in (None, tick_text(instrument)):
            return None
        return step_menu(instrument, self._hub.price(instrument), chosen)

    def _steps_for_another(self, panel: PanelRequest) -> StepMenu | None:
        """The step menu for a view whose step no longer fits the tick, so that another can be chosen."""
        venue, symbol = panel.view.get("exchange", ""), panel.view.get("symbol", "")
        try:
            return self._steps(self._hub.instrument(Venue(venue), symbol.upper(), at_once=True), panel)
        except (ValueError, Unavailable, UnknownSymbol):
            return None  # a request without a name, or a venue that is gone

    def _plain(self, responses: Sequence[PanelResponse], envelope: bytes) -> bytes:
        answers = [self._answer(each) if each.is_news else None for each in responses]
        if len(responses) > 1:  # the only panel of a page has no name, so that its body can be shared
            for response, answer in zip(responses, answers, strict=True):
                if answer is not None:
                    answer["panel"] = response.holder
        data = orjson.dumps(answers)
        return envelope.replace(_QUOTED, data, 1)

    def _answer(self, response: PanelResponse) -> dict[str, Any]:
        answer: dict[str, Any] = {"status": response.status}
        if response.steps is not None:
            answer["steps"] = response.steps
        view, variant = response.view, response.variant
        if view is None or variant is None:
            return answer
        if response.has_content:
            answer["content"] = self._contents.get(view, variant, partial(_content, view, *variant))
        if response.has_profile:
            answer["profile"] = self._profiles.get(view, variant, partial(_profile, view, *variant))
        return answer


def panel_polling() -> list[Component]:
    """The components that every page with panels needs once in its layout."""
    return [dcc.Interval(id=_INTERVAL, interval=INTERVAL_MS, disabled=True), PanelUpdates()]


def register_panel_updates(app: Dash, polls: PanelPoll) -> None:
    """Register the callback that refreshes the panels of a page of ``app``."""

    @app.callback(
        Output(PanelUpdates.ID, "answers"),
        Input(_INTERVAL, "n_intervals"),
        Input(_VIEWS, "data"),
        Input("theme", "data"),
        State(_VIEWS, "id"),
        State(PanelUpdates.ID, "shown"),
        prevent_initial_call=True,
    )
    def panel_updates(_ticks: object, views: object, theme: object, ids: object, shown: object) -> str:
        responses = polls.responses(_requests(views, ids, shown), LIGHT if theme == LIGHT else DARK)
        if not any(each.is_news for each in responses):
            raise PreventUpdate
        after_this_request(partial(_with_body, polls, responses))
        return _PLACEHOLDER

    clientside(app, "panelUpdates", "run", Output(_INTERVAL, "disabled"), Input(_VIEWS, "data"))


def _with_body(polls: PanelPoll, responses: Sequence[PanelResponse], answer: Response) -> Response:
    """Dash's answer with the shared body."""
    encoding = accepted_encoding(request) if len(responses) == 1 else None
    answer.set_data(polls.body(responses, answer.get_data(), encoding))
    if encoding is not None:
        answer.headers["Content-Encoding"] = encoding
        answer.vary.add("Accept-Encoding")
    return answer


def _requests(views: object, ids: object, shown: object) -> list[PanelRequest]:
    """The panels of a page. Aborts with 400 if what the browser sent does not describe panels."""
    views, ids = views if isinstance(views, list) else [], ids if isinstance(ids, list) else []
    if len(views) != len(ids):
        abort(_bad_request("views and ids must have the same length"))
    if len(views) > MOST_PANELS:
        abort(_bad_request(f"{len(views)} panels: a page has at most {MOST_PANELS}"))
    if not isinstance(shown, dict):
        abort(_bad_request("the cursors of panels must be an object"))
    return [_request(*each, shown) for each in zip(views, ids, strict=True)]


def _request(view: object, place: object, shown: Mapping[str, object]) -> PanelRequest:
    if not isinstance(view, dict) or not isinstance(place, dict):
        abort(_bad_request("view and id of a panel must be objects"))
    panel = place.get("panel")
    if any(isinstance(each, (list, dict)) for each in (*view.values(), panel)):
        abort(_bad_request("the values of a view and the id of a panel must be plain"))
    cursors = shown.get(str(panel), {})
    if not isinstance(cursors, dict):
        abort(_bad_request("the cursors of a panel must be an object"))
    args = {name: str(value) for name, value in view.items()}
    return PanelRequest(str(panel)[:_MAX_ID], args, cursors)


def _bad_request(cause: str) -> Response:
    return Response(f"{cause}\n", 400, mimetype="text/plain")


def _status(view: View) -> FeedStatus:
    return feed_status(view.status(), latency_report(view))


def _content(view: View, theme: str, options: PanelOptions) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(panel_content(view, theme, options)._asdict()))


def _profile(view: View, theme: str, options: PanelOptions) -> orjson.Fragment:
    return orjson.Fragment(orjson.dumps(profile_content(view, theme, options)._asdict()))
