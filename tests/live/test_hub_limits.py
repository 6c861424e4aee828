"""Limits on panels, views and symbols."""

from __future__ import annotations

import pytest

from orderflow_dash.live.hub import UnknownSymbol
from orderflow_dash.market import Timeframe
from orderflow_dash.runtime.client_limits import Client, LimitReached
from tests.live.hub_bench import FAR, NEAR, HubBench, key


def test_symbols_are_limited() -> None:
    """A symbol beyond the bound is refused with the bound; one that streams already has room for more."""
    bench = HubBench(series=1)
    with bench.hub.watch(key()), bench.hub.watch(key(step=5)):
        with pytest.raises(LimitReached, match=r"symbol limit \(1\)"):
            bench.hub.lease("page", key("ETHUSDT"))
        assert bench.counts == (1, 2, 0)
    bench.later(31)
    bench.hub.lease("page", key("ETHUSDT"))
    assert bench.counts == (1, 1, 1)


def test_panels_are_limited() -> None:
    """A holder beyond the bound is refused with the bound; those who hold a lease keep and change it."""
    bench = HubBench(panels=2)
    bench.hub.lease("one", key())
    bench.hub.lease("two", key())
    with pytest.raises(LimitReached, match=r"panel limit \(2\)"):
        bench.hub.lease("three", key())
    bench.hub.lease("one", key("ETHUSDT"))
    bench.hub.release("two")
    bench.hub.lease("three", key())
    assert bench.counts == (2, 2, 2)


def test_panels_of_a_client_are_limited() -> None:
    """The refusal names the address and what to do; another address has places, and so has a closed panel."""
    bench = HubBench(panels=10, panels_per_client=2)
    bench.hub.lease("one", key(), NEAR)
    bench.hub.lease("two", key("ETHUSDT"), NEAR)
    with pytest.raises(LimitReached, match=r"panel limit \(2\)"):
        bench.hub.lease("three", key(), NEAR)
    bench.hub.lease("one", key(step=5), NEAR)
    bench.hub.lease("three", key(), FAR)
    bench.hub.release("two", NEAR)
    bench.hub.lease("four", key(), NEAR)
    bench.later(16)
    assert bench.counts[1:] == (0, 0)
    bench.hub.lease("five", key(), NEAR)


def test_a_refused_panel_does_not_count() -> None:
    """A panel of an unknown symbol, again and again, leaves the places of its client free."""
    bench = HubBench(panels=2, panels_per_client=1)
    for _ in range(3):
        with pytest.raises(UnknownSymbol):
            bench.hub.lease("one", key("NOPEUSDT"), NEAR)
    bench.hub.lease("two", key(), NEAR)


def test_clients_do_not_release_each_others_panels() -> None:
    """Two clients use the same name for a panel: each has its own."""
    bench = HubBench()
    bench.hub.lease("panel", key(), NEAR)
    bench.hub.lease("panel", key(step=5), FAR)
    bench.hub.release("panel", FAR)
    assert bench.hub.renewed("panel", key(), NEAR) is not None
    assert bench.counts == (1, 1, 1)


def test_views_are_limited() -> None:
    """Many steps of one symbol end at the bound; views that are there are shared beyond it."""
    bench = HubBench(views=3)
    for step in (1, 2, 3):
        bench.hub.lease(f"step {step}", key(step=step))
    for refused in (key(step=4), key(timeframe=Timeframe.H1), key("ETHUSDT")):
        with pytest.raises(LimitReached, match=r"view limit \(3\)"):
            bench.hub.lease("another", refused)
        with pytest.raises(LimitReached, match=r"view limit \(3\)"), bench.hub.watch(refused):
            pass
    assert bench.counts == (1, 3, 3)
    with bench.hub.watch(key(step=2)):
        bench.hub.lease("another", key(step=3))
    bench.hub.release("step 1")
    with bench.hub.watch(key(step=4)):
        assert bench.counts == (1, 3, 3)
    assert bench.counts == (1, 2, 3)


