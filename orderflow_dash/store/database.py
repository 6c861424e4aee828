"""One database, SQLite or PostgreSQL: address, connections, transactions, failures."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from platformdirs import user_data_path
from sqlalchemy import event

from orderflow_dash.store.failure import StoreError, describe_failure

_PAGE = 16_384  # bytes: a minute of 200 levels is some hundred bytes, an hour of a whole market several pages
_BUSY_S = 10.0
_TRY_AGAIN_S = 0.02
_CONNECT_S = 5
_STATEMENT_MS = 60_000


def default_url() -> str:
    """An SQLite file in the user's data directory."""
    return f"sqlite:///{user_data_path('orderflow-dash', appauthor=False) / 'orderflow.sqlite3'}"


def parse_url(url: str) -> sa.URL:
    """An SQLite or PostgreSQL address for SQLAlchemy; ValueError with the valid forms."""
    accepted = "sqlite:///PATH, postgres://... or postgresql://..."
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise ValueError(accepted) from None
    if parsed.drivername in {"postgres", "postgresql", "postgresql+psycopg"}:
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername == "sqlite" and parsed.database and parsed.database != ":memory:":
        return parsed
    raise ValueError(accepted)


def place_of(url: sa.URL) -> str:
    """The address of a database, without a password."""
    if url.drivername == "sqlite":
        return str(url.database)
    port = f":{url.port}" if url.port else ""
    return f"PostgreSQL at {url.host or 'this machine'}{port}/{url.database or ''}"


class Database:
    """Connections and transactions of one database; every failure is raised as StoreError."""

    def __init__(self, url: str) -> None:
        self.url = parse_url(url)
        self.is_sqlite = self.url.drivername == "sqlite"
        self._writer = threading.Lock()
        if self.is_sqlite:
            # A pool of its own, so that a connection opened while the file was read-only can be replaced
            # without closing the others: reopening a file needs space, which a full disk lacks.
            self._writes = self._sqlite_engine("BEGIN IMMEDIATE", pool_size=1, max_overflow=0)
            self._reads = self._sqlite_engine("BEGIN", max_overflow=20)
        else:
            arguments = {
                "connect_timeout": _CONNECT_S,
                "application_name": "orderflow-dash",
                "options": f"-c statement_timeout={_STATEMENT_MS}",
            }
            self._writes = sa.create_engine(
                self.url, connect_args=arguments, pool_timeout=_CONNECT_S, pool_pre_ping=True
            )
            self._reads = self._writes.execution_options(isolation_level="REPEATABLE READ")

    def _sqlite_engine(self, statement: str, **pool: int) -> sa.Engine:
        engine = sa.create_engine(
            self.url, connect_args={"timeout": _BUSY_S}, pool_timeout=_CONNECT_S, **pool
        )
        event.listen(engine, "connect", _set_up_sqlite)
        event.listen(engine, "begin", lambda connection: connection.exec_driver_sql(statement))
        return engine

    @property
    def place(self) -> str:
        """Its address, without a password."""
        return place_of(self.url)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection whose statements see one state."""
        with self._failures():
            self._make_folder()
            with self._reads.begin() as connection:
                yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """One transaction. Threads of this process take turns."""
        with self._failures(), self._writer:
            self._make_folder()
            with self._writes.begin() as connection:
                yield connection

    def used_bytes(self, connection: sa.Connection) -> int:
        """Size of minutes and hours, without free space."""
        if self.is_sqlite:
            page, count, free = (
                int(connection.exec_driver_sql(f"PRAGMA {name}").scalar_one())
                for name in ("page_size", "page_count", "freelist_count")
            )
            return page * (count - free)
        # Not the size of the table: PostgreSQL keeps the space of deleted rows.
        total = connection.exec_driver_sql(
            "SELECT coalesce(sum(octet_length(body) + 64), 0) FROM minute"
        ).scalar_one()
        hours = connection.exec_driver_sql("SELECT coalesce(sum(octet_length(body) + 64), 0) FROM hour")
        return int(total) + int(hours.scalar_one())

    def give_back(self) -> None:
        """Return free pages of an SQLite file to the disk; PostgreSQL does it automatically."""
        if not self.is_sqlite:
            return
        with self._failures(), self._writer, self._writes.connect() as connection:
            raw = connection.connection.dbapi_connection
            if isinstance(raw, sqlite3.Connection):
                raw.execute("PRAGMA incremental_vacuum").fetchall()
                raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """End all connections."""
        self._writes.dispose()
        self._reads.dispose()

    def reconnect(self) -> None:
        """Replace the connection that writes a file; those to a server are tested before each use."""
        if self.is_sqlite:
            with self._writer:
                self._writes.dispose()

    def _make_folder(self) -> None:
        if self.is_sqlite:
            Path(str(self.url.database)).parent.mkdir(parents=True, exist_ok=True)

    @contextmanager
    def _failures(self) -> Iterator[None]:
        try:
            yield
        except StoreError as error:
            raise StoreError(error.reason, self.place) from error
        except (sa.exc.SQLAlchemyError, sqlite3.Error, OSError) as error:
            raise StoreError(describe_failure(error), self.place) from error


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 - what the driver gives
    connection.isolation_level = None  # transactions start explicitly, not with the first write
    cursor = connection.cursor()
    if not cursor.execute("PRAGMA page_count").fetchone()[0]:
        # For a new file only; on an existing read-only one these would fail.
        cursor.execute(f"PRAGMA page_size={_PAGE}")
        cursor.execute("PRAGMA auto_vacuum=INCREMENTAL")
    _write_ahead(cursor)
    cursor.execute("PRAGMA synchronous=NORMAL")
    cursor.close()


def _write_ahead(cursor: sqlite3.Cursor) -> None:
    """Use a write-ahead log; wait if another process sets it, which SQLite's timeout does not cover."""
    give_up = time.monotonic() + _BUSY_S
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > give_up:
                raise
        time.sleep(_TRY_AGAIN_S)
