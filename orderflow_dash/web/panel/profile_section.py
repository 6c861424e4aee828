"""The section of the volume profile: its controls, its bars, and its figures."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from dash import dcc, html
from dash.development.base_component import Component

from orderflow_dash.indicators.profile import Profile
from orderflow_dash.live.view import View
from orderflow_dash.web.help_links import help_label
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
from orderflow_dash.web.panel.section import live_note, section
from orderflow_dash.web.theme import palette

_FIGURES: Final = (
    ("poc", "POC", "Point of control: the price row with the most volume"),
    ("value_high", "VAH", "Value area high: the highest row of those that hold 70 % of the volume"),
    ("value_low", "VAL", "Value area low: the lowest row of those that hold 70 % of the volume"),
    ("vwap", "VWAP", "Volume-weighted average price of all trades, at their own prices"),
    ("volume", "Volume", "In the base currency, or in the quote currency with each trade at its own price"),
    (
        "delta",
        "Delta",
        "Ask volume less bid volume; in the quote currency only known if each row is one price",
    ),
)
_KIND_TIP: Final = (
    "Session: the UTC day of the newest trade. 24 h: the last 24 hours, from the full hour before. "
    "Missing time is shown, not estimated."
)
_ROWS_TIP: Final = "Rows by which the value area grows at a time, above or below the POC"


class ProfileContent(NamedTuple):
    """The content of the section; all of it changes together."""

    figure: Figure
    texts: dict[str, str]  # by the fields of ProfileTexts
    cursor: list[Any]  # equal cursors show equal content


def profile_content(view: View, theme: str, options: PanelOptions) -> ProfileContent:
    """The content of the section for the current state of a view."""
    profile = view.profiles.profile(options.profile, options.va)
    return ProfileContent(
        figure=profile_figure(profile, view.instrument, palette(theme, options.palette), options),
        texts=_texts(profile, view, options)._asdict(),
        cursor=_cursor(view, theme, options, profile),
    )


def _texts(profile: Profile | None, view: View, options: PanelOptions) -> ProfileTexts:
    return NO_TEXTS if profile is None else profile_texts(profile, view.instrument, options.profile, options)


def profile_cursor(view: View, theme: str, options: PanelOptions) -> list[Any]:
    """Identifies the content without building it."""
    return _cursor(view, theme, options, view.profiles.profile(options.profile, options.va))


def _cursor(view: View, theme: str, options: PanelOptions, profile: Profile | None) -> list[Any]:
    shown = [] if profile is None else [*profile.revision, profile.start_ts, profile.known_from]
    chosen = [options.profile.value, options.va, options.palette, options.units]
    return [view.key.venue, view.key.symbol, str(view.key.step), *chosen, theme, *shown]


def profile_section(panel_id: str, content: ProfileContent, options: PanelOptions) -> Component:
    """The section's component with its current content."""
    texts = content.texts
    known = html.Span(
        texts["known"],
        className="section-note profile-known",
        title="Times in UTC",
        **bind_text("profile-known"),
    )
    chart = dcc.Graph(
        id={"type": "profile-chart", "panel": panel_id},
        className="profile-chart",
        figure=content.figure,
        config=CONFIG,
    )
    return section(
        "profile-section",
        "Volume profile",
        [known, live_note(texts["unit"], "profile-unit")],
        _choices(panel_id, options),
        html.Div([Deferred(chart, "profile-place"), _figures(texts)], className="profile-body"),
    )


def _choices(panel_id: str, options: PanelOptions) -> Component:
    kind = option_buttons(panel_id, options, "profile", "Time of the profile")
    rows = option_buttons(panel_id, options, "va", "Value area by")
    return html.Div(
        [
            html.Div(kind, className="profile-kind", title=_KIND_TIP),
            html.Span(help_label("Value area by"), className="section-note"),
            html.Div(rows, className="profile-rows", title=_ROWS_TIP),
        ],
        className="profile-choices",
    )


def _figures(texts: dict[str, str]) -> Component:
    return html.Dl(
        [
            html.Div(
                [
                    html.Dt(help_label(label), title=meaning),
                    html.Dd(texts[name], **bind_text(f"profile-{name}")),
                ],
                className=f"profile-{name.replace('_', '-')}",
            )
            for name, label, meaning in _FIGURES
        ],
        className="profile-figures",
    )
