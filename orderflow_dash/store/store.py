"""Minutes of all series in a database."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from orderflow_dash.market import HOUR_MS, MINUTE_MS, DecimalUnit, Grid, Instrument
from orderflow_dash.store import schema
from orderflow_dash.store.database import Database
from orderflow_dash.store.minutes import StoredHour, StoredMinute, combine, common_grid
from orderflow_dash.store.overlay import StoredT
from orderflow_dash.store.rows import damaged_hour, damaged_minute, hour_of, key_of, minute_of, row_of

log = logging.getLogger(__name__)

EVER = 1 << 62
_LOOK_BACK = 60  # minutes, for the newest one that is not damaged

_minute, _hour, _series, _meta = schema.minute, schema.hour, schema.series, schema.meta


class Batch(NamedTuple):
    """Minutes of one series to store; ``cvd_from`` (ms) is where CVD is 0, None to leave it."""

    instrument: Instrument
    minutes: Sequence[StoredMinute]
    cvd_from: int | None = None


@dataclass(frozen=True, slots=True)
class ResumePoint:
    """The point from which a series resumes after a restart."""

    open_ts: int  # of the newest minute stored, ms
    last: tuple[int, int]  # (time, order) of its last trade
    cvd_from: int  # ms; CVD is 0 there


class Store:
    """Minutes and hours in one database. Thread-safe; every failure is a StoreError of one line."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.damaged = 0  # bodies that could not be read
        self._insert: Any = sqlite.insert if database.is_sqlite else postgresql.insert

    def prepare(self) -> None:
        """Migrate the tables, and derive hours that an older version did not store.

        Up-to-date tables are only read, so that history on a read-only disk can be shown.
        """
        to_derive = sa.select(_meta.c.value).where(_meta.c.name == "hours")
        with self.database.reading() as connection:
            current = schema.known_revision(connection)
            if current == schema.HEAD and not connection.execute(to_derive).first():
                return
        with self.database.writing() as connection:
            schema.migrate(connection)
            if connection.execute(to_derive).first():
                self._derive_all_hours(connection)
                connection.execute(sa.delete(_meta).where(_meta.c.name == "hours"))

    def close(self) -> None:
        """End all connections."""
        self.database.close()

    # -- in ----------------------------------------------------------------------------------

    def save(self, batches: Iterable[Batch]) -> int:
        """Store minutes in one transaction, replacing existing ones. Returns how many.

        Skips minutes older than what retention dropped, and those without levels if a minute is stored.
        Raises ValueError, and stores nothing, if the levels of one are not a ladder.
        """
        packed = [(batch, [row_of(minute) for minute in batch.minutes]) for batch in batches if batch.minutes]
        saved = 0
        with self.database.writing() as connection:
            for batch, rows in packed:
                saved += self._save_series(connection, batch, rows)
        return saved

    @staticmethod
    def accepts(minute: StoredMinute) -> bool:
        """Whether a minute can be stored."""
        try:
            row_of(minute)
        except ValueError:
            return False
        return True

    def _save_series(self, connection: sa.Connection, batch: Batch, rows: list[dict[str, Any]]) -> int:
        series = self._series_for(connection, batch)
        lot = self._refine_deltas(connection, series, batch.minutes)
        whole: dict[int, dict[str, Any]] = {}
        dropped: dict[int, dict[str, Any]] = {}
        for minute, row in zip(batch.minutes, rows, strict=True):
            if minute.open_ts >= series.dropped_to:
                row["series_id"] = series.id
                row["delta"] = minute.delta * lot.count(minute.grid.quantity.value)
                (dropped if minute.levels_dropped else whole)[minute.open_ts] = row
        start = batch.cvd_from
        moved = start is not None and start != series.cvd_from and start > series.dropped_to
        if start is not None and moved and self._reaches_before(connection, series.id, start):
            # The stream started without its history: the time between must not look like one without trades.
            unknown = damaged_minute(start - MINUTE_MS, 0, batch.minutes[0].grid)
            dropped[unknown.open_ts] = {**row_of(unknown), "series_id": series.id}
        if not whole and not dropped:
            return 0
        before = self._newest_open(connection, series.id)
        if whole:
            connection.execute(self._upsert(_minute), list(whole.values()))
        if dropped:
            statement = self._insert(_minute).on_conflict_do_nothing()
            connection.execute(statement, list(dropped.values()))
        touched = {_hour_start(open_ts) for open_ts in (*whole, *dropped)}
        newest = max(touched)
        if before is not None:
            touched.add(_hour_start(before))
            newest = max(touched)
        self._derive_hours(connection, self._by_id(connection, series.id), sorted(touched - {newest}))
        return len(whole) + len(dropped)

    def _refine_deltas(
        self, connection: sa.Connection, series: sa.Row[Any], minutes: Iterable[StoredMinute]
    ) -> DecimalUnit:
        """Convert the deltas of a series to a lot that fits these minutes too; returns the lot."""
        lot = Grid.of(Decimal(series.tick), Decimal(series.delta_lot))
        finer = common_grid(minutes, lot)
        factor = finer.quantity.count(lot.quantity.value)
        if factor > 1:
            for table in (_minute, _hour):
                rescaled = sa.update(table).where(table.c.series_id == series.id)
                connection.execute(rescaled.values(delta=table.c.delta * factor))
            values = {
                "delta_lot": _text(finer.quantity.value),
                "dropped_delta": _series.c.dropped_delta * factor,
            }
            connection.execute(sa.update(_series).where(_series.c.id == series.id).values(values))
        return finer.quantity

    def _series_for(self, connection: sa.Connection, batch: Batch) -> sa.Row[Any]:
        """The row of a series, created if new, with the ``cvd_from`` of the batch."""
        series = self._find(connection, batch.instrument, lock=True)
        if series is None:
            oldest = min(minute.open_ts for minute in batch.minutes)
            values = {
                **key_of(batch.instrument),
                "base": batch.instrument.base,
                "quote": batch.instrument.quote,
                "tick": _text(batch.instrument.tick),
                "lot": _text(batch.instrument.lot),
                "delta_lot": _text(batch.instrument.lot),
                "cvd_from": oldest if batch.cvd_from is None else batch.cvd_from,
                "dropped_to": 0,
                "dropped_delta": 0,
            }
            connection.execute(self._insert(_series).on_conflict_do_nothing(), values)
            series = self._find(connection, batch.instrument, lock=True)
            if series is None:
                raise RuntimeError("a series that was just written is not there")
        moved = batch.cvd_from is not None and batch.cvd_from != series.cvd_from
        # Dropped minutes cannot be summed again: the start of CVD may only move later.
        if moved and batch.cvd_from >= series.dropped_to:
            values = {"cvd_from": batch.cvd_from, "dropped_delta": 0}
            connection.execute(sa.update(_series).where(_series.c.id == series.id).values(values))
        return series

    def _upsert(self, table: sa.Table) -> Any:  # noqa: ANN401 - either dialect's
        statement = self._insert(table)
        changed = [column.name for column in table.columns if not column.primary_key]
        return statement.on_conflict_do_update(
            index_elements=list(table.primary_key.columns),
            set_={name: statement.excluded[name] for name in changed},
        )

    # -- out ---------------------------------------------------------------------------------

    def load(
        self, instrument: Instrument, since: int = 0, until: int = EVER, *, include_dropped: bool = False
    ) -> list[StoredMinute]:
        """Minutes with ``since <= open_ts < until`` (ms), old to new, each with its CVD.

        All are on one grid, the coarsest that fits them. ``include_dropped``: also those without levels.
        """
        with self.database.reading() as connection:
            series = self._find(connection, instrument)
            if series is None:
                return []
            cvd = self._cvd_at(connection, series, since)
            minutes = self._minutes(connection, series, since, until, cvd)
        return [minute for minute in minutes if include_dropped or not minute.levels_dropped]

    def load_hours(
        self, instrument: Instrument, since: int = 0, until: int = EVER, *, include_dropped: bool = False
    ) -> list[StoredHour]:
        """Hours that open at ``since`` (ms, floored to an hour) or later and before ``until``, old to new.

        The newest hour may be partial.
        """
        since = _hour_start(since)
        with self.database.reading() as connection:
            series = self._find(connection, instrument)
            newest = self._newest_open(connection, series.id) if series is not None else None
            if series is None or newest is None:
                return []
            cvd = self._cvd_at(connection, series, since)
            chosen = (_hour.c.series_id == series.id, _hour.c.open_ts >= since, _hour.c.open_ts < until)
            rows = connection.execute(sa.select(_hour).where(*chosen).order_by(_hour.c.open_ts)).all()
            found: list[StoredHour] = self._counted(hour_of, damaged_hour, series, rows)
            if since <= _hour_start(newest) < until:
                found.append(combine(self._minutes(connection, series, _hour_start(newest), EVER)))
            hours = _run_on(found, series, cvd)
        return [hour for hour in hours if include_dropped or not hour.levels_dropped]

    def resume(self, instrument: Instrument) -> ResumePoint | None:
        """The end of a series; None if none is stored."""
        with self.database.reading() as connection:
            series = self._find(connection, instrument)
            if series is None:
                return None
            chosen = sa.select(_minute).where(_minute.c.series_id == series.id)
            rows = connection.execute(chosen.order_by(_minute.c.open_ts.desc()).limit(_LOOK_BACK)).all()
            for row in rows:
                try:
                    minute = minute_of(row, *_units(series))
                except ValueError:
                    continue
                return ResumePoint(minute.open_ts, minute.last, series.cvd_from)
        return None

    def _find(
        self, connection: sa.Connection, instrument: Instrument, *, lock: bool = False
    ) -> sa.Row[Any] | None:
        chosen = [_series.c[name] == value for name, value in key_of(instrument).items()]
        statement = sa.select(_series).where(*chosen)
        return connection.execute(statement.with_for_update() if lock else statement).first()

    def _by_id(self, connection: sa.Connection, series_id: int) -> sa.Row[Any]:
        return connection.execute(sa.select(_series).where(_series.c.id == series_id)).one()

    def _newest_open(self, connection: sa.Connection, series_id: int) -> int | None:
        newest = sa.select(sa.func.max(_minute.c.open_ts)).where(_minute.c.series_id == series_id)
        return connection.execute(newest).scalar()

    def _reaches_before(self, connection: sa.Connection, series_id: int, open_ts: int) -> bool:
        older = sa.exists().where(_minute.c.series_id == series_id, _minute.c.open_ts < open_ts)
        return bool(connection.execute(sa.select(older)).scalar())

    def _minutes(
        self, connection: sa.Connection, series: sa.Row[Any], since: int, until: int, cvd: int = 0
    ) -> list[StoredMinute]:
        """All minutes of a range, with levels or without, on one grid; their CVD starts at ``cvd``."""
        chosen = (_minute.c.series_id == series.id, _minute.c.open_ts >= since, _minute.c.open_ts < until)
        rows = connection.execute(sa.select(_minute).where(*chosen).order_by(_minute.c.open_ts)).all()
        return _run_on(self._counted(minute_of, damaged_minute, series, rows), series, cvd)

    def _counted(
        self,
        whole: Callable[[sa.Row[Any], DecimalUnit, Grid], StoredT],
        damaged: Callable[[int, int, Grid], StoredT],
        series: sa.Row[Any],
        rows: Iterable[sa.Row[Any]],
    ) -> list[StoredT]:
        """Rows decoded, each on its own grid; unreadable ones are replaced by damaged ones."""
        lot, first_grid = _units(series)
        found = []
        for row in rows:
            try:
                found.append(whole(row, lot, first_grid))
            except ValueError as error:
                self.damaged += 1
                log.warning("%s: %s (opened at %d)", self.database.place, error, row.open_ts)
                found.append(damaged(row.open_ts, row.delta, Grid.of(first_grid.price.value, lot.value)))
        return found

    # -- sums --------------------------------------------------------------------------------

    def _cvd_at(self, connection: sa.Connection, series: sa.Row[Any], at: int) -> int:
        """CVD (in ``delta_lot``) just before ``at`` (ms); before ``cvd_from`` it counts backwards from 0."""
        at = max(at, series.dropped_to)
        if at < series.cvd_from:
            return -self._delta_between(connection, series.id, at, series.cvd_from)
        start = max(series.cvd_from, series.dropped_to)
        return int(series.dropped_delta) + self._delta_between(connection, series.id, start, at)

    def _delta_between(self, connection: sa.Connection, series_id: int, start: int, end: int) -> int:
        """Sum of the deltas of minutes with ``start <= open_ts < end``, by whole hours where possible."""
        if end <= start:
            return 0
        newest = self._newest_open(connection, series_id)
        if newest is None:
            return 0
        first_hour, last_hour = -(-start // HOUR_MS) * HOUR_MS, min(_hour_start(end), _hour_start(newest))
        if first_hour >= last_hour:
            return _sum(connection, _minute, series_id, start, end)
        return (
            _sum(connection, _minute, series_id, start, first_hour)
            + _sum(connection, _hour, series_id, first_hour, last_hour)
            + _sum(connection, _minute, series_id, last_hour, end)
        )

    # -- hours -------------------------------------------------------------------------------

    def _derive_hours(self, connection: sa.Connection, series: sa.Row[Any], hours: Iterable[int]) -> None:
        rows = []
        lot, _ = _units(series)
        for open_ts in hours:
            minutes = self._minutes(connection, series, open_ts, open_ts + HOUR_MS)
            if minutes:
                hour = combine(minutes)
                delta = hour.delta * lot.count(hour.grid.quantity.value)
                rows.append({**row_of(hour), "delta": delta, "series_id": series.id, "minutes": hour.minutes})
        if rows:
            connection.execute(self._upsert(_hour), rows)

    def _derive_all_hours(self, connection: sa.Connection) -> None:
        for series in connection.execute(sa.select(_series)).all():
            opens = sa.select(_minute.c.open_ts).where(_minute.c.series_id == series.id)
            hours = sorted({_hour_start(open_ts) for open_ts in connection.execute(opens).scalars()})
            self._derive_hours(connection, series, hours[:-1])


def open_store(url: str) -> Store:
    """A database that is ready to use, its tables up to date.

    Raises ValueError where the address is of no known kind, else StoreError with the reason.
    """
    store = Store(Database(url))
    try:
        store.prepare()
    except BaseException:
        store.close()
        raise
    return store


def _hour_start(open_ts: int) -> int:
    return open_ts // HOUR_MS * HOUR_MS


def _sum(connection: sa.Connection, table: sa.Table, series_id: int, start: int, end: int) -> int:
    chosen = (table.c.series_id == series_id, table.c.open_ts >= start, table.c.open_ts < end)
    return int(connection.execute(sa.select(sa.func.sum(table.c.delta)).where(*chosen)).scalar() or 0)


def _units(series: sa.Row[Any]) -> tuple[DecimalUnit, Grid]:
    """The unit of a series' deltas, and the grid of its bodies of version 1."""
    grid = Grid.of(Decimal(series.tick), Decimal(series.lot))
    return Grid.of(grid.price.value, Decimal(series.delta_lot)).quantity, grid


def _run_on(kept: Sequence[StoredT], series: sa.Row[Any], cvd: int) -> list[StoredT]:
    """The same on one grid, with CVD from ``cvd`` on, which is in the series' ``delta_lot``."""
    lot, first_grid = _units(series)
    grid = common_grid(kept, Grid.of(kept[0].grid.price.value, lot.value)) if kept else first_grid
    counted = []
    for each in kept:
        counted.append(replace(each.on(grid), cvd_before=cvd))
        cvd += counted[-1].delta
    return counted


def _text(unit: Decimal) -> str:
    return format(unit.normalize(), "f")
