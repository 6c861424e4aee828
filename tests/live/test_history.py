"""History between streams and the store: loading and saving."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orderflow_dash.feeds.sequencing import Known
from orderflow_dash.feeds.stream import StreamStatus, TradeSink
from orderflow_dash.feeds.tickers import TickerCache
from orderflow_dash.live.history import HistoryLoader
from orderflow_dash.live.hub import Hub, VenueLink
from orderflow_dash.live.limits import HubLimits
from orderflow_dash.live.session_profile import ProfileKind
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import MINUTE_MS, Quality, State, Timeframe, Venue
from orderflow_dash.store.minutes import StoredMinute, without_levels
from orderflow_dash.store.null import NullStore, open_history
from orderflow_dash.store.store import EVER, ResumePoint
from tests.conftest import Served, wait_until
from tests.store.market import BTC, START, minutes

KEY = ViewKey(Venue.BINANCE, "BTCUSDT", Timeframe.M1, BTC.tick)


class Source:
    """Trades by hand; remembers which were known."""

    def __init__(self) -> None:
        self.sink: TradeSink | None = None
        self.known: Known | None = None

    def subscribe(self, symbol: str, sink: TradeSink, known: Known | None = None) -> None:
        self.sink, self.known = sink, known

    def unsubscribe(self, symbol: str) -> None:
        self.sink = None

    def status(self, symbol: str) -> StreamStatus:
        return StreamStatus(State.LIVE, "by hand", 5)

    def health(self) -> dict[str, object]:
        return {}


class Listed:
    """A venue that lists one symbol."""

    def __init__(self) -> None:
        self.instruments = {"BTCUSDT": BTC}
        self.reachable, self.detail, self.answered = True, "", threading.Event()

    def look(self) -> None:
        """Ignored."""

    def refresh(self, wait_s: float = 0.0, symbol: str = "") -> None:
        """It lists what it lists."""

    def status_of(self, symbol: str) -> str:
        return ""


class MemoryStore(NullStore):
    """A store that knows some minutes and remembers what it was given."""

    def __init__(self, stored: list[StoredMinute]) -> None:
        self.stored = stored
        self.put_minutes: list[StoredMinute] = []

    def resume(self, instrument: object) -> ResumePoint | None:
        last = self.stored[-1]
        return ResumePoint(last.open_ts, last.last, self.stored[0].open_ts)

    def load(
        self, instrument: object, since: int = 0, until: int = EVER, *, include_dropped: bool = False
    ) -> list[StoredMinute]:
        return [minute for minute in self.stored if since <= minute.open_ts < until]

    def put(self, instrument: object, minutes: object, cvd_from: int | None = None) -> None:
        self.put_minutes += minutes


class Stuck(MemoryStore):
    """A store that does not answer until it is let go."""

    def __init__(self) -> None:
        super().__init__(minutes(0, 3))
        self.free = threading.Event()

    def resume(self, instrument: object) -> ResumePoint | None:
        self.free.wait(20)
        return super().resume(instrument)


class Broken(MemoryStore):
    """A store with a defect."""

    def load(self, *_args: object, **_options: object) -> list[StoredMinute]:
        raise RuntimeError("a defect")


class Setting:
    """A hub with one symbol on a store."""

    def __init__(self, store: NullStore, refetch_ms: int = 0) -> None:
        self.source = Source()
        self.history = HistoryLoader(store, window=500)
        self.history.start()
        link = VenueLink(Listed(), self.source, refetch_ms=refetch_ms)
        self.hub = Hub({Venue.BINANCE: link}, TickerCache(), HubLimits(grace_s=0), history=self.history)

    def view(self) -> View:
        view = self.hub.lease("holder", KEY)
        wait_until(lambda: self.source.sink is not None, 10)
        return view


@pytest.fixture
def setting() -> Iterator[Callable[..., Setting]]:
    """Makes settings that are ended after the test."""
    made: list[Setting] = []

    def make(store: NullStore, refetch_ms: int = 0) -> Setting:
        made.append(Setting(store, refetch_ms))
        return made[-1]

    yield make
    for each in made:
        each.history.stop(0.1)


def trade(index: int, second: int = 0) -> tuple[int, int, int, int]:
    """A trade in the minute ``index`` after START."""
    return START + index * MINUTE_MS + second * 1000, 100_000 + index, 834_344, 5


def test_a_stream_starts_with_stored_minutes(setting: Callable[..., Setting]) -> None:
    """Its candles are those that were kept, CVD goes on from them, and their trades do not come again."""
    kept = minutes(0, 5)
    here = setting(MemoryStore(kept))
    view = here.view()
    assert here.source.known == Known(START + 5 * MINUTE_MS, kept[-1].last[1])
    assert here.source.sink is not None
    here.source.sink.on_trades([trade(5)], None)
    candles = view.candles(30)
    assert [candle.open_ts for candle in candles] == [START + index * MINUTE_MS for index in range(6)]
    assert [candle.cvd for candle in candles] == [*(each.cvd for each in kept), kept[-1].cvd + 5]
    assert view.cvd_from == START
    assert candles[-1].quality is Quality.PARTIAL


def test_only_new_minutes_are_saved(setting: Callable[..., Setting]) -> None:
    """Minutes that came from the store do not go back to it; one that closes goes there once."""
    store = MemoryStore(minutes(0, 3))
    here = setting(store)
    here.view()
    assert here.source.sink is not None
    here.source.sink.on_trades([trade(3), trade(4)], None)
    here.history.keep()
    here.source.sink.on_trades([trade(5)], None)
    here.history.keep()
    assert [each.open_ts for each in store.put_minutes] == [START + 3 * MINUTE_MS, START + 4 * MINUTE_MS]


def test_a_released_stream_leaves_its_last_minutes(setting: Callable[..., Setting]) -> None:
    """Minutes closed by then are saved without a viewer."""
    store = MemoryStore(minutes(0, 3))
    here = setting(store)
    here.view()
    assert here.source.sink is not None
    here.source.sink.on_trades([trade(3), trade(4)], None)
    here.hub.release("holder")
    here.hub.sweep()
    assert here.source.sink is None
    assert [each.open_ts for each in store.put_minutes] == [START + 3 * MINUTE_MS]


def test_minutes_after_a_recent_gap_are_refetched(setting: Callable[..., Setting]) -> None:
    """Where the venue gives trades again, a stream goes on before the gap; an old gap stays one."""
    kept = minutes(0, 90)
    for index in (10, 80):
        kept[index] = replace(kept[index], quality=Quality.GAP)
    here = setting(MemoryStore(kept), refetch_ms=30 * MINUTE_MS)
    view = here.view()
    assert here.source.known == Known(START + 80 * MINUTE_MS, kept[79].last[1])
    qualities = [candle.quality for candle in view.candles(500)]
    assert len(qualities) == 80
    assert [index for index, each in enumerate(qualities) if each is Quality.GAP] == [10]


def test_a_gap_that_cannot_be_fetched_stays_marked(setting: Callable[..., Setting]) -> None:
    """Also where only a delta was left of a minute: an hour with it says so."""
    kept = minutes(0, 30)
    kept[20] = without_levels(kept[20])
    here = setting(MemoryStore(kept))
    view = here.view()
    opens = [candle.open_ts for candle in view.candles(500)]
    assert START + 20 * MINUTE_MS not in opens
    assert view.candles(500)[-1].cvd == kept[-1].cvd
    hour = here.hub.lease("other", KEY._replace(timeframe=Timeframe.H1)).candles(500)[0]
    assert hour.quality is Quality.GAP


def test_the_session_profile_has_stored_hours(setting: Callable[..., Setting]) -> None:
    """Hours before the window count as far as known, without the minutes of a gap."""
    kept = minutes(0, 15 * 60)
    kept[100] = replace(kept[100], quality=Quality.GAP)
    kept[300] = without_levels(kept[300])
    view = setting(MemoryStore(kept)).view()
    profile = view.profiles.profile(ProfileKind.DAY)
    assert profile is not None
    volume = sum(int(each.levels[:, 1:3].sum()) for each in kept)
    assert (profile.volume, profile.known_from) == (volume, START)
    # All but two minutes, and the newest one up to its last trade; a gap's own edges count as known.
    rest_ms = kept[-1].open_ts + MINUTE_MS - kept[-1].last[0]
    assert profile.known_ms == pytest.approx((15 * 60 - 2) * MINUTE_MS - rest_ms, abs=10)


def test_a_store_that_hangs_does_not_block_a_stream(
    setting: Callable[..., Setting], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stream starts without history; a late response changes nothing."""
    monkeypatch.setattr("orderflow_dash.live.history._READ_TIMEOUT_S", 0.2)
    store = Stuck()
    here = setting(store)
    view = here.view()
    assert here.source.known is None
    assert here.source.sink is not None
    here.source.sink.on_trades([trade(7)], None)
    store.free.set()
    here.history.keep()
    assert [candle.open_ts for candle in view.candles(30)] == [START + 7 * MINUTE_MS]


