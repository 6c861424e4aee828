"""What is built once for all who look alike."""

from __future__ import annotations

import gc
import threading
import weakref
from typing import Any, cast

import pytest

from orderflow_dash.live.view import View
from orderflow_dash.web.api.cache import ViewCache


class AnyView:
    """Something that lives and dies as a view does."""


@pytest.fixture
def now() -> list[float]:
    """A clock's time, s."""
    return [100.0]


@pytest.fixture
def shared(now: list[float]) -> ViewCache[str]:
    """Contents by that clock."""
    return ViewCache(lambda: now[0])


def a_view() -> View:
    """One that nobody else has."""
    return cast(View, AnyView())


def test_what_was_built_a_moment_ago_is_shown_again(shared: ViewCache[str], now: list[float]) -> None:
    """And is built anew when it is old."""
    view, built = a_view(), []

    def build() -> str:
        built.append(now[0])
        return f"at {now[0]:.1f}"

    assert shared.get(view, "dark", build) == "at 100.0"
    now[0] += 0.4
    assert shared.get(view, "dark", build) == "at 100.0"
    now[0] += 0.2
    assert shared.get(view, "dark", build) == "at 100.6"
    assert len(built) == 2


def test_views_and_looks_are_apart(shared: ViewCache[str]) -> None:
    """Nobody is shown what is another's."""
    one, other = a_view(), a_view()
    for view, look in ((one, "dark"), (one, "light"), (other, "dark")):
        assert (
            shared.get(view, look, lambda view=view, look=look: f"{id(view)} {look}") == f"{id(view)} {look}"
        )


def test_a_failure_is_nobody_elses(shared: ViewCache[str]) -> None:
    """The next who asks builds it."""
    view = a_view()

    def fail() -> str:
        raise ValueError("not today")

    with pytest.raises(ValueError, match="not today"):
        shared.get(view, "dark", fail)
    assert shared.get(view, "dark", lambda: "built") == "built"


def test_a_view_that_is_gone_takes_its_contents_along(shared: ViewCache[Any]) -> None:
    """Nothing holds it for the sake of what was shown of it."""
    view = a_view()
    seen = weakref.ref(shared.get(view, "dark", AnyView))
    del view
    gc.collect()
    assert seen() is None


def test_looks_that_nobody_has_any_more_are_let_go(shared: ViewCache[Any], now: list[float]) -> None:
    """However many a client thinks of."""
    view = a_view()
    contents = []
    for number in range(50):
        contents.append(weakref.ref(shared.get(view, number, AnyView)))
        now[0] += 0.1
    gc.collect()
    assert sum(each() is not None for each in contents) <= 6


def test_who_asks_at_the_same_time_waits_for_the_one_who_builds(shared: ViewCache[str]) -> None:
    """Ten at once cost one building."""
    view, built, together = a_view(), [], threading.Barrier(10)

    def build() -> str:
        built.append(1)
        return "built"

    def ask() -> None:
        together.wait()
        shared.get(view, "dark", build)

    threads = [threading.Thread(target=ask) for _ in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert built == [1]


@pytest.mark.parametrize(("age", "shown"), [(0.7, "old"), (1.2, "new")])
def test_who_asks_while_it_is_built_anew_gets_what_was_there_for_a_moment(
    shared: ViewCache[str], now: list[float], age: float, shown: str
) -> None:
    """Nobody waits for a building whose last result is hardly older than what is built may be."""
    view, building, may_end = a_view(), threading.Event(), threading.Event()
    shared.get(view, "dark", lambda: "old")
    now[0] += age

    def build() -> str:
        building.set()
        may_end.wait(10)
        return "new"

    builder = threading.Thread(target=shared.get, args=(view, "dark", build))
    builder.start()
    assert building.wait(10)
    threading.Timer(0.2, may_end.set).start()
    assert shared.get(view, "dark", lambda: "another") == shown
    builder.join()
    assert shared.get(view, "dark", lambda: "another") == "new"
