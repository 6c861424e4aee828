"""The steps that a panel offers."""

from __future__ import annotations

from decimal import Decimal
from typing import TypedDict

from orderflow_dash.footprint.measures import default_step, step_choices
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import Instrument
from orderflow_dash.web.text import grouped


class Option(TypedDict):
    """One choice of a selector."""

    label: str
    value: str


def step_options(view: View, price: Decimal | None) -> list[Option]:
    """The sensible steps at a price (quote currency, if known), and the view's own step.

    In quote currency, low to high; the default is labeled "auto". Values are written as in an address.
    """
    return step_menu(view.instrument, price, view.key.step)["options"]


class StepMenu(TypedDict):
    """The choices of the step menu, and their tick."""

    tick: str
    options: list[Option]


def step_menu(instrument: Instrument, price: Decimal | None, chosen: Decimal | None = None) -> StepMenu:
    """As ``step_options``, for an instrument and a chosen step."""
    auto = default_step(instrument.tick, price)
    options: list[Option] = []
    for step in sorted({*step_choices(instrument.tick, price), auto, auto if chosen is None else chosen}):
        text = _text(step)
        options.append({"label": grouped(text) + (" auto" if step == auto else ""), "value": text})
    return {"tick": _text(instrument.tick), "options": options}


def tick_text(instrument: Instrument) -> str:
    """The tick of a menu."""
    return _text(instrument.tick)


def step_text(key: ViewKey) -> str:
    """The step of a view as in an address."""
    return _text(key.step)


def _text(step: Decimal) -> str:
    return f"{step.normalize():f}"