def test_until_then_the_stream_says_what_it_waits_for(setting: Callable[..., Setting]) -> None:
    """It connects, and reads stored history."""
    store = Stuck()
    here = setting(store)
    view = here.hub.lease("holder", KEY)
    assert (view.status().state, view.status().detail) == (State.CONNECTING, "reading stored history")
    store.free.set()
    wait_until(lambda: view.status().state is State.LIVE)


def test_a_stream_that_ends_while_reading_never_starts(setting: Callable[..., Setting]) -> None:
    """Nothing is subscribed to, and nothing is kept of it."""
    store = Stuck()
    here = setting(store)
    here.hub.lease("holder", KEY)
    here.hub.release("holder")
    here.hub.sweep()
    store.free.set()
    here.view()  # the next watcher, with a reader that is free again
    assert here.source.known is not None


def test_a_store_with_a_defect_does_not_stop_a_stream(
    setting: Callable[..., Setting], caplog: pytest.LogCaptureFixture
) -> None:
    """It starts without history, and the log has the error."""
    here = setting(Broken(minutes(0, 3)))
    here.view()
    assert here.source.known is None
    assert "a defect" in caplog.text


def test_a_store_that_cannot_be_opened_is_reported(serve: Callable[..., Served], tmp_path: Path) -> None:
    """The app serves from memory and shows the cause."""
    (tmp_path / "file").write_text("no folder")
    app = serve(database_url=f"sqlite:///{tmp_path}/file/store.sqlite3")
    wait_until(lambda: app.hub.history_detail())
    assert app.hub.history_detail() == "history is kept in memory only: part of the path is not a folder"
    assert app.hub.health()["store"]["state"] == "memory"


def test_off_keeps_nothing() -> None:
    """And says so, without an alarm."""
    health = open_history("off").health()
    assert (health["state"], health["detail"]) == ("off", "history is not kept")
