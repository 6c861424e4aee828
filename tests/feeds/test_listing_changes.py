"""Loads on demand and by announcement, and symbols that are no longer listed."""

from __future__ import annotations

import threading
import time
from dataclasses import replace
from decimal import Decimal

import pytest

from orderflow_dash.feeds import listing_changes
from tests.conftest import wait_until
from tests.feeds.scripted_listing import BTC, ETH, ScriptedListing


def test_a_listing_is_loaded_again_on_demand(start_provider):
    """A caller that waits sees the current listing."""
    listing = ScriptedListing()
    provider = start_provider(listing)
    wait_until(lambda: provider.reachable)
    listing.listed["ETHUSDT"] = ETH
    provider.refresh(5.0)
    assert provider.instruments["ETHUSDT"] == ETH


def test_a_tick_that_changes_is_there_with_the_next_load(start_provider):
    """The dict holds the venue's present tick and lot."""
    listing = ScriptedListing()
    provider = start_provider(listing)
    wait_until(lambda: provider.reachable)
    listing.listed["BTCUSDT"] = finer = replace(BTC, tick=Decimal("0.01"))
    provider.refresh(5.0)
    assert provider.instruments["BTCUSDT"] == finer


def test_loads_on_demand_are_limited(start_provider, monkeypatch):
    """A few at once, then one by one; who comes too soon does not wait, and its load comes later."""
    monkeypatch.setattr(listing_changes, "_SPACING_S", 0.5)
    listing = ScriptedListing()
    provider = start_provider(listing)
    wait_until(lambda: provider.reachable)
    started = time.monotonic()
    for _ in range(50):
        provider.refresh(0.3)
    assert listing.loads <= 2 + listing_changes._BURST + (time.monotonic() - started) / 0.5
    loads = listing.loads
    wait_until(lambda: listing.loads > loads)


def test_waiting_for_a_load_is_bounded(start_provider):
    """In time and in how many wait: a venue that hangs keeps no page's threads."""
    listing = ScriptedListing()
    provider = start_provider(listing)
    wait_until(lambda: provider.reachable)
    listing.may_load.clear()
    waiting = [threading.Thread(target=provider.refresh, args=(1.0,)) for _ in range(4)]
    for thread in waiting:
        thread.start()
    wait_until(lambda: provider._schedule._waiting._value == 0)
    started = time.monotonic()
    provider.refresh(1.0)
    assert time.monotonic() - started < 0.5
    for thread in waiting:
        thread.join(5)
    assert not any(thread.is_alive() for thread in waiting)
    listing.may_load.set()


def test_a_load_that_fails_keeps_what_was_listed(start_provider):
    """A caller that waits for it continues."""
    listing = ScriptedListing()
    provider = start_provider(listing)
    wait_until(lambda: provider.reachable)
    listing.failure = ValueError("half a body")
    started = time.monotonic()
    provider.refresh(5.0)
    assert time.monotonic() - started < 4
    assert provider.instruments == {"BTCUSDT": BTC}
    provider.refresh(5.0)  # out of reach: left to its own retries
    assert time.monotonic() - started < 4


def test_an_announced_change_makes_it_load(start_provider):
    """Where the venue announces one."""
    listing = ScriptedListing()
    provider = start_provider(listing)
    wait_until(lambda: listing.changed)
    listing.listed["ETHUSDT"] = ETH
    listing.changed()
    wait_until(lambda: "ETHUSDT" in provider.instruments)


def test_an_announced_change_is_loaded_twice(start_provider, monkeypatch):
    """The venue's REST API may lag behind its announcement."""
    monkeypatch.setattr(listing_changes, "_ANNOUNCED_S", 0.3)
    listing = ScriptedListing()
    provider = start_provider(listing)
    wait_until(lambda: listing.changed)
    loads = listing.loads
    listing.changed()
    wait_until(lambda: listing.loads > loads)
    listing.listed["ETHUSDT"] = ETH
    wait_until(lambda: "ETHUSDT" in provider.instruments)


@pytest.mark.parametrize(("status", "suffix"), [("SETTLING", ": SETTLING"), ("", "")])
def test_a_symbol_that_is_no_longer_listed_says_so(start_provider, status, suffix):
    """With the venue's status where there is one; listed again it says nothing."""
    listing = ScriptedListing()
    listing.listed["ETHUSDT"] = ETH
    provider = start_provider(listing)
    wait_until(lambda: provider.reachable)
    assert provider.absence("ETHUSDT") == provider.absence("NEVER") == ""
    del listing.listed["ETHUSDT"]
    listing.statuses["ETHUSDT"] = status
    provider.refresh(5.0)
    assert provider.absence("ETHUSDT") == f"Binance no longer lists ETHUSDT{suffix}"
    assert provider.status_of("ETHUSDT") == status
    listing.listed["ETHUSDT"] = ETH
    provider.refresh(5.0)
    assert provider.absence("ETHUSDT") == provider.status_of("ETHUSDT") == ""


def test_the_status_of_a_never_listed_symbol_is_requested(start_provider):
    """A failed request affects nothing else."""
    listing = ScriptedListing()
    listing.statuses["OLDUSDT"] = "Closed"
    provider = start_provider(listing)
    wait_until(lambda: provider.reachable)
    provider.refresh(5.0, "OLDUSDT")
    assert provider.status_of("OLDUSDT") == "Closed"
    provider.refresh(5.0, "BROKEN")
    assert provider.status_of("BROKEN") == ""
    assert provider.reachable


def test_doubts_are_limited(start_provider):
    """A stale symbol makes it load once, however often its status is read."""
    listing = ScriptedListing()
    provider = start_provider(listing)
    wait_until(lambda: provider.reachable)
    loads = listing.loads
    for _ in range(100):
        provider.doubt("BTCUSDT")
        provider.doubt("ETHUSDT")
    wait_until(lambda: listing.loads > loads)
    wait_until(lambda: listing.loads == loads + 1)
