"""The panel: one series on screen, with its status, controls, CVD chart and footprint table.

It may stand any number of times on a page: every part's id is ``{"type": ..., "panel": <panel id>}``, and
a panel id belongs to one opening of one panel. It is also the holder of the lease on the series, so a late
answer meant for a panel that is gone cannot reach another one.
"""

from __future__ import annotations

import uuid
from typing import Any, Final, NamedTuple

import dash_bootstrap_components as dbc
from dash import MATCH, Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from ..hub import Hub, Unavailable, UnknownSymbol
from ..market import Timeframe, Venue
from ..view import View, ViewKey
from .cvd_chart import CHART_CANDLES, Figure, cvd_chart, cvd_figure
from .footprint_table import FIRE, Row, Tooltip, footprint_rows, footprint_table, footprint_tooltips
from .in_browser import in_browser
from .number_text import day_clock, grouped
from .profile_section import profile_inputs, profile_outputs, profile_refreshed, profile_section
from .quality import quality_legend
from .query import QueryError, parse_view_query, query_args, view_query_string
from .status import FeedStatus, disconnected, feed_status, venue_name
from .step_options import step_options, step_text
from .theme import Palette, palette

REFRESH_MS: Final = 1000
_MAX_ID: Final = 64


class PanelContent(NamedTuple):
    """What a panel shows of a view: all of it changes together, with the view's revision."""

    figure: Figure
    rows: list[Row]
    tooltips: list[Tooltip]
    last: str  # price of the newest trade
    since: str  # where the CVD begins
    cursor: list[Any]  # equal cursors show equal content


def panel_content(view: View, colours: Palette, theme: str) -> PanelContent:
    """Build what a panel shows of a view now."""
    view.reach(CHART_CANDLES)
    cursor = panel_cursor(view, theme)
    candles = view.candles(CHART_CANDLES)
    instrument = view.instrument
    since = view.cvd_from
    return PanelContent(
        figure=cvd_figure(candles, instrument, view.key.timeframe, colours),
        rows=footprint_rows(candles, instrument, view.key.timeframe),
        tooltips=footprint_tooltips(candles, instrument, view.key.timeframe),
        last=grouped(instrument.price.text(candles[-1].close)) if candles else "–",
        since="" if since is None else f"since {day_clock(since)} UTC",
        cursor=cursor,
    )


def panel_cursor(view: View, theme: str) -> list[Any]:
    """Names the content of a panel without building it; ``cvd_from`` tells a series that was begun anew."""
    return [*view.key, view.revision(), view.cvd_from, view.depth, theme]


def new_panel_id() -> str:
    """An id for one opening of one panel."""
    return uuid.uuid4().hex


def panel(hub: Hub, panel_id: str, key: ViewKey, theme: str) -> Component:
    """The panel's component, already showing what the hub knows; takes the lease on the series.

    Raises what ``hub.lease`` raises.
    """
    view = hub.lease(panel_id, key)
    content = panel_content(view, palette(theme), theme)
    wanted = query_args(view_query_string(key, view.instrument))
    return html.Section(
        [
            dcc.Store(id=_id("view", panel_id), data=wanted),
            dcc.Store(id=_id("cursor", panel_id), data=content.cursor),
            dcc.Store(id=_id("status", panel_id), data=dict(feed_status(view.status()))),
            dcc.Interval(id=_id("interval", panel_id), interval=REFRESH_MS),
            _head(panel_id, view, content),
            _controls(panel_id, view, hub.price(view.instrument)),
            html.Div(
                [_chart_section(panel_id, content), profile_section(panel_id, view, theme)],
                className="panel-charts",
            ),
            _table_section(panel_id, content),
        ],
        className="orderflow-panel",
        **_aria("label", f"Order flow of {key.symbol} on {key.venue.label}"),
    )


