"""The panel: one series on screen, with its status, controls, charts, and tables.

A page may have several: every part's id is ``{"type": ..., "panel": <panel id>}``, and a panel id belongs to
one opening of one panel. It is also the holder of the lease on the series, so a late answer for a closed
panel cannot reach another one. ``web/api/panel_updates.py`` refreshes it.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import dash_bootstrap_components as dbc
from dash import ALL, MATCH, Dash, Input, Output, State, dcc, html
from dash.development.base_component import Component

from orderflow_dash.access.embed_token import TokenScope
from orderflow_dash.indicators.session_cvd import SessionStarts, session_of
from orderflow_dash.live.hub import Hub
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import Grid, Instrument, Venue
from orderflow_dash.runtime.client_limits import Client
from orderflow_dash.web.clientside import clientside
from orderflow_dash.web.grant import current_client
from orderflow_dash.web.help_links import drawn_labels, help_label
from orderflow_dash.web.latency import latency_badge, latency_report
from orderflow_dash.web.marks import FIRE, quality_legend
from orderflow_dash.web.panel.controls import option_id, panel_controls
from orderflow_dash.web.panel.cvd_chart import Figure, current_value, cvd_chart, cvd_figure
from orderflow_dash.web.panel.deferred import Deferred
from orderflow_dash.web.panel.footprint_section import footprint_section
from orderflow_dash.web.panel.footprint_table import (
    Row,
    Tooltip,
    footprint_rows,
    footprint_table,
    footprint_tooltips,
)
from orderflow_dash.web.panel.level_table import LEGEND, LevelContent, level_content, level_section
from orderflow_dash.web.panel.live import PanelLive, PanelTexts, bind_text
from orderflow_dash.web.panel.options import (
    DEFAULTS,
    NAMES,
    PanelOptions,
    option_args,
    option_text,
    parse_options,
)
from orderflow_dash.web.panel.profile_section import profile_content, profile_section
from orderflow_dash.web.panel.section import attrs, live_note, section
from orderflow_dash.web.panel.share import register_share, share_menu
from orderflow_dash.web.panel.step_options import tick_text
from orderflow_dash.web.panel.volume_units import VolumeUnits
from orderflow_dash.web.query import parse_view_query, query_args, view_args, view_query_string
from orderflow_dash.web.status import PRE_MARKET, feed_status, venue_name
from orderflow_dash.web.text import clock, day_clock, grouped
from orderflow_dash.web.theme import palette


class PanelContent(NamedTuple):
    """The content of a panel; all of it changes with the view's revision."""

    figure: Figure
    rows: list[Row]
    tooltips: list[Tooltip]
    levels: LevelContent | None
    texts: PanelTexts
    cursor: list[Any]  # equal cursors show equal content


def panel_content(view: View, theme: str, options: PanelOptions) -> PanelContent:
    """The content of a panel for the current state of a view."""
    count = max(options.lookback, options.rows)
    view.request_older(count)
    cursor = panel_cursor(view, theme, options)
    candles = view.candles(count)
    instrument, timeframe = view.instrument, view.key.timeframe
    starts = view.session_starts(candles) if options.anchor == "session" else {}
    grid = candles[-1].grid if candles else instrument.grid
    units = VolumeUnits(instrument, options, starts, grid)
    return PanelContent(
        figure=cvd_figure(candles, units, timeframe, palette(theme, options.palette), options),
        rows=footprint_rows(candles, units, timeframe, options),
        tooltips=footprint_tooltips(candles, timeframe, options),
        levels=level_content(candles, view.key, units, options),
        texts={
            "last": grouped(grid.price.text(candles[-1].close)) if candles else "–",
            "now": current_value(candles, units),
            "since": _since(view, options, starts, candles[-1].open_ts if candles else 0),
            "units": f"times in UTC, volumes in {units.name}",
            "unit": f"in {units.name}",
            "chart_unit": f"{_approximate(view, units, grid)}in {units.name}",
            "fire": _fire(options, instrument),
        },
        cursor=cursor,
    )


def _approximate(view: View, units: VolumeUnits, grid: Grid) -> str:
    """A mark if the chart multiplies the volume of a row of several prices by one of them."""
    return "≈ " if units.is_quote and view.key.step > grid.price.value else ""


def panel_cursor(view: View, theme: str, options: PanelOptions) -> list[Any]:
    """Identifies the content of a panel without building it; ``cvd_from`` changes when a series is reset."""
    return [
        *view.key[:-1],
        str(view.key.step),
        view.revision(),
        view.cvd_from,
        view.history_version,
        theme,
        *_option_texts(options),
    ]


@lru_cache(maxsize=256)
def _option_texts(options: PanelOptions) -> tuple[str, ...]:
    """All options as texts; cached, for each panel needs them once a second and most have the same."""
    return tuple(option_text(options, name) for name in NAMES)


def new_panel_id() -> str:
    """A unique id for one opening of a panel."""
    return uuid.uuid4().hex


