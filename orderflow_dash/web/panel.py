"""The panel: one series on screen, with its status, controls, CVD chart and footprint table.

It may stand any number of times on a page: every part's id is ``{"type": ..., "panel": <panel id>}``, and
a panel id belongs to one opening of one panel. It is also the holder of the lease on the series, so a late
answer meant for a panel that is gone cannot reach another one.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import dash_bootstrap_components as dbc
from dash import ALL, MATCH, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from ..footprint.session_cvd import SessionBegins, session_of
from ..hub import Hub, Unavailable, UnknownSymbol
from ..market import Instrument, Venue
from ..view import View, ViewKey
from .cvd_chart import Figure, cvd_chart, cvd_figure
from .footprint_section import footprint_section
from .footprint_table import FIRE, Row, Tooltip, footprint_rows, footprint_table, footprint_tooltips
from .help_links import drawn_labels, help_label, help_link
from .in_browser import in_browser
from .latency import latency_place, latency_told
from .level_table import LEGEND, LevelContent, level_content, level_section
from .number_text import clock, day_clock, grouped
from .panel_controls import option_id, panel_controls
from .panel_options import DEFAULTS, NAMES, PanelOptions, option_args, option_text, parse_options
from .profile_section import profile_cursor, profile_outputs, profile_refreshed, profile_section
from .proxy import client_address
from .quality import quality_legend
from .query import QueryError, parse_view_query, query_args, view_args, view_query_string
from .share import register_share, share_menu
from .status import FeedStatus, disconnected, feed_status, venue_name
from .theme import palette
from .volume_units import VolumeUnits

REFRESH_MS: Final = 1000
_MAX_ID: Final = 64


class PanelContent(NamedTuple):
    """What a panel shows of a view: all of it changes together, with the view's revision."""

    figure: Figure
    rows: list[Row]
    tooltips: list[Tooltip]
    levels: LevelContent | None
    last: str  # price of the newest trade
    since: str  # where the CVD begins
    units: str  # of volumes and times
    fire: str  # what counts as an imbalance
    cursor: list[Any]  # equal cursors show equal content


def panel_content(view: View, theme: str, options: PanelOptions) -> PanelContent:
    """Build what a panel shows of a view now."""
    wanted = max(options.lookback, options.rows)
    view.reach(wanted)
    cursor = panel_cursor(view, theme, options)
    candles = view.candles(wanted)
    instrument, timeframe = view.instrument, view.key.timeframe
    begins = view.session_begins(candles) if options.anchor == "session" else {}
    units = VolumeUnits(instrument, options, begins)
    return PanelContent(
        figure=cvd_figure(candles, units, timeframe, palette(theme, options.palette), options),
        rows=footprint_rows(candles, units, timeframe, options),
        tooltips=footprint_tooltips(candles, instrument, timeframe, options),
        levels=level_content(candles, view.key, instrument, units, options),
        last=grouped(instrument.price.text(candles[-1].close)) if candles else "–",
        since=_since(view, options, begins, candles[-1].open_ts if candles else 0),
        units=f"times in UTC, volumes in {units.name}",
        fire=_fire(options, instrument),
        cursor=cursor,
    )


def panel_cursor(view: View, theme: str, options: PanelOptions) -> list[Any]:
    """Names the content of a panel without building it; ``cvd_from`` tells a series that was begun anew."""
    chosen = [option_text(options, name) for name in NAMES]
    return [*view.key, view.revision(), view.cvd_from, view.depth, theme, *chosen]


def new_panel_id() -> str:
    """An id for one opening of one panel."""
    return uuid.uuid4().hex


def panel(
    hub: Hub,
    panel_id: str,
    key: ViewKey,
    theme: str,
    options: PanelOptions = DEFAULTS,
    notices: Sequence[str] = (),
    *,
    has_clock: bool = True,
) -> Component:
    """The panel's component, already showing what the hub knows; takes the lease on the series.

    ``notices``: sentences that stand above it until they are dismissed. ``has_clock``: it refreshes itself;
    else the page has an interval for all of its panels. Raises what ``hub.lease`` raises.
    """
    view = hub.lease(panel_id, key, client_address())
    content = panel_content(view, theme, options)
    wanted = query_args(view_query_string(key, view.instrument)) | option_args(options)
    defaults = {name: option_text(DEFAULTS, name) for name in NAMES}
    return html.Section(
        [
            dcc.Store(id=_id("view", panel_id), data=wanted),
            dcc.Store(id=_id("defaults", panel_id), data=defaults),
            dcc.Store(id=_id("candle", panel_id), data=option_text(options, "candle")),
            dcc.Store(id=_id("cursor", panel_id), data=content.cursor),
            dcc.Store(id=_id("status", panel_id), data=dict(feed_status(view.status(), latency_told(view)))),
            dcc.Interval(id=_id("interval", panel_id), interval=REFRESH_MS) if has_clock else None,
            _head(panel_id, view, content),
            *(dbc.Alert(text, color="warning", dismissable=True, class_name="notice") for text in notices),
            panel_controls(panel_id, view, hub.price(view.instrument), options, share_menu(panel_id)),
            html.Div(
                [_chart_section(panel_id, content), profile_section(panel_id, view, theme, options)],
                className="panel-charts",
            ),
            footprint_section(panel_id, _id("footprint", panel_id), options, view.instrument.quote),
            _table_section(panel_id, content, options),
        ],
        id=_id("root", panel_id),
        className=f"orderflow-panel palette-{options.palette}",
        style={"--of-rows": options.rows},
        **{  # type: ignore[arg-type]
            "data-panel": panel_id,
            "data-help": json.dumps(drawn_labels()),
            "aria-label": f"Order flow of {key.symbol} on {key.venue.label}",
        },
    )


