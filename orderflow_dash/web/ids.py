"""Ids of components that callbacks of several modules share; ``assets/`` uses the same names."""

from __future__ import annotations

from typing import Any, Final

from dash import ALL

ADDRESS: Final = "address"  # store: the address to show
ADDRESS_SHOWN: Final = "address-shown"  # store: the address shown
ADDRESS_RETRY: Final = "address-retry"  # store: whether to try the address again
THEME: Final = "theme"  # store, kept in the browser
MODAL: Final = "modal"
NOTICE: Final = "notice"
SERVER_LOST: Final = "server-lost"
PANEL_VIEWS: Final[dict[str, Any]] = {"type": "panel-view", "panel": ALL}  # stores: the view of each panel
PANEL_DEFAULTS: Final[dict[str, Any]] = {"type": "panel-defaults", "panel": ALL}
