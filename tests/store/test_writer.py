"""The writer: off the hot path, bounded, and read through while minutes wait."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from orderflow_dash.market import HOUR_MS, MINUTE_MS, Quality
from orderflow_dash.store.database import default_url
from orderflow_dash.store.failure import StoreError
from orderflow_dash.store.null import NullStore, open_history
from orderflow_dash.store.retention import Retention
from orderflow_dash.store.store import ResumePoint, Store, open_store
from orderflow_dash.store.writer import StoreWriter
from tests.conftest import wait_until
from tests.store.market import BTC, ETH, START, ladder, minute, minutes
from tests.store.test_store import by_hours


class Disk:
    """A database that fails or blocks on request, and counts calls."""

    def __init__(self, url: str) -> None:
        self.failing = threading.Event()
        self.open = threading.Event()
        self.open.set()
        self.saves: list[int] = []
        self.waits = threading.Event()  # somebody waits to write
        self.store = open_store(url)
        self._save = self.store.save
        self.store.save = self.save

    def connect(self) -> Store:
        """The store."""
        return self.store

    def save(self, batches) -> int:
        """Save, once that is possible."""
        self.waits.set()
        self.open.wait(10)
        if self.failing.is_set():
            raise StoreError("the disk is full", "a disk")
        self.saves.append(sum(len(batch.minutes) for batch in batches))
        return self._save(batches)


@pytest.fixture
def disk(tmp_path: Path) -> Disk:
    """A file: what the writer does is the same for each kind of database."""
    return Disk(f"sqlite:///{tmp_path / 'kept.sqlite3'}")


@pytest.fixture
def start(disk: Disk) -> Iterator[Callable[..., StoreWriter]]:
    """Starts writers to the disk, ended after the test."""
    started: list[StoreWriter] = []

    def start(**options) -> StoreWriter:
        options = {"linger_s": 0.0, "retry_s": (0.01, 0.05), **options}
        started.append(StoreWriter(disk.connect, **options))
        started[-1].start()
        return started[-1]

    yield start
    disk.failing.clear()
    disk.open.set()
    for each in started:
        assert each.stop(10)


def saved(writer: StoreWriter) -> bool:
    """Whether all is written."""
    return writer.health()["state"] == "saving" and not writer.health()["queued"]


def test_queued_minutes_are_written(start: Callable[..., StoreWriter], disk: Disk) -> None:
    """Minutes reach the database and no caller waits for it."""
    writer = start()
    writer.put(BTC, minutes(0, 65), START)
    wait_until(lambda: saved(writer))
    assert disk.store.load(BTC) == writer.load(BTC) == minutes(0, 65)
    health = writer.health()
    assert (health["written"], health["lag_ms"], health["dropped"], health["detail"]) == (65, 0, 0, "")


def test_putting_never_waits_and_coalesces(start: Callable[..., StoreWriter], disk: Disk) -> None:
    """While the disk hangs, a repeated minute waits once, in its newest version."""
    disk.open.clear()
    writer = start()
    writer.put(BTC, minutes(0, 1), START)
    assert disk.waits.wait(10)
    for count in range(1, 200):
        writer.put(BTC, [minute(1, ladder((9, count, 0, count)))], START)
        writer.put(ETH, [minute(0, verified=None)])
    writer.put(ETH, [minute(0, verified=True)])
    assert writer.health()["queued"] == 3
    assert writer.health()["lag_ms"] > 0
    disk.open.set()
    wait_until(lambda: saved(writer))
    assert disk.store.load(BTC)[1] == minute(1, ladder((9, 199, 0, 199)))
    assert disk.store.load(ETH) == [minute(0, verified=True)]
    assert disk.saves[0] == 1
    assert sum(disk.saves) == 3


def test_a_minute_replaced_while_it_is_written_is_written_again(
    start: Callable[..., StoreWriter], disk: Disk
) -> None:
    """The version that came during the transaction is not lost with the one before."""
    disk.open.clear()
    writer = start()
    writer.put(BTC, [minute(0)], START)
    assert disk.waits.wait(10)
    writer.put(BTC, [minute(0, quality=Quality.REPAIRED)], START)
    disk.open.set()
    wait_until(lambda: saved(writer))
    assert disk.store.load(BTC) == [minute(0, quality=Quality.REPAIRED)]


def test_minutes_that_close_together_share_a_transaction(
    start: Callable[..., StoreWriter], disk: Disk
) -> None:
    """What many symbols close at the same moment is one write."""
    writer = start(linger_s=0.3)
    wait_until(lambda: writer.health()["state"] == "saving")
    for index in range(40):
        writer.put(replace(BTC, symbol=f"S{index}USDT"), [minute(0)], START)
    wait_until(lambda: saved(writer))
    assert disk.saves == [40]


@pytest.mark.parametrize("since", [0, START, START + 30 * MINUTE_MS, START + 125 * MINUTE_MS])
def test_readers_see_what_waits(start: Callable[..., StoreWriter], disk: Disk, since: int) -> None:
    """Minutes, hours, CVD and resume point are the same before and after the write."""
    writer = start()
    first = minutes(0, 125)
    writer.put(BTC, first, START)
    wait_until(lambda: saved(writer))
    disk.failing.set()
    repaired = minute(40, ladder((9, 1, 500, 3)), quality=Quality.REPAIRED)
    wrong_cvd = [replace(each, cvd_before=77) for each in minutes(125, 131)]
    writer.put(BTC, [repaired, *wrong_cvd], START)
    wait_until(lambda: writer.health()["state"] == "memory")
    expected = [*first[:40], repaired, *first[41:], *minutes(125, 131)]

    def answers() -> tuple[object, ...]:
        loaded, hours = writer.load(BTC, since), writer.load_hours(BTC, since)
        cvds = [each.cvd for each in loaded], [hour.cvd for hour in hours]
        return loaded, hours, cvds, writer.resume(BTC)

    waiting = answers()
    assert waiting[0] == [each for each in expected if each.open_ts >= since]
    assert waiting[1] == [hour for hour in by_hours(expected) if hour.open_ts >= since - since % HOUR_MS]
    total = sum(each.delta for each in expected)
    assert waiting[0][-1].cvd == waiting[1][-1].cvd == total
    newest = expected[-1]
    assert waiting[3] == ResumePoint(newest.open_ts, newest.last, START)
    disk.failing.clear()
    wait_until(lambda: saved(writer))
    assert answers() == waiting


def test_a_failing_disk_is_reported_and_written_later(start: Callable[..., StoreWriter], disk: Disk) -> None:
    """The state is ``memory`` with the reason until all that waited is written."""
    disk.failing.set()
    writer = start()
    writer.put(BTC, minutes(0, 5), START)
    wait_until(lambda: writer.health()["state"] == "memory")
    assert writer.health()["detail"] == "history is kept in memory only: the disk is full"
    assert writer.health()["queued"] == 5
    disk.failing.clear()
    wait_until(lambda: saved(writer))
    assert disk.store.load(BTC) == minutes(0, 5)


def test_over_its_bound_the_oldest_lose_their_levels_but_cvd_stays(
    start: Callable[..., StoreWriter], disk: Disk
) -> None:
    """Memory is bounded; the newest minutes survive, and CVD is what it would have been."""
    disk.failing.set()
    writer = start(memory_mb=0.18)
    for each in minutes(0, 270):
        writer.put(BTC, [each], START)
    dropped = writer.health()["dropped"]
    assert 0 < dropped < 270
    kept = minutes(0, 270)[dropped:]
    assert writer.load(BTC) == kept
    assert [each.cvd for each in writer.load(BTC)] == [each.cvd for each in kept]
    disk.failing.clear()
    wait_until(lambda: saved(writer))
    assert disk.store.load(BTC) == kept
    assert [each.cvd for each in disk.store.load(BTC)] == [each.cvd for each in kept]


def test_what_can_never_be_written_does_not_hold_up_the_rest(
    start: Callable[..., StoreWriter], disk: Disk
) -> None:
    """A minute that is not a ladder, or out of range, is dropped and counted."""
    writer = start()
    broken = [minute(1, ladder((5, 1, 1, 1), (6, 1, 1, 1))), minute(2, ladder((5, 1 << 57, 0, 1)))]
    writer.put(BTC, [minute(0), *broken, minute(3)], START)
    writer.put(ETH, [minute(0)], START)
    wait_until(lambda: saved(writer))
    assert disk.store.load(BTC) == [minute(0), minute(3)]
    assert disk.store.load(ETH) == [minute(0)]
    assert writer.health()["dropped"] == 2


def test_a_defect_does_not_end_the_writer(start: Callable[..., StoreWriter], disk: Disk) -> None:
    """Any error is reported, and the write retried."""
    good = disk.store.save
    disk.store.save = lambda _: 1 / 0
    writer = start()
    writer.put(BTC, minutes(0, 2), START)
    wait_until(lambda: writer.health()["state"] == "memory")
    assert "ZeroDivisionError" in writer.health()["detail"]
    disk.store.save = good
    wait_until(lambda: saved(writer))


def test_putting_something_absurd_does_not_raise(start: Callable[..., StoreWriter]) -> None:
    """The caller continues in any case."""
    writer = start()
    writer.put(BTC, None)
    writer.put(BTC, minutes(0, 1))
    wait_until(lambda: saved(writer))


def test_stopping_writes_what_waits(disk: Disk) -> None:
    """Nothing is lost in a planned end, even where minutes would still wait for others."""
    writer = StoreWriter(disk.connect, linger_s=30)
    writer.start()
    writer.put(BTC, minutes(0, 12), START)
    assert writer.stop(10)
    assert disk.store.load(BTC) == minutes(0, 12)
    disk.store.close()


def test_stopping_does_not_wait_for_a_disk_that_hangs(disk: Disk) -> None:
    """The end comes in the time given, and says that something was left."""
    disk.open.clear()
    writer = StoreWriter(disk.connect, linger_s=0)
    writer.start()
    writer.put(BTC, minutes(0, 2), START)
    assert disk.waits.wait(10)
    assert not writer.stop(0.05)
    disk.open.set()
    assert writer.stop(10)


def test_retention_runs_in_the_writer(start: Callable[..., StoreWriter], disk: Disk) -> None:
    """Old minutes go by themselves."""
    writer = start(retention=Retention(days=1), retire_s=0.01)
    writer.put(BTC, minutes(0, 150), START)
    wait_until(lambda: writer.health()["retired"] == 120)
    assert disk.store.load(BTC) == minutes(0, 150)[120:]


def test_off_keeps_nothing() -> None:
    """The same interface, and no file."""
    history = open_history("off")
    assert isinstance(history, NullStore)
    history.start()
    history.put(BTC, minutes(0, 2), START)
    assert (history.load(BTC), history.load_hours(BTC), history.resume(BTC)) == ([], [], None)
    assert history.health()["state"] == "off"
    assert history.stop()


def test_the_default_is_a_file_of_the_user(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without an address history goes into the user's data folder, which is made."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    history = open_history("")
    history.start()
    history.put(BTC, minutes(0, 2), START)
    assert history.stop(10)
    assert default_url().startswith(f"sqlite:///{tmp_path}")
    assert (tmp_path / "data" / "orderflow-dash" / "orderflow.sqlite3").exists()


@pytest.mark.parametrize("url", ["nonsense", "mysql://host/db", "sqlite://", "redis://host"])
def test_an_address_of_no_known_kind_is_refused(url: str) -> None:
    """The error names the valid forms."""
    with pytest.raises(ValueError, match=r"sqlite:///PATH, postgres://\.\.\. or postgresql://\.\.\."):
        open_history(url)
