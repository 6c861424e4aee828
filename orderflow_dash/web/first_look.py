"""The moment that a first answer waits for history."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import Final

from ..market import State
from ..view import View

_LONGEST_S: Final = 2.0
_PAUSE_S: Final = 0.05


def await_history(view: View, lookback: int, stopping: Event, pause: Callable[[float], object]) -> None:
    """Give a stream that has just begun a moment to find what came before it: history at once.

    Two seconds at most, and not beyond ``stopping``. ``pause`` waits so many seconds, and may raise where
    whoever asks has gone.
    """
    until = time.monotonic() + _LONGEST_S
    while time.monotonic() < until and not stopping.is_set():
        view.reach(lookback)
        if not view.is_reading and view.status().state not in (State.CONNECTING, State.REPAIRING):
            return
        pause(_PAUSE_S)
    view.reach(lookback)