def register_panel(app: Dash, hub: Hub) -> None:
    """Register the callbacks of every panel that will ever stand on a page of ``app``."""
    here = MATCH
    in_browser(
        app,
        "panel",
        "choose",
        Output(_id("view", here), "data"),
        Input(_id("timeframe", here), "value"),
        Input(_id("step", here), "value"),
        State(_id("view", here), "data"),
        at_start=False,
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

    @app.callback(
        Output(_id("chart", here), "figure"),
        Output(_id("table", here), "data"),
        Output(_id("table", here), "tooltip_data"),
        Output(_id("last", here), "children"),
        Output(_id("since", here), "children"),
        Output(_id("cursor", here), "data"),
        Output(_id("status", here), "data"),
        *profile_outputs(here),
        Input(_id("interval", here), "n_intervals"),
        Input(_id("view", here), "data"),
        Input("theme", "data"),
        State(_id("cursor", here), "data"),
        State(_id("view", here), "id"),
        *profile_inputs(here),
        prevent_initial_call=True,
    )
    def refresh(
        _ticks: object, wanted: object, theme: object, cursor: object, view_id: object, *chosen: object
    ) -> tuple[Any, ...]:
        holder = str(view_id.get("panel") if isinstance(view_id, dict) else None)[:_MAX_ID]
        content, status = refreshed(hub, holder, wanted, theme, cursor)
        profile = profile_refreshed(hub, holder, wanted, theme, chosen)
        return (*(content or (no_update,) * len(PanelContent._fields)), status, *profile)


def refreshed(
    hub: Hub, holder: str, wanted: object, theme: object, cursor: object
) -> tuple[PanelContent | None, FeedStatus]:
    """Renew the lease and build the content, or None where the browser has it already.

    ``wanted``, ``theme`` and ``cursor`` come from the browser and are checked like a stranger's query.
    """
    fields = wanted if isinstance(wanted, dict) else {}
    theme = str(theme)
    try:
        query = parse_view_query({str(name): str(value) for name, value in fields.items()}, hub)
        view = hub.lease(holder, query.key)
    except (QueryError, Unavailable, UnknownSymbol) as error:
        return None, disconnected(str(error))
    if cursor == panel_cursor(view, theme):
        return None, feed_status(view.status())
    return panel_content(view, palette(theme), theme), feed_status(view.status())


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


def _controls(panel_id: str, view: View, price: int | None) -> Component:
    return html.Div(
        [
            dbc.RadioItems(
                id=_id("timeframe", panel_id),
                options=[{"label": timeframe.value, "value": timeframe.value} for timeframe in Timeframe],
                value=view.key.timeframe.value,
                class_name="timeframe-choice",
                input_class_name="btn-check",
                label_class_name="btn btn-sm",
                label_checked_class_name="active",
                inline=True,
            ),
            html.Label(
                [
                    html.Span("Step"),
                    dbc.Select(
                        id=_id("step", panel_id),
                        options=step_options(view, price),
                        value=step_text(view.key, view.instrument),
                        size="sm",
                        class_name="step-choice",
                    ),
                    html.Span(view.instrument.quote, className="unit"),
                ],
                className="step-label",
            ),
        ],
        className="panel-controls",
    )


def _chart_section(panel_id: str, content: PanelContent) -> Component:
    return html.Div(
        [
            html.Div(
                [
                    html.H3("CVD"),
                    html.Span(content.since, id=_id("since", panel_id), className="section-note"),
                ],
                className="section-head",
            ),
            cvd_chart(_id("chart", panel_id), content.figure),
        ],
        className="chart-section",
    )


def _table_section(panel_id: str, content: PanelContent) -> Component:
    return html.Div(
        [
            html.Div(
                [html.H3("Footprint"), html.Span("times in UTC", className="section-note")],
                className="section-head",
            ),
            footprint_table(_id("table", panel_id), content.rows, content.tooltips),
            html.Ul(
                [
                    html.Li([html.Span(mark), meaning])
                    for mark, meaning in ((FIRE, "one side over 3× the other"), *quality_legend())
                ],
                className="legend",
            ),
        ],
        className="table-section",
    )