def register_panel(app: Dash, hub: Hub, *, together: bool = False) -> None:
    """Register the callbacks of every panel that will ever stand on a page of ``app``.

    ``together``: one request refreshes all panels of a page, on the beat of one interval.
    """
    _register_browser(app)
    register_share(app)
    here = ALL if together else MATCH

    @app.callback(
        Output(_id("chart", here), "figure"),
        Output(_id("table", here), "data"),
        Output(_id("table", here), "tooltip_data"),
        Output(_id("levels", here), "data"),
        Output(_id("last", here), "children"),
        Output(_id("since", here), "children"),
        Output(_id("units", here), "children"),
        Output(_id("fire", here), "children"),
        Output(_id("cursor", here), "data"),
        Output(_id("status", here), "data"),
        *profile_outputs(here),
        Input(_id("interval", here), "n_intervals"),
        Input(_id("view", here), "data"),
        Input("theme", "data"),
        State(_id("cursor", here), "data"),
        State(_id("view", here), "id"),
        profile_cursor(here),
        prevent_initial_call=True,
    )
    def refresh(
        _ticks: object, wanted: object, theme: object, cursor: object, view_id: object, profile: object
    ) -> tuple[Any, ...]:
        if not together:
            return panel_answer(hub, view_id, wanted, theme, cursor, profile)
        columns = [each if isinstance(each, list) else [] for each in (view_id, wanted, cursor, profile)]
        answers = [
            panel_answer(hub, each, own, theme, seen, profile_seen)
            for each, own, seen, profile_seen in zip(*columns, strict=False)
        ]
        return tuple(list(column) for column in zip(*answers, strict=True)) or _NOTHING


def panel_answer(
    hub: Hub, view_id: object, wanted: object, theme: object, cursor: object, profile: object
) -> tuple[Any, ...]:
    """What one panel gets to show: nothing new where the browser has it already. Renews its lease.

    All of it comes from the browser and is checked like a stranger's query.
    """
    holder = str(view_id.get("panel") if isinstance(view_id, dict) else None)[:_MAX_ID]
    try:
        view, options = leased(hub, holder, wanted)
    except (QueryError, Unavailable, UnknownSymbol) as error:
        before = (no_update,) * len(PanelContent._fields)
        return (*before, disconnected(str(error)), *(no_update for _ in profile_outputs(holder)))
    theme = str(theme)
    content, status = refreshed(view, theme, options, cursor)
    rest = content or (no_update,) * len(PanelContent._fields)
    return (*rest, status, *profile_refreshed(view, theme, options, profile))


def leased(hub: Hub, holder: str, wanted: object) -> tuple[View, PanelOptions]:
    """The view and the options that a panel's store names.

    Raises QueryError, and what ``hub.lease`` raises.
    """
    fields = wanted if isinstance(wanted, dict) else {}
    args = {str(name): str(value) for name, value in fields.items()}
    query = parse_view_query(view_args(args), hub)
    return hub.lease(holder, query.key, client_address()), parse_options(args)[0]


def refreshed(
    view: View, theme: str, options: PanelOptions, cursor: object
) -> tuple[PanelContent | None, FeedStatus]:
    """The content, or None where the browser's ``cursor`` has it already; and the status light."""
    status = feed_status(view.status(), latency_told(view))
    if cursor == panel_cursor(view, theme, options):
        return None, status
    return panel_content(view, theme, options), status


_NOTHING: Final[tuple[list[Any], ...]] = tuple(
    [] for _ in (*PanelContent._fields, "status", *profile_outputs(ALL))
)


