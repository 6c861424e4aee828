"""The volume profile's part of a panel: its choices, its bars and its figures."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from dash import dcc, html
from dash.development.base_component import Component

from orderflow_dash.indicators.profile import Profile
from orderflow_dash.live.view import View
from orderflow_dash.web.help_links import help_label, help_link
from orderflow_dash.web.panel.controls import option_buttons
from orderflow_dash.web.panel.cvd_chart import CONFIG
from orderflow_dash.web.panel.deferred import Deferred
from orderflow_dash.web.panel.live import bind_text
from orderflow_dash.web.panel.options import PanelOptions
from orderflow_dash.web.panel.profile_chart import (
    NO_TEXTS,
    Figure,
    ProfileTexts,
    profile_figure,
    profile_texts,
)
from orderflow_dash.web.theme import palette

_FIGURES: Final = (
    ("poc", "POC", "Point of control: the price row with the most volume"),
    ("value_high", "VAH", "Value area high: the highest row of those that hold 70 % of the volume"),
    ("value_low", "VAL", "Value area low: the lowest row of those that hold 70 % of the volume"),
    ("vwap", "VWAP", "Volume-weighted average price of all trades, at their own prices"),
    ("volume", "Volume", "In the base currency, or in quote, each trade at its own price"),
    (
        "delta",
        "Delta",
        "Ask volume less bid volume; in quote it is known where a row is one price, else a dash stands here",
    ),
)
_KIND_TIP: Final = (
    "Session: the UTC day of the newest trade. 24 h: the last 24 hours, begun at the full hour before. "
    "Time without data is told and not guessed."
)
_ROWS_TIP: Final = "How many rows the value area grows by at a time, above or below the POC"


class ProfileContent(NamedTuple):
    """What the part shows: all of it changes together."""

    figure: Figure
    texts: dict[str, str]  # by the fields of ProfileTexts
    cursor: list[Any]  # equal cursors show equal content


def profile_content(view: View, theme: str, options: PanelOptions) -> ProfileContent:
    """Build what the part shows of a view now."""
    profile = view.profiles.profile(options.profile, options.va)
    return ProfileContent(
        figure=profile_figure(profile, view.instrument, palette(theme, options.palette), options),
        texts=_texts(profile, view, options)._asdict(),
        cursor=_cursor(view, theme, options, profile),
    )


def _texts(profile: Profile | None, view: View, options: PanelOptions) -> ProfileTexts:
    return NO_TEXTS if profile is None else profile_texts(profile, view.instrument, options.profile, options)


def profile_cursor(view: View, theme: str, options: PanelOptions) -> list[Any]:
    """Names the content without building it."""
    return _cursor(view, theme, options, view.profiles.profile(options.profile, options.va))


def _cursor(view: View, theme: str, options: PanelOptions, profile: Profile | None) -> list[Any]:
    shown = [] if profile is None else [*profile.revision, profile.start_ts, profile.known_from]
    chosen = [options.profile.value, options.va, options.palette, options.units]
    return [view.key.venue, view.key.symbol, str(view.key.step), *chosen, theme, *shown]


def profile_section(panel_id: str, content: ProfileContent, options: PanelOptions) -> Component:
    """The part's component, already showing what is known."""
    return html.Div(
        [
            html.Div(
                [
                    html.H3("Volume profile"),
                    help_link("Volume profile"),
                    html.Span(
                        content.texts["known"],
                        className="section-note profile-known",
                        title="Times in UTC",
                        **bind_text("profile-known"),
                    ),
                    html.Span(content.texts["unit"], className="section-note", **bind_text("profile-unit")),
                ],
                className="section-head",
            ),
            html.Div(
                [
                    html.Div(
                        option_buttons(panel_id, options, "profile", "Time of the profile"),
                        className="profile-kind",
                        title=_KIND_TIP,
                    ),
                    html.Span(help_label("Value area by"), className="section-note"),
                    html.Div(
                        option_buttons(panel_id, options, "va", "Value area by"),
                        className="profile-rows",
                        title=_ROWS_TIP,
                    ),
                ],
                className="profile-choices",
            ),
            html.Div(
                [
                    Deferred(
                        dcc.Graph(
                            id={"type": "profile-chart", "panel": panel_id},
                            className="profile-chart",
                            figure=content.figure,
                            config=CONFIG,
                        ),
                        "profile-place",
                    ),
                    html.Dl(
                        [
                            html.Div(
                                [
                                    html.Dt(help_label(label), title=meaning),
                                    html.Dd(content.texts[name], **bind_text(f"profile-{name}")),
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
