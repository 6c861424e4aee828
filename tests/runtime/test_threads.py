"""A defect in any of our threads: logged, counted, survived, and never shown as live data."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from decimal import Decimal
from pathlib import Path

import httpx
import pytest

from orderflow_dash.feeds import stream as stream_module
from orderflow_dash.feeds.venues.runtime import VenueRuntime
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import State, Timeframe, Venue
from orderflow_dash.replay.replay import Replay
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.runtime.threads import CRASHES, Crashes, SupervisedThread
from tests.conftest import UNREACHABLE, Served, wait_until

QUICK = 0.001, 0.002
BTC = ViewKey(Venue.DEMO, "BTCUSDT", Timeframe.M1, Decimal(1))


class Defect(Exception):
    """An unexpected error."""


class Once:
    """A method that fails the next time a thread calls it, and then does what it did."""

    def __init__(self, owner: object, name: str, thread: str) -> None:
        self.calls_after = 0
        self._thread = thread
        self._fails = True
        self._owner, self._name = owner, name
        self._method = getattr(owner, name)
        setattr(owner, name, self)

    def __call__(self, *arguments: object, **options: object) -> object:
        if self._fails and threading.current_thread().name == self._thread:
            self._fails = False
            raise Defect("keep-private")
        self.calls_after += not self._fails
        return self._method(*arguments, **options)

    def undo(self) -> None:
        setattr(self._owner, self._name, self._method)


def supervised(work: Callable[[], None], stopping: threading.Event, **options) -> SupervisedThread:
    thread = SupervisedThread(
        work, name="work", stopping=stopping, backoff=options.pop("backoff", Backoff(*QUICK)), **options
    )
    thread.start()
    return thread


def test_work_that_is_done_is_done() -> None:
    """A return ends the thread."""
    done = []
    supervised(lambda: done.append(1), threading.Event()).join(5)
    assert done == [1]


@pytest.mark.parametrize("error", [Defect, SystemExit, MemoryError])
def test_work_that_fails_restarts(error: type[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    """Any exception is logged with its trace, counted and passed to ``on_crash``, and the work goes on."""
    calls, crashes = [], []

    def work() -> None:
        calls.append(1)
        if len(calls) < 3:
            raise error

    before = CRASHES.health()["threads"].get("work", 0)
    thread = supervised(work, threading.Event(), on_crash=lambda error, wait: crashes.append((error, wait)))
    thread.join(5)
    assert len(calls) == 3
    assert CRASHES.health()["threads"]["work"] == before + 2
    assert [type(each) for each, _ in crashes] == [error, error]
    assert all(wait >= QUICK[0] for _, wait in crashes)
    assert [record.exc_info is not None for record in caplog.records] == [True, True]


def test_a_stop_is_not_delayed_by_the_wait() -> None:
    """A thread that waits to restart ends with the stop."""
    stopping, waiting = threading.Event(), threading.Event()

    def on_crash(_error: BaseException, _wait: float) -> None:
        waiting.set()

    thread = supervised(lambda: 1 / 0, stopping, backoff=Backoff(60, 60), on_crash=on_crash)
    assert waiting.wait(5)
    stopping.set()
    thread.join(5)
    assert not thread.is_alive()


def test_a_failure_during_the_stop_does_not_count_as_a_crash(caplog: pytest.LogCaptureFixture) -> None:
    """Errors are expected while everything closes."""
    stopping = threading.Event()
    stopping.set()
    before = CRASHES.health()["total"]
    supervised(lambda: 1 / 0, stopping).join(5)
    assert CRASHES.health()["total"] == before
    assert not [record for record in caplog.records if record.levelno > logging.DEBUG]


def test_waits_double_while_it_goes_on_and_its_owner_may_reset_them() -> None:
    """A thread that fails at once, again and again, does not keep the machine busy."""
    stopping, backoff, waits = threading.Event(), Backoff(0.001, 1000), []

    def on_crash(_error: BaseException, wait: float) -> None:
        waits.append(wait)
        if len(waits) == 6:
            stopping.set()

    supervised(lambda: 1 / 0, stopping, backoff=backoff, on_crash=on_crash).join(5)
    assert len(waits) == 6
    assert backoff._failures == 6


def test_an_on_crash_that_fails_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    """The thread goes on."""
    calls = []

    def work() -> None:
        calls.append(1)
        if len(calls) == 1:
            raise Defect

    def on_crash(_error: BaseException, _wait: float) -> None:
        raise KeyError

    supervised(work, threading.Event(), on_crash=on_crash).join(5)
    assert len(calls) == 2
    assert "on_crash failed" in caplog.text


def test_a_crash_keeps_its_kind_and_place_only() -> None:
    """The text of an error may contain secrets."""
    crashes = Crashes()
    assert crashes.health() == {"total": 0, "threads": {}, "last": None}
    try:
        Backoff(None, "keep-private").next()  # type: ignore[arg-type]
    except TypeError as error:
        crashes.record("a", error)
    crashes.record("b", Defect("keep-private"))
    crashes.record("a", Defect("keep-private"))
    health = crashes.health()
    assert (health["total"], health["threads"]) == (3, {"a": 2, "b": 1})
    assert health["last"] is not None
    assert (health["last"]["thread"], health["last"]["cause"]) == ("a", "Defect")


# -- every thread of the application ----------------------------------------------------------


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The whole application on its simulated market, with a store."""
    place = tmp_path_factory.mktemp("store") / "store.sqlite3"
    served = Served(
        **UNREACHABLE,
        demo=True,
        demo_speed=10,
        verify_interval_s=1,
        panel_timeout_s=300,
        database_url=f"sqlite:///{place}",
    )
    yield served
    served.stop()


