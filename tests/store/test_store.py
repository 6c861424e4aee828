"""Saving, loading and resuming, on SQLite and on PostgreSQL."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderflow_dash.market import HOUR_MS, MINUTE_MS, Grid, Quality, Timeframe
from orderflow_dash.store import schema
from orderflow_dash.store.candles import stored_candles
from orderflow_dash.store.minutes import StoredMinute, combine, without_levels
from orderflow_dash.store.store import Batch, ResumePoint, Store, open_store
from tests.store.conftest import Server
from tests.store.market import BTC, ETH, START, ladder, minute, minutes

VOLUMES = st.integers(0, (1 << 56) - 1)


def by_hours(kept: list[StoredMinute]) -> list[StoredMinute]:
    """The hours that these minutes make."""
    opens = sorted({each.open_ts // HOUR_MS for each in kept})
    return [combine([each for each in kept if each.open_ts // HOUR_MS == hour]) for hour in opens]


def test_saved_minutes_are_loaded(store: Store) -> None:
    """Every figure of every minute comes back, with its CVD, and so do the hours."""
    saved = minutes(0, 150)
    assert store.save([Batch(BTC, saved)]) == 150
    loaded = store.load(BTC)
    assert loaded == saved
    assert [each.cvd for each in loaded] == [each.cvd for each in saved]
    hours = store.load_hours(BTC)
    assert hours == by_hours(saved)
    assert [hour.cvd for hour in hours] == [each.cvd for each in (saved[59], saved[119], saved[149])]
    assert [hour.minutes for hour in hours] == [60, 60, 30]


@pytest.mark.parametrize(("since", "until"), [(0, 1), (7, 61), (60, 120), (59, 150), (149, 150), (150, 160)])
def test_a_range_is_half_open_and_knows_its_cvd(store: Store, since: int, until: int) -> None:
    """A part of the minutes is what it is within all of them."""
    saved = minutes(0, 150)
    store.save([Batch(BTC, saved)])
    loaded = store.load(BTC, START + since * MINUTE_MS, START + until * MINUTE_MS)
    assert loaded == saved[since:until]
    assert [each.cvd for each in loaded] == [each.cvd for each in saved[since:until]]


@given(
    st.lists(
        st.lists(st.tuples(st.integers(0, 200), VOLUMES, VOLUMES), min_size=1, max_size=8),
        min_size=1,
        max_size=5,
    )
)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_writes_in_any_order_leave_the_newest_of_each(
    store: Store, writes: list[list[tuple[int, int, int]]]
) -> None:
    """Rewrites, backfills and gaps: minutes, hours and CVD are those of the last version of each minute."""
    with store.database.writing() as connection:
        for table in (schema.hour, schema.minute, schema.series):
            connection.execute(sa.delete(table))
    truth: dict[int, StoredMinute] = {}
    for write in writes:
        batch = [minute(index, ladder((9, bid, ask, 1))) for index, bid, ask in write]
        truth.update((each.open_ts, each) for each in batch)
        store.save([Batch(BTC, batch, START)])
    expected = [truth[open_ts] for open_ts in sorted(truth)]
    loaded = store.load(BTC)
    assert loaded == expected
    assert loaded[-1].cvd == sum(each.delta for each in expected)
    hours = store.load_hours(BTC)
    assert hours == by_hours(expected)
    assert hours[-1].cvd == loaded[-1].cvd


def test_a_rewritten_minute_replaces_the_first(store: Store) -> None:
    """A repair shows in the minute, in its hour and in the CVD of all that follow."""
    store.save([Batch(BTC, minutes(0, 130))])
    repaired = minute(10, ladder((9, 0, 1_000, 4)), quality=Quality.REPAIRED, verified=True)
    store.save([Batch(BTC, [repaired])])
    loaded = store.load(BTC)
    assert loaded[10] == repaired
    shift = repaired.delta - minute(10).delta
    assert loaded[129].cvd == minutes(0, 130)[129].cvd + shift
    assert store.load_hours(BTC)[0] == combine(loaded[:60])
    assert store.load(BTC, START + 125 * MINUTE_MS)[0].cvd_before == loaded[125].cvd_before


def test_a_series_resumes_where_it_ended(store: Store) -> None:
    """The last trade, the CVD and where CVD counts from are known after a restart."""
    assert store.resume(BTC) is None
    saved = minutes(0, 70)
    store.save([Batch(BTC, saved, START)])
    newest = saved[-1]
    assert store.resume(BTC) == ResumePoint(newest.open_ts, newest.last, START)


def test_older_minutes_that_come_later_do_not_shift_cvd(store: Store) -> None:
    """History fetched backwards goes before the CVD's beginning unless that is moved there."""
    saved = minutes(100, 170)
    store.save([Batch(BTC, saved)])
    store.save([Batch(BTC, minutes(0, 100))])
    loaded = store.load(BTC)
    assert loaded[100].cvd_before == 0
    assert loaded[-1].cvd == saved[-1].cvd
    assert loaded[0].cvd_before == -sum(each.delta for each in loaded[:100])
    store.save([Batch(BTC, [saved[-1]], START)])
    assert [each.cvd for each in store.load(BTC)] == [each.cvd for each in minutes(0, 170)]


