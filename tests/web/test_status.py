from orderflow_dash.feeds.stream import StreamStatus
from orderflow_dash.live.hub import VenueStatus
from orderflow_dash.market import State, Venue
from orderflow_dash.web.status import WORDS, feed_status, venue_lines


def test_every_state_has_its_word() -> None:
    """The words are those that the page promises."""
    assert [WORDS[state] for state in State] == ["Connecting", "Live", "Stale", "Repairing", "Disconnected"]


def test_a_feed_reports_state_cause_and_age() -> None:
    """An unknown age is not shown as zero."""
    assert feed_status(StreamStatus(State.STALE, "no trade for 14 s", 14_000)) == {
        "state": "stale",
        "word": "Stale",
        "cause": "no trade for 14 s",
        "age_ms": 14_000,
        "latency": None,
        "cursor": ["stale", "no trade ", None],
    }
    assert feed_status(StreamStatus(State.CONNECTING, "", None))["age_ms"] is None


def test_the_duration_of_a_cause_is_not_news() -> None:
    """The browser counts it; another threshold or another cause is news."""

    def cursor(detail: str) -> list[object]:
        return feed_status(StreamStatus(State.STALE, detail, 14_000))["cursor"]

    unusual = "more than 10 s is unusual for BTCUSDT"
    assert cursor(f"no trade for 14 s; {unusual}") == cursor(f"no trade for 15 s; {unusual}")
    assert cursor(f"no trade for 14 s; {unusual}") != cursor("no trade for 14 s; more than 11 s is unusual")


class StubHub:
    """A hub with fixed venues and a chosen state of the store."""

    def __init__(self, detail: str) -> None:
        self._detail = detail

    def venues(self) -> list[VenueStatus]:
        return [
            VenueStatus(Venue.BINANCE, False, "fapi.binance.com: host name not found"),
            VenueStatus(Venue.BYBIT, True, ""),
            VenueStatus(Venue.DEMO, True, ""),
        ]

    def history_detail(self) -> str:
        return self._detail


def test_a_venue_that_is_down_says_why_and_that_it_is_tried_again() -> None:
    """The demo says that it is simulated; a venue that answers says so; a store that works says nothing."""
    lines = [
        ("Binance", "down", "fapi.binance.com: host name not found. Retrying."),
        ("Bybit", "ok", "reachable"),
        ("Demo", "simulated", "simulated market"),
    ]
    assert venue_lines(StubHub("")) == lines
    full = "history is kept in memory only: the disk is full"
    assert venue_lines(StubHub(full)) == [*lines, ("Store", "down", f"{full}. Retrying.")]