@pytest.fixture
def view(app: Served) -> View:
    """A view that is live, and whose tickers somebody looks at."""
    view = app.hub.lease("tab", BTC)
    wait_until(lambda: view.status().state is State.LIVE, 20)
    app.hub.tickers()
    return view


def demo(app: Served) -> VenueRuntime:
    """What runs for the demo venue."""
    return app.application._venues[-1]


INJECTIONS = {
    "demo-trades": lambda app: (demo(app).feed, "on_event"),
    "demo-tickers": lambda app: (demo(app).instruments._source, "on_event"),
    "demo-directory": lambda app: (demo(app).instruments._source, "watch"),
    "demo-repair": lambda app: (demo(app).backfiller, "_next"),
    "demo-reconcile": lambda app: (demo(app).reconciler, "turn"),
    "demo-days": lambda app: (app.application._sparklines, "_next"),
    "hub-sweeper": lambda app: (app.hub, "sweep"),
    "history-keeper": lambda app: (app.application.history, "keep"),
    "store-writer": lambda app: (app.application.history._store, "_attempt"),
    "simulated-exchange": lambda app: (app.application.exchange._engine, "run_due"),
}
WAKES = {
    "demo-directory": lambda app: setattr(demo(app).instruments._live, "interest_until", 0),
    "demo-repair": lambda app: demo(app).backfiller._wake.set(),
    "store-writer": lambda app: app.application.history._store._wake.set(),
}


@pytest.mark.parametrize("thread", INJECTIONS)
def test_every_thread_survives_a_defect(
    app: Served, view: View, thread: str, caplog: pytest.LogCaptureFixture
) -> None:
    """It does its work again, /health and /metrics have counted it, and the page is live in the end."""
    before = CRASHES.health()["threads"].get(thread, 0)
    once = Once(*INJECTIONS[thread](app), thread)

    def goes_on() -> bool:
        WAKES.get(thread, lambda _: None)(app)
        return once.calls_after > 0

    try:
        wait_until(goes_on, 20)
    finally:
        once.undo()
    crashes = httpx.get(f"{app.url}/health", trust_env=False).json()["crashes"]
    assert crashes["threads"][thread] == before + 1
    assert crashes["last"]["thread"] == thread
    assert crashes["last"]["cause"].startswith("Defect")
    metrics = httpx.get(f"{app.url}/metrics", trust_env=False).text
    assert f'orderflow_crashes_total{{thread="{thread}"}} {before + 1}.0' in metrics
    assert [record.exc_info is not None for record in caplog.records if "crashed" in record.message] == [True]
    assert "keep-private" not in str(crashes) + metrics
    wait_until(lambda: view.status().state is State.LIVE, 20)


