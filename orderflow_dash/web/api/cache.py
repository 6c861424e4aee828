"""Content shared by the viewers of a view: built once and reused for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from orderflow_dash.live.view import View

T = TypeVar("T")

_KEEP_S: Final = 0.5  # a page polls once a second, so an entry is at most half a poll late


class _Entry(Generic[T]):
    __slots__ = ("built_at", "content", "lock")
    content: T

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.built_at = float("-inf")  # monotonic, s; ``content`` is unset until the first build


class ViewCache(Generic[T]):
    """Contents by view and variant; an entry expires with its view or after a moment. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._views: WeakKeyDictionary[View, dict[Hashable, _Entry[T]]] = WeakKeyDictionary()

    def get(self, view: View, variant: Hashable, build: Callable[[], T]) -> T:
        """The content of a view in a variant, built if the cached one has expired; not to be changed.

        One caller builds. While it does, the others get the expired content if that is only a moment old, and
        wait otherwise: hundreds of threads that wait for a lock cost more than the build.
        """
        entry = self._entry(view, variant)
        if self._is_old(entry) and entry.lock.acquire(blocking=self._is_old(entry, 2 * _KEEP_S)):
            try:
                if self._is_old(entry):
                    entry.content = build()
                    entry.built_at = self._clock()
            finally:
                entry.lock.release()
        return entry.content

    def _entry(self, view: View, variant: Hashable) -> _Entry[T]:
        entry = self._views.get(view, {}).get(variant)
        if entry is not None:
            return entry
        with self._guard:
            entries = self._views.setdefault(view, {})
            if variant not in entries:
                for expired in [each for each, entry in entries.items() if self._is_old(entry)]:
                    del entries[expired]
                entries[variant] = _Entry()
            return entries[variant]

    def _is_old(self, entry: _Entry[T], after_s: float = _KEEP_S) -> bool:
        return self._clock() - entry.built_at > after_s
