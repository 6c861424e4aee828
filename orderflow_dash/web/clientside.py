"""Callbacks that run in the browser, in the JavaScript of ``assets/``."""

from __future__ import annotations

from dash import ClientsideFunction, Dash
from dash.dependencies import DashDependency


def clientside(
    app: Dash, namespace: str, function: str, *wiring: DashDependency, at_start: bool = True
) -> None:
    """Run ``dash_clientside.<namespace>.<function>`` for the inputs among ``wiring``.

    ``at_start``: also when the components of the wiring appear.
    """
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction(namespace, function), *wiring, prevent_initial_call=not at_start
    )
