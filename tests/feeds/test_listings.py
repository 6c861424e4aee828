"""A venue's instruments, reachability, tickers and clock."""

from __future__ import annotations

import pytest

from orderflow_dash.feeds import listings
from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.rest import RestError
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.market import Venue
from tests.conftest import wait_until
from tests.feeds.scripted_listing import BTC, ETH, ScriptedListing


def test_a_venue_that_answers_is_reachable(start_provider):
    """Its instruments and first tickers are there with the first answer."""
    listing, tickers = ScriptedListing(), TickerCache()
    provider = start_provider(listing, tickers)
    assert provider.answered.wait(5)
    assert (provider.reachable, provider.detail) == (True, "")
    assert provider.instruments == {"BTCUSDT": BTC}
    assert set(tickers.rows) == {(Venue.BINANCE, "BTCUSDT")}
    assert listing.watched == []


@pytest.mark.parametrize(
    ("failure", "detail"),
    [
        (RestError("h: rate-limited (HTTP 429)"), "h: rate-limited (HTTP 429)"),
        (ValueError("a body without symbols"), "a body without symbols"),
        (KeyError("a defect"), "internal error"),
    ],
)
def test_a_venue_that_fails_reports_why_and_is_retried(start_provider, failure, detail):
    """The cause is reported, ends the wait, and goes with the first success."""
    listing = ScriptedListing()
    listing.failure = failure
    provider = start_provider(listing)
    assert provider.answered.wait(5)
    assert (provider.reachable, provider.detail, provider.instruments) == (False, detail, {})
    listing.failure = None
    wait_until(lambda: provider.reachable)
    assert provider.detail == ""
    listing.failure = RestError("gone")
    provider.look()
    wait_until(lambda: not provider.reachable)
    assert provider.instruments == {"BTCUSDT": BTC}  # what was listed still counts


def test_a_stop_closes_the_listing(start_provider):
    """What it holds is released by its own thread, after the last request."""
    listing = ScriptedListing()
    provider = start_provider(listing)
    assert provider.answered.wait(5)
    provider.stop()
    wait_until(lambda: listing.closed)


def test_a_venue_that_lists_nothing_counts_as_failed(start_provider):
    """An empty list counts as a failure."""
    listing = ScriptedListing()
    listing.listed = {}
    provider = start_provider(listing)
    assert provider.answered.wait(5)
    assert provider.detail == "the venue lists no tradable perpetual"


def test_new_listings_arrive_in_the_same_dict(start_provider, monkeypatch):
    """Holders of the dict see listed and delisted symbols."""
    monkeypatch.setattr(ScriptedListing, "reload_s", 0.0)
    listing, held = ScriptedListing(), {}
    provider = start_provider(listing, instruments=held)
    wait_until(lambda: provider.reachable)
    listing.listed = {"ETHUSDT": ETH}
    wait_until(lambda: held == {"ETHUSDT": ETH})
    assert provider.instruments is held


def test_tickers_are_live_only_while_the_table_has_viewers(start_provider, monkeypatch):
    """A look keeps them live for a while; then the requests stop."""
    monkeypatch.setattr(listings, "_INTEREST_S", 0.1)
    listing = ScriptedListing()
    provider = start_provider(listing)
    wait_until(lambda: provider.reachable)
    assert listing.polls == 1
    provider.look()
    wait_until(lambda: listing.watched == [True, False])
    polls = listing.polls
    assert polls > 1
    provider.look()
    wait_until(lambda: listing.polls > polls)


def test_a_provider_measures_the_venues_clock(start_provider):
    """Once a minute, by the second of two questions."""
    listing, clock = ScriptedListing(), VenueClock()
    listing.clock_ahead = 7_000
    start_provider(listing, clock=clock)
    wait_until(clock.reading)
    assert listing.times == 2
    reading = clock.reading()
    assert reading is not None
    assert abs(reading.skew_ms - 7_000) <= reading.within_ms + 2


def test_a_venue_without_a_clock_is_reachable_even_so(start_provider):
    """Only its clock stays unknown."""
    listing, clock = ScriptedListing(), VenueClock()
    listing.clock_ahead = None
    provider = start_provider(listing, clock=clock)
    wait_until(lambda: listing.times)
    provider.look()
    wait_until(lambda: listing.polls > 3)
    assert provider.reachable
    assert clock.reading() is None