def test_a_reader_of_the_store_survives_a_defect(app: Served) -> None:
    """All four of them go on reading."""
    history = app.application.history
    before = CRASHES.health()["threads"].get("store-reader", 0)
    for _ in range(4):
        history._wanted.put(lambda: 1 / 0)
    wait_until(lambda: CRASHES.health()["threads"].get("store-reader", 0) == before + 4)
    read = []
    for _ in range(8):
        history._wanted.put(lambda: read.append(threading.current_thread()))
    wait_until(lambda: len(read) == 8)
    assert all(reader.is_alive() for reader in history._readers)


def test_a_repair_that_fails_ends_and_its_symbol_goes_live(app: Served) -> None:
    """The job is abandoned, and the thread takes the next one."""
    backfiller = demo(app).backfiller
    before = CRASHES.health()["threads"].get("demo-repair", 0)
    once = Once(backfiller._method, "step", "demo-repair")
    try:
        with app.hub.watch(BTC._replace(symbol="SOLUSDT", step=Decimal(1))) as view:
            wait_until(lambda: CRASHES.health()["threads"].get("demo-repair", 0) == before + 1, 20)
            wait_until(lambda: view.status().state is State.LIVE, 20)
    finally:
        once.undo()


def test_a_replay_that_cannot_be_loaded_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A defect of the loading is counted, and the page does not stay at "loading"."""
    before = CRASHES.health()["threads"].get("replay-loading", 0)
    replay = Replay([tmp_path / "BTCUSDT-aggTrades-2026-01-01.csv"], 1.0)

    def fail(**_options: object) -> None:
        raise Defect

    monkeypatch.setattr(replay._loading, "run", fail)
    replay.exchange.start()
    replay.start(lambda move: move())
    wait_until(lambda: replay.state()["phase"] == "failed")
    replay.stop()
    assert CRASHES.health()["threads"]["replay-loading"] == before + 1


def test_while_a_feed_is_down_on_a_defect_nothing_is_live(app: Served, view: View) -> None:
    """From the failure to the next trade the state is another one, and says why."""
    feed = demo(app).feed
    receive = feed.on_event

    def fail(*_arguments: object) -> None:
        raise Defect

    feed.on_event = fail
    try:
        wait_until(lambda: view.status().state is State.DISCONNECTED, 10)
        assert view.status().detail.startswith("internal error: Defect; next attempt in")
        for _ in range(20):
            assert view.status().state is not State.LIVE
    finally:
        feed.on_event = receive
    wait_until(lambda: view.status().state is State.LIVE, 20)


def test_a_thread_that_stands_still_is_not_live(
    app: Served, view: View, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A feed whose thread neither fails nor moves is stale, and live again once it moves."""
    monkeypatch.setattr(stream_module, "_UNRESPONSIVE_S", 0.5)
    feed, go_on = demo(app).feed, threading.Event()
    receive = feed.on_event

    def stand(*arguments: object) -> None:
        go_on.wait(30)
        receive(*arguments)

    feed.on_event = stand
    try:
        wait_until(lambda: "unresponsive" in view.status().detail, 10)
        assert view.status().state is State.STALE
    finally:
        feed.on_event = receive
        go_on.set()
    wait_until(lambda: view.status().state is State.LIVE, 20)


def test_a_symbol_whose_thread_did_not_start_can_be_retried(
    app: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the system has no thread left, the place in the feed is free for the next attempt."""
    feed = demo(app).feed

    def refuse(*_arguments: object) -> object:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as full:
        full.setattr(feed._pool, "with_room", refuse)
        with pytest.raises(RuntimeError):
            app.hub.lease("other", BTC._replace(symbol="ETHUSDT"))
    other = app.hub.lease("other", BTC._replace(symbol="ETHUSDT"))
    wait_until(lambda: other.status().state is State.LIVE, 20)