def test_a_panel_changes_its_step_at_the_view_limit() -> None:
    """What it leaves makes room for what it takes, unless others watch that too."""
    bench = HubBench(views=2)
    bench.hub.lease("one", key(step=1))
    bench.hub.lease("two", key(step=2))
    bench.hub.lease("two", key(step=3))
    assert bench.counts == (1, 2, 2)
    bench.hub.lease("three", key(step=3))
    with pytest.raises(LimitReached, match=r"view limit \(2\)"):
        bench.hub.lease("two", key(step=4))
    assert bench.counts == (1, 2, 3)


def test_references_and_leases_count_for_the_same_client() -> None:
    """A view by socket and one by panel are two of the client's two; the same view twice is one."""
    bench = HubBench(views=8, views_per_client=2)
    with bench.hub.watch(key(step=1), NEAR), bench.hub.watch(key(step=1), NEAR):
        bench.hub.lease("one", key(step=2), NEAR)
        bench.hub.lease("two", key(step=2), NEAR)
        with pytest.raises(LimitReached, match=r"view limit \(2\)"):
            bench.hub.lease("three", key(step=3), NEAR)
        bench.hub.lease("one", key(step=3), FAR)
    bench.hub.lease("three", key(step=3), NEAR)


def test_a_view_of_another_client_counts_too() -> None:
    """It costs the server little, yet a client without a place is refused it: it could keep it alone."""
    bench = HubBench(views=8, views_per_client=1)
    bench.hub.lease("theirs", key(step=2), FAR)
    bench.hub.lease("one", key(step=1), NEAR)
    with pytest.raises(LimitReached, match=r"view limit \(1\)"):
        bench.hub.lease("two", key(step=2), NEAR)


def test_an_idle_stream_counts_for_its_last_client() -> None:
    """Opening and closing one symbol after the other takes no more than the client's part."""
    bench = HubBench(series=8, series_per_client=1)
    with bench.hub.watch(key(), NEAR):
        pass
    with pytest.raises(LimitReached, match=r"symbol limit \(1\)"):
        bench.hub.lease("one", key("ETHUSDT"), NEAR)
    bench.hub.lease("one", key("ETHUSDT"), FAR)
    bench.later(31)
    bench.hub.lease("two", key("ETHUSDT"), NEAR)


def test_a_stream_counts_for_its_new_viewer() -> None:
    """A client that takes it over frees the one before."""
    bench = HubBench(series=8, series_per_client=1)
    with bench.hub.watch(key(), NEAR):
        pass
    with bench.hub.watch(key(), FAR):
        bench.hub.lease("one", key("ETHUSDT"), NEAR)


def test_a_long_idle_stream_makes_room() -> None:
    """It counts for its client for half a minute, and ends where its place is needed after that."""
    bench = HubBench(series=1, grace_s=3600)
    with bench.hub.watch(key()):
        pass
    bench.later(29)
    with pytest.raises(LimitReached, match=r"symbol limit \(1\)"):
        bench.hub.lease("page", key("ETHUSDT"))
    bench.later(2)
    assert bench.source.ended == []
    bench.hub.lease("page", key("ETHUSDT"))
    assert bench.source.ended == ["BTCUSDT"]


def test_a_token_counts_for_itself_and_for_its_address() -> None:
    """From many addresses it has the part of one client; many tokens of one address have that part too."""
    bench = HubBench(views=8, views_per_client=1)
    bench.hub.lease("one", key(step=1), Client("192.0.2.1", "a token"))
    with pytest.raises(LimitReached) as of_token:
        bench.hub.lease("two", key(step=2), Client("192.0.2.2", "a token"))
    with pytest.raises(LimitReached) as of_address:
        bench.hub.lease("two", key(step=2), Client("192.0.2.1", "another token"))
    assert (str(of_token.value.party), str(of_address.value.party)) == ("embed token", "client")
    bench.hub.lease("two", key(step=2), Client("192.0.2.2", "another token"))
