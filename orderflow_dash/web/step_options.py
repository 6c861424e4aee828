"""The steps that a panel offers."""

from __future__ import annotations

from decimal import Decimal
from typing import TypedDict

from ..footprint.measures import default_step, step_choices
from ..view import View, ViewKey
from .number_text import grouped
from .query import query_args, view_query_string


class Option(TypedDict):
    """One choice of a selector."""

    label: str
    value: str


def step_options(view: View, price: Decimal | None) -> list[Option]:
    """The sensible steps at a price (quote currency, if known), and the view's own step where it is another.

    Steps in quote currency, low to high; the one that would be chosen for you says "auto". The value of an
    option is the step as the address bar writes it.
    """
    auto = default_step(view.instrument.tick, price)
    options: list[Option] = []
    for step in sorted({*step_choices(view.instrument.tick, price), auto, view.key.step}):
        text = step_text(view.key._replace(step=step))
        options.append({"label": grouped(text) + (" auto" if step == auto else ""), "value": text})
    return options


def step_text(key: ViewKey) -> str:
    """The step of a view as the address bar writes it."""
    return query_args(view_query_string(key))["step"]