def _register_browser(app: Dash) -> None:
    here = MATCH
    in_browser(
        app,
        "panel",
        "choose",
        Output(_id("view", here), "data"),
        Input(_id("timeframe", here), "value"),
        Input(_id("step", here), "value"),
        Input(option_id(here, ALL), "value"),
        Input(_id("candle", here), "data"),
        State(_id("defaults", here), "data"),
        State(_id("view", here), "data"),
        at_start=False,
    )
    in_browser(
        app,
        "panel",
        "dress",
        Output(_id("root", here), "className"),
        Output(_id("root", here), "style"),
        Output(_id("table", here), "columns"),
        Input(_id("view", here), "data"),
        State(_id("defaults", here), "data"),
        State(_id("table", here), "columns"),
        at_start=False,
    )
    in_browser(
        app,
        "footprint",
        "draw",
        Output(_id("footprint", here), "title"),
        Input(_id("view", here), "data"),
        State(_id("defaults", here), "data"),
        State(_id("view", here), "id"),
    )
    in_browser(
        app,
        "panel",
        "showStatus",
        Output(_id("light", here), "className"),
        Output(_id("word", here), "children"),
        Output(_id("cause", here), "children"),
        Output(_id("age", here), "children"),
        Input(_id("status", here), "data"),
    )
    in_browser(
        app,
        "levels",
        "rows",
        Output(_id("rows", here), "data-opens"),
        Input(_id("table", here), "data"),
        State(_id("rows", here), "id"),
    )
    in_browser(
        app,
        "levels",
        "show",
        Output(_id("level-section", here), "hidden"),
        Input(_id("levels", here), "data"),
        State(_id("levels", here), "id"),
    )


def _since(view: View, options: PanelOptions, begins: SessionBegins, newest: int) -> str:
    """Where the CVD that is shown begins."""
    if options.anchor == "session":
        begin = begins.get(session_of(newest))
        return "" if begin is None else f"UTC session, since {clock(begin.known_from)}"
    since = view.quote_from if options.units == "quote" else view.cvd_from
    return "" if since is None else f"since {day_clock(since)} UTC"


def _fire(options: PanelOptions, instrument: Instrument) -> str:
    least = f", from {options.min:,} {instrument.quote}" if options.min else ""
    return f"one side over {option_text(options, 'ratio')}× the other{least}"


def _id(part: str, panel_id: object) -> dict[str, Any]:
    return {"type": f"panel-{part}", "panel": panel_id}


def _aria(name: str, value: str) -> dict[str, Any]:
    return {f"aria-{name}": value}


def _head(panel_id: str, view: View, content: PanelContent) -> Component:
    venue = view.key.venue
    instrument = view.instrument
    return html.Header(
        [
            html.Div(
                [
                    html.H2(view.key.symbol, className="panel-symbol"),
                    html.Span(f"{instrument.base}/{instrument.quote} perpetual", className="panel-pair"),
                    html.Span(venue_name(venue), className="panel-venue"),
                    html.Span("simulated", className="simulated-badge") if venue is Venue.DEMO else None,
                ],
                className="panel-title",
            ),
            html.Div(content.last, id=_id("last", panel_id), className="panel-last", title="Last trade"),
            html.Div(
                [
                    html.Span(className="feed-dot"),
                    html.Span(id=_id("word", panel_id), className="feed-word"),
                    html.Span(id=_id("cause", panel_id), className="feed-cause"),
                    html.Span(id=_id("age", panel_id), className="feed-age", title="Age of the last trade"),
                    latency_place(),
                ],
                id=_id("light", panel_id),
                className="feed-status",
                role="status",
                **_aria("live", "off"),
            ),
            html.Div("Simulated market: not real prices, not real trades.", className="simulated-banner")
            if venue is Venue.DEMO
            else None,
        ],
        className="panel-head",
    )


def _chart_section(panel_id: str, content: PanelContent) -> Component:
    return html.Div(
        [
            html.Div(
                [
                    html.H3("CVD"),
                    help_link("CVD"),
                    html.Span(content.since, id=_id("since", panel_id), className="section-note"),
                ],
                className="section-head",
            ),
            cvd_chart(_id("chart", panel_id), content.figure),
        ],
        className="chart-section",
    )


def _table_section(panel_id: str, content: PanelContent, options: PanelOptions) -> Component:
    return html.Div(
        [
            html.Div(
                [
                    html.H3("Footprint"),
                    help_link("Footprint"),
                    html.Span(content.units, id=_id("units", panel_id), className="section-note"),
                    html.Span("a row opens its levels", className="section-note hint"),
                ],
                className="section-head",
            ),
            html.Div(
                [
                    html.Div(
                        footprint_table(_id("table", panel_id), content.rows, content.tooltips, options),
                        id=_id("rows", panel_id),
                        className="footprint-rows",
                    ),
                    level_section(_id("level-section", panel_id), _id("levels", panel_id), content.levels),
                ],
                className="table-and-levels",
            ),
            html.Ul(
                [
                    _meaning(FIRE, html.Span(content.fire, id=_id("fire", panel_id))),
                    *(_meaning(mark, meaning) for mark, meaning in (*quality_legend(), *LEGEND)),
                ],
                className="legend",
            ),
        ],
        className="table-section",
    )


def _meaning(mark: str, meaning: str | Component) -> Component:
    return html.Li([html.Span(mark), help_label(mark, meaning)])
