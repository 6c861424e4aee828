"""What all viewers of a view see alike, built for the first who asks and shown to who asks soon after."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from typing import Final, Generic, TypeVar
from weakref import WeakKeyDictionary

from orderflow_dash.live.view import View

T = TypeVar("T")

_KEEP_S: Final = 0.5  # a panel asks once a second: so much later it shows what it might have shown


class _Place(Generic[T]):
    __slots__ = ("content", "lock", "made")
    content: T

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.made = float("-inf")  # monotonic, s; from then on there is the content


class ViewCache(Generic[T]):
    """Contents by view and how it is looked at; they go with the view, or when they are old. Thread-safe."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._guard = threading.Lock()
        self._views: WeakKeyDictionary[View, dict[Hashable, _Place[T]]] = WeakKeyDictionary()

    def get(self, view: View, look: Hashable, build: Callable[[], T]) -> T:
        """What was built a moment ago for this view and look, else what is built now; nobody changes it.

        One builds. Who asks meanwhile gets what was there, as long as that is but a moment older, and waits
        otherwise: hundreds of threads that wait for a lock cost more than the building.
        """
        place = self._place(view, look)
        if self._is_old(place) and place.lock.acquire(blocking=self._is_old(place, 2 * _KEEP_S)):
            try:
                if self._is_old(place):
                    place.content = build()
                    place.made = self._clock()
            finally:
                place.lock.release()
        return place.content

    def ready(self, view: View, look: Hashable) -> T | None:
        """What ``get`` would give without building or waiting; None where it would do either."""
        place = self._views.get(view, {}).get(look)
        if place is None or self._is_old(place, 2 * _KEEP_S):
            return None
        return place.content if place.lock.locked() or not self._is_old(place) else None

    def _place(self, view: View, look: Hashable) -> _Place[T]:
        place = self._views.get(view, {}).get(look)
        if place is not None:
            return place
        with self._guard:
            places = self._views.setdefault(view, {})
            if look not in places:
                for old in [each for each, place in places.items() if self._is_old(place)]:
                    del places[old]
                places[look] = _Place()
            return places[look]

    def _is_old(self, place: _Place[T], after_s: float = _KEEP_S) -> bool:
        return self._clock() - place.made > after_s
