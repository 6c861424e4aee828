"""Databases of every age are brought up to date, or refused in one line."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from orderflow_dash.store import schema
from orderflow_dash.store.database import Database
from orderflow_dash.store.failure import StoreError
from orderflow_dash.store.rows import key_of, row_of
from orderflow_dash.store.store import Store, open_store

from .market import BTC, START, minutes
from .test_store import by_hours


def test_the_newest_revision_is_the_one_the_code_names() -> None:
    """Alembic need not be asked which revision is the newest."""
    config = Config()
    config.set_main_option("script_location", str(Path(schema.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_current_head() == schema.HEAD


def test_the_revisions_make_the_tables_of_the_code(store: Store) -> None:
    """No column, key or type differs between what is migrated and what is used."""
    with store.database.writing() as connection:
        differences = compare_metadata(MigrationContext.configure(connection), schema.metadata)
    assert differences == []


def test_a_database_of_version_1_gets_its_hours(url: str, open_again: Callable[[str], Store]) -> None:
    """Nothing that an older version kept is lost, and long charts are as quick as in a new one."""
    database = Database(url)
    kept = minutes(0, 150)
    with database.writing() as connection:
        assert schema.migrate(connection, "0001")
        series = {**key_of(BTC), "base": "BTC", "quote": "USDT", "cvd_from": START}
        connection.execute(sa.insert(schema.series), {**series, "id": 1, "dropped_to": 0, "dropped_delta": 0})
        connection.execute(sa.insert(schema.minute), [{**row_of(each), "series_id": 1} for each in kept])
        assert schema.known_revision(connection) == "0001"
    database.close()
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
    assert "has schema 0917, made by a newer version; this one knows up to 0002" in str(refused.value)
    assert "\n" not in str(refused.value)


def test_an_opened_database_is_not_migrated_again(store: Store) -> None:
    """Opening what is up to date changes nothing."""
    with store.database.writing() as connection:
        assert not schema.migrate(connection)
