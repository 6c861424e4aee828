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
    """The sensible steps at a price (quote currency, if known), and the view's own step where it is another.

    Steps in quote currency, low to high; the one that would be chosen for you says "auto". The value of an
    option is the step as the address bar writes it.
    """
    return step_menu(view.instrument, price, view.key.step)["options"]


class StepMenu(TypedDict):
    """The choices of the step menu, and the tick that they are for."""

    tick: str
    options: list[Option]


def step_menu(instrument: Instrument, price: Decimal | None, chosen: Decimal | None = None) -> StepMenu:
    """The steps of an instrument at a price, with a chosen one; as ``step_options``."""
    auto = default_step(instrument.tick, price)
    options: list[Option] = []
    for step in sorted({*step_choices(instrument.tick, price), auto, auto if chosen is None else chosen}):
        text = _text(step)
        options.append({"label": grouped(text) + (" auto" if step == auto else ""), "value": text})
    return {"tick": _text(instrument.tick), "options": options}


def tick_text(instrument: Instrument) -> str:
    """The tick that a menu is for."""
    return _text(instrument.tick)


def step_text(key: ViewKey) -> str:
    """The step of a view as the address bar writes it."""
    return _text(key.step)


def _text(step: Decimal) -> str:
    return f"{step.normalize():f}"
