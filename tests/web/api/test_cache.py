"""Contents that are built once per view and variant."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any, cast

import pytest

from orderflow_dash.live.view import View
from orderflow_dash.web.api.cache import ViewCache


class AnyView:
    """A stand-in for a view."""


@pytest.fixture
def now() -> list[float]:
    """A clock's time, s."""
    return [100.0]


@pytest.fixture
def cache(now: list[float]) -> ViewCache[str]:
    """A cache with that clock."""
    return ViewCache(lambda: now[0])


def a_view() -> View:
    """A view of its own."""
    return cast(View, AnyView())


def test_a_fresh_entry_is_served_again(cache: ViewCache[str], now: list[float]) -> None:
    """It is rebuilt once it has expired."""
    view, built = a_view(), []

    def build() -> str:
        built.append(now[0])
        return f"at {now[0]:.1f}"

    assert cache.get(view, "dark", build) == "at 100.0"
    now[0] += 0.4
    assert cache.get(view, "dark", build) == "at 100.0"
    now[0] += 0.2
    assert cache.get(view, "dark", build) == "at 100.6"
    assert len(built) == 2


def test_views_and_variants_have_entries_of_their_own(cache: ViewCache[str]) -> None:
    """None is served for another."""
    one, other = a_view(), a_view()
    for view, variant in ((one, "dark"), (one, "light"), (other, "dark")):
        assert (
            cache.get(view, variant, lambda view=view, variant=variant: f"{id(view)} {variant}")
            == f"{id(view)} {variant}"
        )


def test_a_failed_build_is_not_cached(cache: ViewCache[str]) -> None:
    """The next caller builds."""
    view = a_view()

    def fail() -> str:
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        cache.get(view, "dark", fail)
    assert cache.get(view, "dark", lambda: "built") == "built"


def test_entries_are_dropped_with_their_view(cache: ViewCache[Any]) -> None:
    """The cache holds no reference to the view."""
    view = a_view()
    seen = weakref.ref(cache.get(view, "dark", AnyView))
    del view
    gc.collect()
    assert seen() is None


def test_expired_variants_are_dropped(cache: ViewCache[Any], now: list[float]) -> None:
    """However many a client requests."""
    view = a_view()
    contents = []
    for number in range(50):
        contents.append(weakref.ref(cache.get(view, number, AnyView)))
        now[0] += 0.1
    gc.collect()
    assert sum(each() is not None for each in contents) <= 6


def test_concurrent_callers_share_one_build(cache: ViewCache[str]) -> None:
    """Ten callers, one build."""
    view, built, together = a_view(), [], threading.Barrier(10)

    def build() -> str:
        built.append(1)
        return "built"

    def ask() -> None:
        together.wait()
        cache.get(view, "dark", build)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]


@pytest.mark.parametrize(("age", "shown"), [(0.7, "old"), (1.2, "new")])
def test_an_entry_is_served_for_a_moment_while_it_is_rebuilt(
    cache: ViewCache[str], now: list[float], age: float, shown: str
) -> None:
    """A caller waits only if the entry is older than that."""
    view, building, may_end = a_view(), threading.Event(), threading.Event()
    cache.get(view, "dark", lambda: "old")
    now[0] += age

    def build() -> str:
        building.set()
        may_end.wait(10)
        return "new"

    builder = threading.Thread(target=cache.get, args=(view, "dark", build))
    builder.start()
    assert building.wait(10)
    threading.Timer(0.2, may_end.set).start()
    assert cache.get(view, "dark", lambda: "another") == shown
    builder.join()
    assert cache.get(view, "dark", lambda: "another") == "new"
