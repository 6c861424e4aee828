"""Databases of every age are brought up to date, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from orderflow_dash.market import MINUTE_MS, Instrument
from orderflow_dash.store import schema
from orderflow_dash.store.database import Database
from orderflow_dash.store.failure import StoreError
from orderflow_dash.store.minutes import StoredMinute
from orderflow_dash.store.rows import key_of, row_of
from orderflow_dash.store.store import Store, open_store
from tests.store.market import BTC, body_of_version_1, minutes
from tests.store.test_store import by_hours

OLD_SERIES = sa.table(
    "series",
    *map(sa.column, ("id", "venue", "symbol", "tick", "lot", "base", "quote")),
    *map(sa.column, ("cvd_from", "dropped_to", "dropped_delta")),
)


def test_the_newest_revision_is_the_one_the_code_names() -> None:
    """Alembic need not be asked which revision is the newest."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_the_revisions_make_the_tables_of_the_code(store: Store) -> None:
    """Migrated and declared tables are equal."""
    with store.database.writing() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    assert differences == []


def old_database(url: str, revision: str, series: dict[int, tuple[Instrument, list[StoredMinute]]]) -> None:
    """A database as an older version left it; CVD counts from the first minute of each series."""
    database = Database(url)
    with database.writing() as connection:
        assert schema.migrate(connection, revision)
        for number, (instrument, kept) in series.items():
            units = {"tick": f"{instrument.tick:f}", "lot": f"{instrument.lot:f}"}
            row = {**key_of(instrument), **units, "base": "BTC", "quote": "USDT", "cvd_from": kept[0].open_ts}
            connection.execute(
                sa.insert(OLD_SERIES), {**row, "id": number, "dropped_to": 0, "dropped_delta": 0}
            )
            rows = [{**row_of(each), "body": body_of_version_1(each), "series_id": number} for each in kept]
            connection.execute(sa.insert(schema.minute), rows)
        assert schema.known_revision(connection) == revision
    database.close()


def test_series_of_several_ticks_become_one(url: str, open_again: Callable[[str], Store]) -> None:
    """All minutes of a symbol whose tick changed before are there, exact, with the break marked."""
    finer = replace(BTC, tick=Decimal("0.01"), lot=Decimal("0.0005"))
    before, after = minutes(0, 70), [replace(each, grid=finer.grid) for each in minutes(90, 160)]
    old_database(url, "0002", {1: (BTC, before), 2: (finer, after)})
    store = open_again(url)
    kept = store.load(finer, include_dropped=True)
    assert [each.open_ts for each in kept if each.levels_dropped] == [after[0].open_ts - MINUTE_MS]
    whole = [each for each in kept if not each.levels_dropped]
    assert whole == [*(each.on(finer.grid) for each in before), *after]
    assert store.load_hours(finer) == by_hours(whole)[:1] + by_hours(kept)[1:]
    assert kept[-1].cvd == sum(each.delta for each in after)
    assert store.resume(finer).cvd_from == after[0].open_ts


def test_a_database_of_version_1_gets_its_hours(url: str, open_again: Callable[[str], Store]) -> None:
    """Nothing that an older version kept is lost, and long charts are as quick as in a new one."""
    kept = minutes(0, 150)
    old_database(url, "0001", {1: (BTC, kept)})
    store = open_again(url)
    assert store.load(BTC) == kept
    assert store.load_hours(BTC) == by_hours(kept)
    with store.database.reading() as connection:
        assert schema.known_revision(connection) == schema.HEAD
        assert connection.execute(sa.select(sa.func.count()).select_from(schema.hour)).scalar() == 2
        assert connection.execute(sa.select(schema.meta)).all() == []


def test_a_newer_schema_is_refused_in_one_line(url: str, store: Store) -> None:
    """A database of a later version is left alone, and the line says what to do about it."""
    with store.database.writing() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0917'")
    with pytest.raises(StoreError) as refused:
        open_store(url)
    assert "has schema 0917, created by a newer version; supported: up to 0003" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_opened_database_is_not_migrated_again(store: Store) -> None:
    """Opening an up-to-date database changes nothing."""
    with store.database.writing() as connection:
        assert not schema.migrate(connection)
