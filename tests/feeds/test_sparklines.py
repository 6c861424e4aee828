"""Sparklines: their content, and the limits on their requests."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orderflow_dash.feeds.rest import RestClient, RestError
from orderflow_dash.feeds.sparklines import FRESH_S, HOURS, Sparklines, sparkline
from orderflow_dash.feeds.venues.binance import BinanceKlines
from orderflow_dash.feeds.venues.bybit import BybitKlines
from orderflow_dash.market import HOUR_MS, Instrument, Kline, Venue
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import wait_until

T0 = 1_789_999_200_000  # an hour
DEMO = Venue.DEMO


def hours(*closes: int | None) -> list[Kline]:
    """One kline an hour; None leaves the hour out."""
    return [
        Kline(T0 + at * HOUR_MS, close, close, close, close, 1)
        for at, close in enumerate(closes)
        if close is not None
    ]


def listed(*symbols: str) -> dict[str, Instrument]:
    return {
        symbol: Instrument(DEMO, symbol, symbol, "USDT", Decimal("0.1"), Decimal("0.001"))
        for symbol in symbols
    }


class Venues:
    """A venue that answers, refuses or is busy, and a clock that a test moves."""

    def __init__(self, *symbols: str) -> None:
        self.asked: list[str] = []
        self.now = 0.0
        self.busy = False
        self.fault: Exception | None = None
        self.instruments = listed(*symbols)
        self.days = Sparklines(lambda: self.now)
        self.days.add(DEMO, self, self.instruments)

    def is_busy(self) -> bool:
        return self.busy

    def hours(self, instrument: Instrument, count: int) -> list[Kline]:
        self.asked.append(instrument.symbol)
        if self.fault is not None:
            raise self.fault
        return hours(*range(1, count + 1))

    def look(self, *symbols: str) -> None:
        self.days.look((DEMO, symbol) for symbol in symbols)

    def ask(self) -> bool:
        return self.days.ask_next(DEMO, self)


def test_a_line_goes_from_the_lowest_close_to_the_highest() -> None:
    """0 is the lowest close of the day, 100 the highest."""
    assert sparkline(hours(*range(1000, 1024))).split() == [str(at * 100 // 23) for at in range(24)]


def test_hours_that_are_unknown_stay_empty() -> None:
    """A symbol listed five hours ago has five points at the right, and a gap stays a gap."""
    assert sparkline(hours(5, 10, None, 20)) == " ".join(["-"] * 20 + ["0", "33", "-", "100"])


def test_only_the_last_24_hours_count() -> None:
    """An older hour moves neither the ends nor the scale."""
    assert sparkline(hours(9_999, *range(1000, 1024))) == sparkline(hours(*range(1000, 1024)))


def test_a_quiet_day_is_a_level_line() -> None:
    """No division by nothing."""
    assert set(sparkline(hours(*[7] * 24)).split()) == {"50"}


@pytest.mark.parametrize("closes", [(), (5,)])
def test_less_than_two_hours_draw_no_line(closes: tuple[int, ...]) -> None:
    """A point is not drawn as a day."""
    assert sparkline(hours(*closes)) is None


def test_only_symbols_in_view_are_asked_for() -> None:
    """Nothing is requested without viewers, and never an unlisted symbol."""
    venue = Venues("A", "B")
    assert not venue.ask()
    venue.look("B", "NOSUCH")
    assert venue.ask()
    assert not venue.ask()
    assert venue.asked == ["B"]
    assert venue.days.rows.keys() == {(DEMO, "B")}
    assert len(venue.days.rows[DEMO, "B"].split()) == HOURS


def test_a_line_is_asked_for_again_once_it_is_old() -> None:
    """Minutes pass between two requests of a symbol, however many look at it."""
    venue = Venues("A")
    for _ in range(3):
        venue.look("A")
        venue.ask()
    assert venue.asked == ["A"]
    venue.now = FRESH_S
    venue.look("A")
    assert venue.ask()
    assert venue.asked == ["A", "A"]


def test_what_left_the_view_is_not_asked_for() -> None:
    """A table that was scrolled past leaves no queue behind."""
    venue = Venues("A", "B")
    venue.look("A", "B")
    venue.now = 60.0
    assert not venue.ask()


def test_a_busy_venue_is_left_alone() -> None:
    """Backfills come first."""
    venue = Venues("A")
    venue.look("A")
    venue.busy = True
    assert not venue.ask()
    assert venue.asked == []


def test_a_symbol_that_is_refused_does_not_hold_up_the_others() -> None:
    """A delisted symbol (400) or an unreadable body costs that symbol its line, and the next one is asked."""
    for fault in (RestError("bad request", 400), ValueError("no klines")):
        venue = Venues("A", "B")
        venue.look("A", "B")
        venue.fault = fault
        assert venue.ask()
        venue.fault = None
        assert venue.ask()
        assert venue.asked == ["A", "B"]
        assert venue.days.rows.keys() == {(DEMO, "B")}


def test_an_unreachable_venue_raises_to_the_caller() -> None:
    """The thread backs off; the symbol stays due."""
    venue = Venues("A")
    venue.look("A")
    venue.fault = RestError("no answer")
    with pytest.raises(RestError):
        venue.ask()
    venue.fault = None
    assert venue.ask()


def test_readers_keep_the_rows_they_have() -> None:
    """Another state is another mapping."""
    venue = Venues("A")
    before = venue.days.rows
    venue.look("A")
    venue.ask()
    assert before == {}
    assert venue.days.rows is not before


@pytest.mark.parametrize("source", [BinanceKlines, BybitKlines])
def test_both_venues_return_a_day_in_one_request(source: type[BinanceKlines] | type[BybitKlines]) -> None:
    """Through the venue's own protocol: 24 hours in a row, one of them under way, at Binance for weight 1."""
    with SimulatedExchange(SyntheticMarket(3)) as exchange:
        rest = RestClient(exchange.rest_root)
        days, instruments = Sparklines(spacing=0.01), listed("BTCUSDT")
        venue_hours = source(rest).hours(instruments["BTCUSDT"], HOURS)
        assert rest.used_weight() == (1 if source is BinanceKlines else 0)
        opens = [hour.open_ts for hour in venue_hours]
        assert opens == list(range(opens[0], opens[0] + HOURS * HOUR_MS, HOUR_MS))
        days.add(DEMO, source(rest), instruments)
        days.start()
        days.look([(DEMO, "BTCUSDT")])
        wait_until(lambda: (DEMO, "BTCUSDT") in days.rows)
        days.stop()
        rest.close()
    assert "-" not in days.rows[DEMO, "BTCUSDT"].split()
