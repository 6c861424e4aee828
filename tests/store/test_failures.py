"""Disks that are full or read-only, files that are damaged, processes and servers that die."""

from __future__ import annotations

import errno
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from orderflow_dash.footprint.minute import Levels
from orderflow_dash.store.failure import StoreError
from orderflow_dash.store.store import Batch, Store, open_store
from orderflow_dash.store.writer import StoreWriter
from tests.conftest import wait_until
from tests.store.conftest import Server
from tests.store.market import BTC, START, ladder, minute, minutes
from tests.store.test_store import by_hours

ROOT = Path(__file__).parents[2]

WRITE_ON = """
import sys
from orderflow_dash.store.store import Batch, open_store
from tests.store.market import BTC, START, minutes
store = open_store(sys.argv[1])
made = minutes(0, 5000)
for start in range(0, 5000, 5):
    store.save([Batch(BTC, made[start:start + 5], START)])
    print(start + 5, flush=True)
"""


@pytest.fixture
def writer() -> Iterator[Callable[[str], StoreWriter]]:
    """Starts writers that try again at once, and ends them after the test."""
    started: list[StoreWriter] = []

    def start(url: str) -> StoreWriter:
        started.append(StoreWriter(lambda: open_store(url), linger_s=0, retry_s=(0.02, 0.1)))
        started[-1].start()
        return started[-1]

    yield start
    for each in started:
        each.stop(5)


def saving(writer: StoreWriter) -> bool:
    """Whether all is written."""
    health = writer.health()
    return health["state"] == "saving" and not health["queued"]


def assert_kept_in_memory(writer: StoreWriter, why: str, kept: int) -> None:
    """The writer says in one line that it keeps minutes in memory, and why; they can be read."""
    wait_until(lambda: writer.health()["state"] == "memory")
    health = writer.health()
    assert health["detail"] == f"history is kept in memory only: {why}"
    assert health["queued"] == kept


@pytest.mark.parametrize("after_lines", [1, 23, 60])
def test_a_killed_writer_loses_nothing_that_was_committed(url: str, after_lines: int) -> None:
    """After kill -9 the database opens, holds every committed minute, and goes on."""
    command = [sys.executable, "-c", WRITE_ON, url]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        committed = 0
        for _ in range(after_lines):
            committed = int(process.stdout.readline())
        process.send_signal(signal.SIGKILL)
        process.wait(10)
        committed = max([committed, *(int(line) for line in process.stdout.read().split())])
    store = open_store(url)
    loaded = store.load(BTC)
    assert len(loaded) in {committed, committed + 5}  # the last may be committed but not reported
    assert loaded == minutes(0, len(loaded))
    assert store.load_hours(BTC) == by_hours(loaded)
    assert store.resume(BTC).last == loaded[-1].last
    store.save([Batch(BTC, minutes(len(loaded), len(loaded) + 1))])
    store.close()


