"""The controls of a panel: a compact row, and the others under "Settings".

Every option's control has the id ``{"type": "panel-option", "panel": ..., "option": <name in the address>}``;
``assets/js/panel/controls.mjs`` computes the panel's ``view`` store from them.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any, Final, NamedTuple

import dash_bootstrap_components as dbc
from dash import html
from dash.development.base_component import Component

from orderflow_dash.live.view import View
from orderflow_dash.market import Timeframe
from orderflow_dash.web.help_links import help_label
from orderflow_dash.web.panel.options import PanelOptions, offered, option_text
from orderflow_dash.web.panel.section import attrs
from orderflow_dash.web.panel.step_options import step_options, step_text


class _Setting(NamedTuple):
    name: str
    label: str
    tip: str
    has_buttons: bool = False  # few choices, all visible


_SETTINGS: Final = (
    _Setting("lookback", "Lookback", "Candles of the CVD chart"),
    _Setting("rows", "Table rows", "Candles of the footprint table"),
    _Setting("ratio", "Imbalance ratio", "Times the other side, strictly more"),
    _Setting("min", "Imbalance from", "Minimum volume of the heavier side, in the quote currency"),
    _Setting("zero", "Zero opposite", "Whether a level counts if its other side has no trades", True),
    _Setting("anchor", "CVD from", "Start of the CVD: the first known candle, or each UTC midnight", True),
    _Setting("swap", "Sides", "First of the two columns", True),
    _Setting("palette", "Colors", "Selling and buying", True),
)


def option_id(panel_id: object, name: object) -> dict[str, Any]:
    """The id of an option's control."""
    return {"type": "panel-option", "panel": panel_id, "option": name}


def panel_controls(
    panel_id: str, view: View, price: Decimal | None, options: PanelOptions, more: Component | None
) -> Component:
    """Timeframe, step, and units, the disclosure of the other settings, and ``more`` at the end."""
    return html.Div(
        [
            _timeframes(panel_id, view),
            html.Label(
                [
                    html.Span(help_label("Step")),
                    dbc.Select(
                        id={"type": "panel-step", "panel": panel_id},
                        options=step_options(view, price),
                        value=step_text(view.key),
                        size="sm",
                        class_name="control-select",
                    ),
                    html.Span(view.instrument.quote, className="unit"),
                ],
                className="control",
            ),
            html.Div(
                [
                    html.Span(help_label("Units"), className="control-label"),
                    option_buttons(
                        panel_id,
                        options,
                        "units",
                        "Units",
                        choices={"base": view.instrument.base, "quote": view.instrument.quote},
                    ),
                ],
                className="control",
                title="Volumes in the base or in the quote currency",
            ),
            html.Details(
                [
                    html.Summary("Settings", className="btn btn-sm"),
                    html.Div(
                        [_setting(panel_id, view, options, each) for each in _SETTINGS],
                        className="settings-grid",
                    ),
                ],
                className="panel-settings",
            ),
            more,
        ],
        className="panel-controls",
    )


def _timeframes(panel_id: str, view: View) -> Component:
    return html.Div(
        dbc.RadioItems(
            id={"type": "panel-timeframe", "panel": panel_id},
            options=[{"label": timeframe.value, "value": timeframe.value} for timeframe in Timeframe],
            value=view.key.timeframe.value,
            name=f"timeframe-{panel_id}",  # one group, so that arrow keys move in it
            class_name="timeframe-choice",
            input_class_name="btn-check",
            label_class_name="btn btn-sm",
            label_checked_class_name="active",
            inline=True,
        ),
        role="radiogroup",
        **attrs(aria_label="Timeframe"),
    )


def option_buttons(
    panel_id: str, options: PanelOptions, name: str, label: str, choices: dict[str, str] | None = None
) -> Component:
    """The control of an option as buttons side by side; ``choices``: labels that replace the usual ones."""
    return html.Div(
        dbc.RadioItems(
            id=option_id(panel_id, name),
            options=[
                {"label": text, "value": value}
                for value, text in {**offered(options, name), **(choices or {})}.items()
            ],
            value=option_text(options, name),
            name=f"{name}-{panel_id}",
            class_name="button-choice",
            input_class_name="btn-check",
            label_class_name="btn btn-sm",
            label_checked_class_name="active",
            inline=True,
        ),
        className=f"option-{name}",
        role="radiogroup",
        **attrs(aria_label=label),
    )


def _setting(panel_id: str, view: View, options: PanelOptions, setting: _Setting) -> Component:
    name = setting.name
    caption = html.Span(help_label(setting.label), className="control-label")
    if setting.has_buttons:
        return html.Div(
            [caption, option_buttons(panel_id, options, name, setting.label)],
            className="setting",
            title=setting.tip,
        )
    unit = html.Span(view.instrument.quote, className="unit") if name == "min" else None
    select = dbc.Select(
        id=option_id(panel_id, name),
        options=[{"label": text, "value": value} for value, text in offered(options, name).items()],
        value=option_text(options, name),
        size="sm",
        class_name=f"control-select option-{name}",
    )
    return html.Label(
        [caption, html.Span([select, unit], className="setting-field")],
        className="setting",
        title=setting.tip,
    )
