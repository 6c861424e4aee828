"""Messages about limits that are reached: which limit, its value, and what to do."""

from __future__ import annotations

from typing import Final

from orderflow_dash.live.limits import COUNTED_IDLE_S
from orderflow_dash.runtime.client_limits import LimitReached

EXPORT_RETRY_S: Final = 3

_CLOSE: Final = "close a panel or another connected program and try again"
_ADVICE: Final = {
    "panel": "close one and try again",
    "view": "reuse an open timeframe and step",
    "symbol": f"{_CLOSE} in {COUNTED_IDLE_S:.0f} s",
    "socket": _CLOSE,
    "export": f"try again in {EXPORT_RETRY_S} s",
}


def limit_text(error: LimitReached) -> str:
    """A limit for a page or a client."""
    scope = "" if error.party is None else f" per {error.party}"
    return f"{error.kind.capitalize()} limit{scope} ({error.limit}) reached: {_ADVICE[error.kind]}."


def error_text(error: Exception) -> str:
    """The message of any error that opening a view raises."""
    return limit_text(error) if isinstance(error, LimitReached) else str(error)