def panel(
    hub: Hub,
    panel_id: str,
    key: ViewKey,
    theme: str,
    options: PanelOptions = DEFAULTS,
    notices: Sequence[str] = (),
) -> Component:
    """The panel's component with its current content; takes a lease on the series.

    ``notices``: sentences above it that can be dismissed. Raises what ``hub.lease`` raises.
    """
    view = hub.lease(panel_id, key, current_client())
    content = panel_content(view, theme, options)
    profile = profile_content(view, theme, options)
    args = query_args(view_query_string(key)) | option_args(options)
    defaults = {name: option_text(DEFAULTS, name) for name in NAMES}
    return html.Section(
        [
            dcc.Store(id=_id("view", panel_id), data=args),
            dcc.Store(id=_id("defaults", panel_id), data=defaults),
            dcc.Store(id=_id("candle", panel_id), data=option_text(options, "candle")),
            _head(view, content),
            *(dbc.Alert(text, color="warning", dismissable=True, class_name="notice") for text in notices),
            panel_controls(panel_id, view, hub.price(view.instrument), options, share_menu(panel_id)),
            html.Div(
                [_chart_section(panel_id, content), profile_section(panel_id, profile, options)],
                className="panel-charts",
            ),
            footprint_section(
                panel_id,
                _id("footprint", panel_id),
                options,
                quote=view.instrument.quote,
                unit=content.texts["chart_unit"],
            ),
            _table_section(panel_id, content, options),
            PanelLive(
                panel_id,
                status=feed_status(view.status(), latency_report(view)),
                content=content._asdict(),
                profile=profile._asdict(),
                tick=tick_text(view.instrument),
            ),
        ],
        id=_id("root", panel_id),
        className=f"orderflow-panel palette-{options.palette}",
        style={"--of-rows": options.rows},
        **attrs(
            data_panel=panel_id,
            data_help=json.dumps(drawn_labels()),
            aria_label=f"Order flow of {key.symbol} on {key.venue.label}",
        ),
    )


def register_panel(app: Dash) -> None:
    """Register the callbacks of all panels on pages of ``app``, by pattern."""
    _register_browser(app)
    register_share(app)


def leased(
    hub: Hub, holder: str, args: Mapping[str, str], client: Client, lock: TokenScope | None
) -> tuple[View, PanelOptions]:
    """The view and the options of a panel's store; the panel's lease starts or is renewed. Never waits.

    ``client``: counted by the limits; ``lock``: the scope of an embed token. Raises QueryError, and what
    ``hub.lease`` raises.
    """
    query = parse_view_query(view_args(args), hub, lock, at_once=True)
    return hub.lease(holder, query.key, client), parse_options(args)[0]


def _register_browser(app: Dash) -> None:
    here = MATCH
    clientside(
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
    clientside(
        app,
        "panel",
        "applyOptions",
        Output(_id("root", here), "className"),
        Output(_id("root", here), "style"),
        Output(_id("table", here), "columns"),
        Input(_id("view", here), "data"),
        State(_id("defaults", here), "data"),
        State(_id("table", here), "columns"),
        at_start=False,
    )
    clientside(
        app,
        "footprint",
        "draw",
        Output(_id("footprint", here), "title"),
        Input(_id("view", here), "data"),
        State(_id("defaults", here), "data"),
        State(_id("view", here), "id"),
    )


def _since(view: View, options: PanelOptions, starts: SessionStarts, newest: int) -> str:
    """The start of the CVD, as text."""
    if options.anchor == "session":
        start = starts.get(session_of(newest))
        return "" if start is None else f"UTC session, since {clock(start.known_from)}"
    since = view.quote_from if options.units == "quote" else view.cvd_from
    return "" if since is None else f"since {day_clock(since)} UTC"


def _fire(options: PanelOptions, instrument: Instrument) -> str:
    least = f", from {options.min:,} {instrument.quote}" if options.min else ""
    return f"one side over {option_text(options, 'ratio')}× the other{least}"


def _id(part: str, panel_id: object) -> dict[str, Any]:
    return {"type": f"panel-{part}", "panel": panel_id}


def _head(view: View, content: PanelContent) -> Component:
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
                    html.Span("Pre-market", className="pre-market-badge", title=PRE_MARKET)
                    if instrument.is_pre_market
                    else None,
                ],
                className="panel-title",
            ),
            html.Div(content.texts["last"], className="panel-last", title="Last trade", **bind_text("last")),
            html.Div(
                [
                    html.Span(className="feed-dot"),
                    html.Span(className="feed-word", **bind_text("word")),
                    html.Span(className="feed-detail", **bind_text("cause")),
                    html.Span(className="feed-age", title="Age of the last trade", **bind_text("age")),
                    latency_badge(),
                ],
                className="feed-status",
                role="status",
                **attrs(aria_live="off"),
            ),
            html.Div("Simulated market: not real prices, not real trades.", className="simulated-banner")
            if venue is Venue.DEMO
            else None,
        ],
        className="panel-head",
    )


def _chart_section(panel_id: str, content: PanelContent) -> Component:
    texts = content.texts
    return section(
        "chart-section",
        "CVD",
        [live_note(texts["since"], "since"), live_note(texts["unit"], "unit")],
        html.Span(texts["now"], className="cvd-now", title="CVD now", **bind_text("now")),
        Deferred(cvd_chart(_id("chart", panel_id), content.figure), "cvd-place"),
    )


def _table_section(panel_id: str, content: PanelContent, options: PanelOptions) -> Component:
    table = footprint_table(_id("table", panel_id), content.rows, content.tooltips, options)
    hint = html.Span("a row opens its levels", className="section-note hint")
    return section(
        "table-section",
        "Footprint",
        [live_note(content.texts["units"], "units"), hint],
        html.Div(
            [Deferred(table, "footprint-rows"), level_section(content.levels)], className="table-and-levels"
        ),
        html.Ul(
            [
                _meaning(FIRE, html.Span(content.texts["fire"], **bind_text("fire"))),
                *(_meaning(mark, meaning) for mark, meaning in (*quality_legend(), *LEGEND)),
            ],
            className="legend",
        ),
    )


def _meaning(mark: str, meaning: str | Component) -> Component:
    return html.Li([html.Span(mark), help_label(mark, meaning)])
