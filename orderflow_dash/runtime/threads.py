"""Long-lived threads: a crash is logged, counted and reported, and the thread restarts.

A thread handles expected failures (an unreachable venue, a full disk) in its own code. Any other exception
reaches this module, the only place that restarts a thread, after a wait that doubles with each crash.
"""

from __future__ import annotations

import logging
import threading
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypedDict

from orderflow_dash.runtime.backoff import Backoff

log = logging.getLogger(__name__)

_BACKOFF_S: Final = 0.5, 30.0
_HEALTHY_S: Final = 60.0  # a run of this length resets the backoff
_PACKAGE: Final = str(Path(__file__).parents[1])


class Crash(TypedDict):
    """One crash."""

    thread: str
    cause: str  # kind of the error, and the line of this package that raised it
    at_ms: int


class CrashHealth(TypedDict):
    """The crashes in ``/health``."""

    total: int
    threads: dict[str, int]
    last: Crash | None


class Crashes:
    """Crashes of this process, by thread. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._last: Crash | None = None

    def record(self, thread: str, error: BaseException) -> None:
        """Count a crash. The error's text is not stored: it may contain secrets."""
        with self._lock:
            self._counts[thread] += 1
            self._last = {"thread": thread, "cause": _cause(error), "at_ms": int(time.time() * 1000)}

    def health(self) -> CrashHealth:
        with self._lock:
            return {"total": self._counts.total(), "threads": dict(self._counts), "last": self._last}


CRASHES: Final = Crashes()


class SupervisedThread(threading.Thread):
    """A daemon thread that runs ``work`` until it returns, and restarts it after a crash.

    Args:
        work: returns soon after ``stopping`` is set.
        name: of the thread, in logs and counters.
        stopping: ends the thread, and any wait of it.
        backoff: waits before a restart; its owner may reset it.
        on_crash: called with the error and the seconds until the restart, so that its owner can report the
            outage.
    """

    def __init__(
        self,
        work: Callable[[], None],
        *,
        name: str,
        stopping: threading.Event,
        backoff: Backoff | None = None,
        on_crash: Callable[[BaseException, float], None] | None = None,
    ) -> None:
        super().__init__(name=name, daemon=True)
        self._work = work
        self._stopping = stopping
        self._backoff = backoff or Backoff(*_BACKOFF_S)
        self._on_crash = on_crash

    def run(self) -> None:
        """Run the work until it returns or ``stopping`` is set."""
        while True:
            started = time.monotonic()
            try:
                self._work()
                return
            except BaseException as error:  # SystemExit too: it would end the thread silently
                if self._stopping.is_set():
                    log.debug("%s crashed while stopping", self.name, exc_info=True)
                    return
                if time.monotonic() - started >= _HEALTHY_S:
                    self._backoff.reset()
                wait = self._backoff.next()
                CRASHES.record(self.name, error)
                log.error("%s crashed; restarting in %.1f s", self.name, wait, exc_info=True)
                self._notify(error, wait)
            if self._stopping.wait(wait):
                return

    def _notify(self, error: BaseException, wait: float) -> None:
        try:
            if self._on_crash is not None:
                self._on_crash(error, wait)
        except Exception as second:
            CRASHES.record(self.name, second)
            log.exception("%s: on_crash failed", self.name)


def _cause(error: BaseException) -> str:
    """The kind of an error and the line of this package that raised it."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(_PACKAGE) and frame.filename != __file__]
    place = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    return type(error).__name__ + place
