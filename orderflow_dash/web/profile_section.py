"""The volume profile's part of a panel: its choices, its bars, its figures, and what refreshes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import dash_bootstrap_components as dbc
from dash import Input, Output, State, dcc, html, no_update
from dash.dependencies import DashDependency
from dash.development.base_component import Component

from ..footprint.profile import Profile
from ..hub import Hub, Unavailable, UnknownSymbol
from ..session import ProfileKind, Rows
from ..view import View
from .cvd_chart import CONFIG
from .profile_chart import NO_TEXTS, Figure, ProfileTexts, profile_figure, profile_texts
from .query import QueryError, parse_view_query
from .theme import palette

_KINDS: Final = {ProfileKind.SESSION: "Session", ProfileKind.DAY: "24 h"}
_ROWS: Final = {2: "two rows", 1: "one row"}
_FIGURES: Final = (
    ("poc", "POC", "Point of control: the price row with the most volume"),
    ("value_high", "VAH", "Value area high: the highest row of those that hold 70 % of the volume"),
    ("value_low", "VAL", "Value area low: the lowest row of those that hold 70 % of the volume"),
    ("vwap", "VWAP", "Volume-weighted average price of all trades, at their own prices"),
    ("volume", "Volume", "In the base currency"),
    ("delta", "Delta", "Ask volume less bid volume"),
)
_KIND_TIP: Final = (
    "Session: the UTC day of the newest trade. 24 h: the last 24 hours, begun at the full hour before. "
    "Time without data is told and not guessed."
)
_ROWS_TIP: Final = "How many rows the value area grows by at a time, above or below the POC"


class ProfileContent(NamedTuple):
    """What the part shows: all of it changes together."""

    figure: Figure
    texts: ProfileTexts
    cursor: list[Any]  # equal cursors show equal content


def profile_content(view: View, theme: str, kind: ProfileKind, rows: Rows) -> ProfileContent:
    """Build what the part shows of a view now."""
    profile = view.profiles.profile(kind, rows)
    return ProfileContent(
        figure=profile_figure(profile, view.instrument, palette(theme)),
        texts=NO_TEXTS if profile is None else profile_texts(profile, view.instrument, kind),
        cursor=_cursor(view, theme, kind, rows, profile),
    )


def _cursor(view: View, theme: str, kind: ProfileKind, rows: Rows, profile: Profile | None) -> list[Any]:
    """Names the content without building it."""
    shown = [] if profile is None else [*profile.revision, profile.start_ts, profile.known_from]
    return [view.key.venue, view.key.symbol, view.key.step, kind.value, rows, theme, *shown]


def profile_section(panel_id: str, view: View, theme: str) -> Component:
    """The part's component, already showing what is known."""
    content = profile_content(view, theme, ProfileKind.SESSION, 2)
    return html.Div(
        [
            dcc.Store(id=_id("cursor", panel_id), data=content.cursor),
            html.Div(
                [
                    html.H3("Volume profile"),
                    html.Span(
                        content.texts.known,
                        id=_id("known", panel_id),
                        className="section-note profile-known",
                        title="Times in UTC",
                    ),
                ],
                className="section-head",
            ),
            html.Div(
                [
                    _choice("kind", panel_id, {kind.value: name for kind, name in _KINDS.items()}, _KIND_TIP),
                    html.Span("Value area by", className="section-note"),
                    _choice("rows", panel_id, {str(rows): name for rows, name in _ROWS.items()}, _ROWS_TIP),
                ],
                className="profile-choices",
            ),
            html.Div(
                [
                    dcc.Graph(
                        id=_id("chart", panel_id),
                        className="profile-chart",
                        figure=content.figure,
                        config=CONFIG,
                    ),
                    html.Dl(
                        [
                            html.Div(
                                [
                                    html.Dt(label, title=meaning),
                                    html.Dd(getattr(content.texts, name), id=_id(name, panel_id)),
                                ],
                                className=f"profile-{name.replace('_', '-')}",
                            )
                            for name, label, meaning in _FIGURES
                        ],
                        className="profile-figures",
                    ),
                ],
                className="profile-body",
            ),
        ],
        className="profile-section",
    )


def profile_outputs(panel_id: object) -> list[DashDependency]:
    """What ``profile_refreshed`` answers, in its order."""
    return [
        Output(_id("chart", panel_id), "figure"),
        *(Output(_id(name, panel_id), "children") for name in ProfileTexts._fields),
        Output(_id("cursor", panel_id), "data"),
    ]


def profile_inputs(panel_id: object) -> list[DashDependency]:
    """What is chosen, and what the browser has: kind, rows, cursor."""
    return [
        Input(_id("kind", panel_id), "value"),
        Input(_id("rows", panel_id), "value"),
        State(_id("cursor", panel_id), "data"),
    ]


def profile_refreshed(
    hub: Hub, holder: str, wanted: object, theme: object, chosen: Sequence[object]
) -> tuple[Any, ...]:
    """The answer to ``profile_outputs``: nothing new where the browser has it already.

    ``chosen`` are the values of ``profile_inputs``; all that comes from the browser is checked.
    """
    kind, rows, cursor = chosen
    fields = wanted if isinstance(wanted, dict) else {}
    try:
        query = parse_view_query({str(name): str(value) for name, value in fields.items()}, hub)
        view = hub.lease(holder, query.key)
    except (QueryError, Unavailable, UnknownSymbol):
        return (no_update,) * len(profile_outputs(holder))  # the status light says why
    is_day, is_one_row = kind == ProfileKind.DAY.value, rows == "1"
    chosen_kind = ProfileKind.DAY if is_day else ProfileKind.SESSION
    chosen_rows: Rows = 1 if is_one_row else 2
    profile = view.profiles.profile(chosen_kind, chosen_rows)
    if cursor == _cursor(view, str(theme), chosen_kind, chosen_rows, profile):
        return (no_update,) * len(profile_outputs(holder))
    content = profile_content(view, str(theme), chosen_kind, chosen_rows)
    return content.figure, *content.texts, content.cursor


def _choice(part: str, panel_id: str, options: dict[str, str], tip: str) -> Component:
    return html.Div(
        dbc.RadioItems(
            id=_id(part, panel_id),
            options=[{"label": name, "value": value} for value, name in options.items()],
            value=next(iter(options)),
            class_name="button-choice",
            input_class_name="btn-check",
            label_class_name="btn btn-sm",
            label_checked_class_name="active",
            inline=True,
        ),
        className=f"profile-{part}",
        title=tip,
    )


def _id(part: str, panel_id: object) -> dict[str, Any]:
    return {"type": f"profile-{part}", "panel": panel_id}
