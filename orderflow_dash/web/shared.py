"""What all viewers of a view see alike, built for the first who asks and shown to who asks soon after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from ..view import View

T = TypeVar("T")

_KEEP_S: Final = 0.5  # a panel asks once a second: so much later it shows what it might have shown


class _Place(Generic[T]):
    __slots__ = ("content", "lock", "made")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made = float("-inf")
        self.content: T | None = None


class Shared(Generic[T]):
    """Contents by view and how it is looked at; they go with the view, or when they are old. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._views: WeakKeyDictionary[View, dict[Hashable, _Place[T]]] = WeakKeyDictionary()

    def get(self, view: View, look: Hashable, build: Callable[[], T]) -> T:
        """What was built a moment ago for this view and look, else what is built now; nobody changes it."""
        place = self._place(view, look)
        with place.lock:  # one builds, and the others who want the same have it then
            if place.content is None or self._is_old(place):
                place.content = build()
                place.made = self._clock()
            return place.content

    def _place(self, view: View, look: Hashable) -> _Place[T]:
        with self._guard:
            places = self._views.setdefault(view, {})
            if look not in places:
                for old in [each for each, place in places.items() if self._is_old(place)]:
                    del places[old]
                places[look] = _Place()
            return places[look]

    def _is_old(self, place: _Place[T]) -> bool:
        return self._clock() - place.made > _KEEP_S
