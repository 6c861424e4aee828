"""Threads of ours that live long: a defect in one of them is logged, counted, told and survived.

What a thread expects to go wrong (a venue that is away, a full disk) it handles by itself. Everything else
comes up to here, the one place where a thread begins again: after a wait that doubles while it goes on.
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
_HEALTHY_S: Final = 60.0  # a thread that ran for so long begins again as if it had never failed
_PACKAGE: Final = str(Path(__file__).parents[1])


class Crash(TypedDict):
    """One failure."""

    thread: str
    cause: str  # kind of the error, and the line of ours that it came from
    at_ms: int


class CrashHealth(TypedDict):
    """What ``/health`` tells of them."""

    total: int
    threads: dict[str, int]
    last: Crash | None


class Crashes:
    """What failed on a defect in this process, by thread. Thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: Counter[str] = Counter()
        self._last: Crash | None = None

    def record(self, thread: str, error: BaseException) -> None:
        """Count one. Its text is not kept: it may tell what is nobody's business."""
        with self._lock:
            self._counts[thread] += 1
            self._last = {"thread": thread, "cause": _cause(error), "at_ms": int(time.time() * 1000)}

    def health(self) -> CrashHealth:
        """How many, by thread, and the last one."""
        with self._lock:
            return {"total": self._counts.total(), "threads": dict(self._counts), "last": self._last}


CRASHES: Final = Crashes()


class SupervisedThread(threading.Thread):
    """A daemon thread that does ``work`` until it returns, and begins it again where it fails.

    Args:
        work: returns soon after ``stopping`` is set.
        name: of the thread, in logs and counters.
        stopping: set where it is to end; no wait outlasts it.
        backoff: waits between a failure and the next begin; its owner may reset it.
        on_crash: told of each failure and of the seconds until the next begin, so that nobody takes the
            thread for a running one.
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
        """Until the work is done or ``stopping`` is set."""
        while True:
            begun = time.monotonic()
            try:
                self._work()
                return
            except BaseException as error:  # SystemExit too: it would end a thread without a word
                if self._stopping.is_set():
                    log.debug("%s failed while it was ending", self.name, exc_info=True)
                    return
                if time.monotonic() - begun >= _HEALTHY_S:
                    self._backoff.reset()
                wait = self._backoff.next()
                CRASHES.record(self.name, error)
                log.error("%s failed on a defect; it begins again in %.1f s", self.name, wait, exc_info=True)
                self._notify(error, wait)
            if self._stopping.wait(wait):
                return

    def _notify(self, error: BaseException, wait: float) -> None:
        try:
            if self._on_crash is not None:
                self._on_crash(error, wait)
        except Exception as second:
            CRASHES.record(self.name, second)
            log.exception("%s could not tell that it failed", self.name)


def _cause(error: BaseException) -> str:
    """The kind of an error and the line of ours that it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [frame for frame in frames if frame.filename.startswith(_PACKAGE) and frame.filename != __file__]
    place = f" at {Path(own[-1].filename).name}:{own[-1].lineno}" if own else ""
    return type(error).__name__ + place