def test_a_file_that_may_not_grow_degrades_and_recovers(
    tmp_path: Path, writer: Callable[[str], StoreWriter]
) -> None:
    """Minutes wait in memory, readable with their CVD, and are written once there is room."""
    kept = writer(f"sqlite:///{tmp_path / 'kept.sqlite3'}")
    saved = minutes(0, 100)
    kept.put(BTC, saved[:50], START)
    wait_until(lambda: saving(kept))
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4_096, hard))
    try:
        kept.put(BTC, saved[50:], START)
        assert_kept_in_memory(kept, "the disk cannot be written or read", 50)
        assert [each.cvd for each in kept.load(BTC)] == [each.cvd for each in saved]
        assert kept.resume(BTC).open_ts == saved[-1].open_ts
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    wait_until(lambda: saving(kept))
    assert kept.load(BTC) == saved
    assert kept.health()["detail"] == ""
    assert kept.health()["written"] == 100


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of half a megabyte, where the machine lets one be made."""
    place = tmp_path / "tiny"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(place)]
    if os.geteuid() or subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("no file system may be mounted here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(filler: Path) -> None:
    """Leave no room on the disk of a file."""
    try:
        with filler.open("wb", buffering=0) as file:
            while file.write(bytes(4_096)):
                pass
    except OSError as error:
        assert error.errno == errno.ENOSPC  # noqa: PT017 - what it is filled for


def wide_ladder(index: int) -> Levels:
    """Levels that do not compress well."""
    return ladder(*((9_000 - row, row * 7_919 * index % 60_013, row * index, 3) for row in range(900)))


def test_a_full_disk_degrades_and_recovers(tiny_disk: Path, writer: Callable[[str], StoreWriter]) -> None:
    """The state says that the disk is full; with room again everything is written."""
    kept = writer(f"sqlite:///{tiny_disk / 'kept.sqlite3'}")
    wait_until(lambda: saving(kept))
    filler = tiny_disk / "filler"
    fill(filler)
    wide = [minute(index, wide_ladder(index)) for index in range(80)]
    kept.put(BTC, wide, START)
    wait_until(lambda: kept.health()["state"] == "memory")
    assert kept.health()["detail"] == "history is kept in memory only: the disk is full"
    assert kept.load(BTC) == wide
    filler.unlink()
    kept.put(BTC, [wide[0]], START)
    subprocess.run(["mount", "-o", "remount,size=8m", str(tiny_disk)], check=True)
    wait_until(lambda: saving(kept))
    assert kept.load(BTC) == wide


def test_a_read_only_folder_degrades_and_recovers(
    outsider: Path, writer: Callable[[str], StoreWriter]
) -> None:
    """Where no file can be made the app starts all the same, and the file is made once it can be."""
    outsider.chmod(0o555)
    kept = writer(f"sqlite:///{outsider / 'kept.sqlite3'}")
    kept.put(BTC, minutes(0, 30), START)
    assert_kept_in_memory(kept, "the file cannot be opened or created", 30)
    assert kept.load(BTC) == minutes(0, 30)
    assert [each.cvd for each in kept.load(BTC)] == [each.cvd for each in minutes(0, 30)]
    outsider.chmod(0o777)
    wait_until(lambda: saving(kept))
    assert kept.load(BTC) == minutes(0, 30)


def test_a_file_that_becomes_read_only_degrades_and_recovers(
    outsider: Path, writer: Callable[[str], StoreWriter]
) -> None:
    """History that is there stays readable while nothing can be added."""
    file = outsider / "kept.sqlite3"
    first = open_store(f"sqlite:///{file}")
    first.save([Batch(BTC, minutes(0, 20), START)])
    first.close()
    file.chmod(0o444)
    kept = writer(f"sqlite:///{file}")
    kept.put(BTC, minutes(0, 40)[20:], START)
    assert_kept_in_memory(kept, "the disk or the file is read-only", 20)
    assert kept.load(BTC) == minutes(0, 40)
    file.chmod(0o644)
    wait_until(lambda: saving(kept))
    assert kept.load(BTC) == minutes(0, 40)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"this is no database at all, whatever its name says " * 400, "not an SQLite database"),
        (b"SQLite format 3\x00" + b"\xff" * 20_000, "not an SQLite database|is damaged"),
    ],
    ids=["another file", "garbage behind the name"],
)
def test_a_file_that_is_not_a_database_gives_one_line(tmp_path: Path, content: bytes, why: str) -> None:
    """The line has the file and the cause."""
    file = tmp_path / "kept.sqlite3"
    file.write_bytes(content)
    with pytest.raises(StoreError, match=why) as failed:
        open_store(f"sqlite:///{file}")
    assert str(failed.value).startswith(f"{file}: ")
    assert "\n" not in str(failed.value)
    assert file.read_bytes() == content


def test_a_damaged_page_is_reported_in_one_line(tmp_path: Path, open_again: Callable[[str], Store]) -> None:
    """A file that was overwritten in the middle says so when it is read or written."""
    file = tmp_path / "kept.sqlite3"
    store = open_store(f"sqlite:///{file}")
    store.save([Batch(BTC, minutes(0, 600))])
    store.close()
    pages = bytearray(file.read_bytes())
    pages[2 * 16_384 :] = b"\xa5" * (len(pages) - 2 * 16_384)
    file.write_bytes(pages)
    with pytest.raises(StoreError, match=r"kept\.sqlite3: the database file is damaged$"):
        open_again(f"sqlite:///{file}").load(BTC)


def test_a_lost_server_degrades_and_recovers(postgres: Server, writer: Callable[[str], StoreWriter]) -> None:
    """While PostgreSQL is gone minutes wait in memory; when it is back they are written."""
    kept = writer(postgres.url(postgres.create()))
    kept.put(BTC, minutes(0, 20), START)
    wait_until(lambda: saving(kept))
    postgres.stop()
    try:
        kept.put(BTC, minutes(0, 50)[20:], START)
        wait_until(lambda: kept.health()["state"] == "memory")
        wait_until(lambda: "connection refused" in str(kept.health()["detail"]))
        assert kept.load(BTC) == minutes(0, 50)[20:]
        assert kept.load(BTC)[-1].cvd == minutes(0, 50)[-1].cvd
        assert kept.resume(BTC).last == minutes(0, 50)[-1].last
    finally:
        postgres.start()
    wait_until(lambda: saving(kept))
    assert kept.load(BTC) == minutes(0, 50)


@pytest.mark.parametrize(
    ("database", "why"),
    [
        ("nowhere", "the database does not exist on the server"),
        (None, "cannot be reached: connection refused"),
    ],
)
def test_a_server_that_cannot_serve_is_named_in_one_line(
    postgres: Server, database: str | None, why: str
) -> None:
    """The line names server and cause, and no password."""
    url = postgres.url(database) if database else "postgresql://someone:secret@127.0.0.1:9/kept"
    with pytest.raises(StoreError, match=why) as failed:
        open_store(url)
    assert str(failed.value).startswith("PostgreSQL at 127.0.0.1:")
    assert "\n" not in str(failed.value)
    assert "secret" not in str(failed.value)


def test_an_unwritable_place_returns_waiting_minutes(
    writer: Callable[[str], StoreWriter],
) -> None:
    """Whatever the system refuses, minutes are kept and read."""
    kept = writer("sqlite:////proc/kept.sqlite3")
    kept.put(BTC, minutes(0, 3), START)
    wait_until(lambda: kept.health()["state"] == "memory")
    assert kept.load(BTC) == minutes(0, 3)
