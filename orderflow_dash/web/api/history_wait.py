"""The wait of a first response for history."""

from __future__ import annotations

import time
from collections.abc import Callable
from threading import Event
from typing import Final

from orderflow_dash.live.view import View
from orderflow_dash.market import State

_LONGEST_S: Final = 2.0
_LONGEST_FETCHING_S: Final = 10.0  # while the symbol's history is backfilled
_PAUSE_S: Final = 0.05


def await_history(
    view: View,
    lookback: int,
    stopping: Event,
    pause: Callable[[float], object],
    *,
    is_whole: bool = False,
) -> None:
    """Wait until a stream that has just started has its history.

    At most two seconds, or ten while a silent symbol's history is backfilled, and not after ``stopping``.
    ``is_whole``: ten seconds also while gaps are filled. ``pause`` waits the given seconds and may raise if
    the client has left.
    """
    started = time.monotonic()
    while not stopping.is_set():
        view.request_older(lookback)
        status = view.status()
        if not view.is_reading and not is_pending(view):
            return
        is_fetching = status.past_known is False or (is_whole and status.state is State.REPAIRING)
        if time.monotonic() - started > (_LONGEST_FETCHING_S if is_fetching else _LONGEST_S):
            break
        pause(_PAUSE_S)
    view.request_older(lookback)


def is_pending(view: View) -> bool:
    """Whether a backfill is pending, so that candles may be old or incomplete."""
    status = view.status()
    return status.state in (State.CONNECTING, State.REPAIRING) and not status.past_known