def test_a_stream_started_without_history_leaves_a_gap(store: Store) -> None:
    """The time between stored minutes and its own is a gap."""
    store.save([Batch(BTC, minutes(0, 65), START)])
    store.save([Batch(BTC, minutes(150, 160), START + 150 * MINUTE_MS)])
    kept = store.load(BTC, include_dropped=True)
    assert [each.open_ts for each in kept if each.levels_dropped] == [START + 149 * MINUTE_MS]
    quarters = {each.open_ts: each for each in stored_candles(kept, Timeframe.M15, BTC.tick)}
    qualities = [quarters[START + index * MINUTE_MS].quality for index in (0, 45, 60, 150)]
    assert qualities == [Quality.COMPLETE, Quality.COMPLETE, Quality.GAP, Quality.COMPLETE]
    hours = stored_candles(store.load_hours(BTC, include_dropped=True), Timeframe.H1, BTC.tick)
    assert [each.quality for each in hours] == [Quality.COMPLETE, Quality.GAP, Quality.GAP]


def on(grid: Grid, stored: Sequence[StoredMinute]) -> list[StoredMinute]:
    """The same minutes on a finer grid."""
    return [each.on(grid) for each in stored]


def test_a_finer_tick_and_lot_continue_the_series(store: Store) -> None:
    """Minutes of both are read on the finer grid, with one CVD and the hours of both."""
    finer = replace(BTC, tick=Decimal("0.01"), lot=Decimal("0.0001"))
    before, after = minutes(0, 65), [replace(each, grid=finer.grid) for each in minutes(65, 130)]
    store.save([Batch(BTC, before, START), Batch(ETH, minutes(5, 6))])
    store.save([Batch(finer, after)])
    expected = [*on(finer.grid, before), *after]
    assert store.load(BTC) == store.load(finer) == expected
    deltas = [each.delta for each in expected]
    assert [each.cvd for each in store.load(finer)] == list(itertools.accumulate(deltas))
    assert store.load_hours(finer) == by_hours(expected)
    assert [each.cvd for each in store.load_hours(finer)][-1] == sum(deltas)
    assert store.resume(finer) == ResumePoint(after[-1].open_ts, after[-1].last, START)


def test_a_coarser_tick_later_changes_nothing_before_it(store: Store) -> None:
    """Stored figures stay exact."""
    finer = Grid.of(Decimal("0.01"), Decimal("0.0005"))
    before = [replace(each, grid=finer) for each in minutes(0, 3)]
    store.save([Batch(replace(BTC, tick=finer.price.value, lot=finer.quantity.value), before, START)])
    store.save([Batch(BTC, minutes(3, 5))])
    assert store.load(BTC) == [*before, *on(finer, minutes(3, 5))]


def test_coarse_minutes_have_the_cvd_of_finer_ones_before(store: Store) -> None:
    """A minute's own grid may be too coarse for the sum at its open."""
    finer = Grid.of(BTC.tick, Decimal("0.0003"))
    store.save([Batch(BTC, [replace(minute(0), grid=finer)], START)])
    store.save([Batch(BTC, [minute(1)])])
    (loaded,) = store.load(BTC, START + MINUTE_MS)
    cvd = loaded.grid.quantity.decimal(loaded.cvd_before)
    assert cvd == finer.quantity.decimal(minute(0).delta)


