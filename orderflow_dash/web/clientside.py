"""Callbacks that run in the browser, in the JavaScript of ``assets/``."""

from __future__ import annotations

from dash import ClientsideFunction, Dash
from dash.dependencies import DashDependency


def clientside(
    app: Dash, namespace: str, function: str, *wiring: DashDependency, at_start: bool = True
) -> None:
    """Let ``dash_clientside.<namespace>.<function>`` answer the inputs among ``wiring``.

    ``at_start`` tells whether it is called once the parts it is wired to appear.
    """
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace, function), *wiring, prevent_initial_call=not at_start
    )