def test_one_transaction_is_all_or_nothing(store: Store) -> None:
    """A batch with one minute that is not a ladder stores nothing."""
    broken = minute(1, ladder((5, 1, 1, 1), (6, 1, 1, 1)))
    with pytest.raises(ValueError, match="levels"):
        store.save([Batch(ETH, minutes(0, 3)), Batch(BTC, [minute(0), broken])])
    assert store.load(ETH) == []
    assert not store.accepts(broken)


def test_a_minute_without_levels_counts_in_cvd_alone(store: Store) -> None:
    """It replaces no whole one, shows in no list, and its delta is not lost."""
    saved = minutes(0, 65)
    store.save([Batch(BTC, [*saved[:30], without_levels(saved[30]), *saved[31:]])])
    store.save([Batch(BTC, [without_levels(saved[12])])])
    loaded = store.load(BTC)
    assert loaded == saved[:30] + saved[31:]
    assert [each.cvd for each in loaded] == [each.cvd for each in saved[:30] + saved[31:]]
    assert store.load_hours(BTC)[0].quality is Quality.GAP


def test_a_damaged_body_is_left_out_and_counted(store: Store) -> None:
    """One damaged row costs one minute, never the rest, and never the CVD."""
    saved = minutes(0, 70)
    store.save([Batch(BTC, saved)])
    with store.database.writing() as connection:
        for index in (3, 69):
            at = schema.minute.c.open_ts == saved[index].open_ts
            connection.execute(sa.update(schema.minute).where(at).values(body=b"\x01\x00damaged"))
    loaded = store.load(BTC)
    assert loaded == saved[:3] + saved[4:69]
    assert loaded[-1].cvd == saved[68].cvd
    assert store.resume(BTC).last == saved[68].last
    assert store.damaged == 2
    store.save([Batch(BTC, [saved[69]])])
    assert store.load(BTC)[-1] == saved[69]


def test_readers_see_whole_transactions_while_one_writes(
    url: str, open_again: Callable[[str], Store]
) -> None:
    """A reader sees none or all of a transaction, and never waits for it."""
    writer, reader = open_again(url), open_again(url)
    ended = threading.Event()

    def write() -> None:
        for start in range(0, 300, 10):
            writer.save([Batch(BTC, minutes(0, 300)[start : start + 10], START)])
        ended.set()

    thread = threading.Thread(target=write)
    thread.start()
    seen = set()
    while not ended.is_set():
        loaded = reader.load(BTC)
        seen.add(len(loaded))
        assert loaded == minutes(0, len(loaded))
        if loaded:
            assert loaded[-1].cvd == sum(each.delta for each in loaded)
            assert reader.load_hours(BTC)[0].open_ts == START
    thread.join()
    assert all(count % 10 == 0 for count in seen)
    assert len(reader.load(BTC)) == 300


def test_two_stores_open_an_empty_database_at_once(url: str, open_again: Callable[[str], Store]) -> None:
    """Starting together, one makes the tables and the others find them."""
    opened: list[Store] = []
    together = threading.Barrier(3)

    def open_with_the_others() -> None:
        together.wait()
        opened.append(open_again(url))

    threads = [threading.Thread(target=open_with_the_others) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(opened) == 3
    opened[0].save([Batch(BTC, minutes(0, 2))])
    assert opened[2].load(BTC) == minutes(0, 2)


def test_postgres_by_the_short_scheme(postgres: Server) -> None:
    """``postgres://``, as hosting platforms give it, is accepted."""
    opened = open_store(postgres.url(postgres.create(), "postgres"))
    opened.save([Batch(BTC, minutes(0, 1))])
    assert opened.load(BTC) == minutes(0, 1)
    assert "PostgreSQL at 127.0.0.1" in opened.database.place
    opened.close()


def test_sqlite_writes_ahead_and_waits_its_turn(tmp_path: Path) -> None:
    """The file's folder is made, and its journal is the one that readers do not block."""
    opened = open_store(f"sqlite:///{tmp_path / 'new' / 'kept.sqlite3'}")
    with opened.database.reading() as connection:
        read = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "busy_timeout", "page_size", "auto_vacuum")
        }
    opened.close()
    assert read == {
        "journal_mode": "wal",
        "synchronous": 1,
        "busy_timeout": 10_000,
        "page_size": 16_384,
        "auto_vacuum": 2,
    }
