"""Benchmarks of the store on SQLite, against a plain one: json of floats, a row per candle."""

from __future__ import annotations

import json
import sqlite3
import tempfile
from dataclasses import replace
from decimal import Decimal
from itertools import count
from pathlib import Path

import numpy as np

from benchmarks import tape
from benchmarks.timing import best, measure, median
from orderflow_dash.footprint.minute import Levels
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import HOUR_MS, MINUTE_MS, Quality, Timeframe
from orderflow_dash.store.candles import stored_candles
from orderflow_dash.store.minutes import StoredMinute, to_stored
from orderflow_dash.store.store import Batch, Store, open_store

Row = tuple[str, str, str, str, str]

HOURS = 500
STEP = Decimal("0.5")
WRITTEN = 500  # minutes in one round of writing
_WIDE = "1h, 4,500 levels each,"
PLAIN_HOURS = 10  # hours that the plain way reads; its time is extrapolated to all


def market(minutes: int, fewest: int, most: int, seed: int = 1) -> list[StoredMinute]:
    """Minutes of a walk with ``fewest`` to ``most`` levels each, as of BTCUSDT at tick 0.1."""
    random = np.random.default_rng(seed)
    middle, made = 834_344, []
    for open_ts in range(tape.START_MS, tape.START_MS + minutes * MINUTE_MS, MINUTE_MS):
        levels = np.empty((int(random.integers(fewest, most + 1)), 4), dtype=np.int64)
        gaps = random.geometric(0.6, len(levels))
        middle += int(random.normal(0, len(levels) / 4))
        levels[:, 0] = middle + int(gaps.sum()) // 2 - np.cumsum(gaps)
        volume = np.ceil(random.pareto(1.2, (len(levels), 2)) * 40).clip(1, 500_000).astype(np.int64)
        levels[:, 1:3] = volume * (random.random(volume.shape) < 0.8)
        levels[:, 3] = random.geometric(0.3, len(levels))
        delta = int(levels[:, 2].sum() - levels[:, 1].sum())
        prices = [int(price) for price in random.choice(levels[:, 0], 2)]
        order = open_ts // 10
        made.append(
            StoredMinute(
                open_ts=open_ts,
                levels=levels,
                open=prices[0],
                close=prices[1],
                delta=delta,
                min_delta=min(0, delta) - 1_000,
                max_delta=max(0, delta) + 1_000,
                first=(open_ts + 37, order),
                last=(open_ts + 59_812, order + 5_000),
                quality=Quality.COMPLETE,
                grid=tape.INSTRUMENT.grid,
            )
        )
    return made


def taped() -> list[StoredMinute]:
    """The other benchmarks' market: eight hours of a million trades, some hundred levels a minute."""
    series = Series(10_000, grid=tape.INSTRUMENT.grid)
    series.apply_arrays(*tape.arrays(1_000_000))
    return [to_stored(minute, series.grid, series.quality(minute)) for minute in series.minutes()]


def store_figures() -> list[Row]:
    """Writing, reading 500 candles of an hour, and bytes on disk."""
    with tempfile.TemporaryDirectory() as folder:
        return [*_writing(Path(folder)), *_reading(Path(folder)), *_sizes(Path(folder))]


def _writing(folder: Path) -> list[Row]:
    minutes = market(WRITTEN, 200, 200)
    files = count()

    def write() -> None:
        _filled(folder, f"write{next(files)}", minutes).close()

    def plain_write() -> None:
        _plain_filled(folder / f"plain{next(files)}.sqlite3", minutes).close()

    runs = measure({"write": write, "plain": plain_write})
    ratio = median(runs["plain"]) / median(runs["write"])
    return [
        (
            "store candles of 200 levels, new file",
            f"{WRITTEN / best(runs['write']):,.0f} /s",
            f"{WRITTEN / median(runs['write']):,.0f} /s",
            f"{ratio:.1f} x",
            "500 /s",
        )
    ]


def _reading(folder: Path) -> list[Row]:
    minutes = market(HOURS * 60, 50, 200)
    store = _filled(folder, "read", minutes)
    plain = _plain_filled(folder / "plain.sqlite3", minutes[: PLAIN_HOURS * 60])
    end = minutes[-1].open_ts + MINUTE_MS

    def read(timeframe: Timeframe) -> None:
        load = store.load_hours if timeframe is Timeframe.H1 else store.load
        kept = load(tape.INSTRUMENT, end - HOURS * timeframe.ms)
        if len(stored_candles(kept, timeframe, STEP)) != HOURS:
            raise AssertionError("not all candles were read")

    def plain_read() -> None:
        candles: dict[int, dict[float, list[float]]] = {}
        for open_ts, text in plain.execute("SELECT open_ts, levels FROM minute ORDER BY open_ts"):
            candle = candles.setdefault(open_ts - open_ts % HOUR_MS, {})
            for price, bid, ask, trades in json.loads(text):
                level = candle.setdefault(round(price / 0.5) * 0.5, [0.0, 0.0, 0])
                level[0] += bid
                level[1] += ask
                level[2] += trades

    wide = _wide_hours(folder)

    def read_wide() -> None:
        stored_candles(wide.load_hours(tape.INSTRUMENT), Timeframe.H1, STEP)

    tasks = {timeframe.value: (lambda timeframe=timeframe: read(timeframe)) for timeframe in Timeframe}
    runs = measure({**tasks, _WIDE: read_wide, "plain": plain_read})
    store.close()
    wide.close()
    plain.close()
    ratio = median(runs["plain"]) * HOURS / PLAIN_HOURS / median(runs["1h"])
    return [
        (
            f"{HOURS} candles of {name} from SQLite, step {STEP}",
            f"{best(runs[name]) * 1e3:.0f} ms",
            f"{median(runs[name]) * 1e3:.0f} ms",
            f"{ratio:.1f} x" if name == "1h" else "",
            "300 ms" if name.startswith("1h") else "",
        )
        for name in ("1h", _WIDE, "15m", "5m", "1m")
    ]


def _wide_hours(folder: Path) -> Store:
    """Hours of several thousand levels, each held by one of its minutes."""
    minutes = market(60, 4_000, 5_000)
    hours = []
    for index in range(HOURS):
        open_ts = tape.START_MS + index * HOUR_MS
        first, last = (open_ts, 2 * index), (open_ts, 2 * index + 1)
        hours.append(replace(minutes[index % 60], open_ts=open_ts, first=first, last=last))
    return _filled(folder, "wide", hours)


def _sizes(folder: Path) -> list[Row]:
    rows = []
    markets = {"50 to 200 levels a minute": market(1_440, 50, 200), "the taped market": taped()}
    for name, minutes in markets.items():
        store = _filled(folder, name, minutes)
        store.close()  # merges the write-ahead log into the file
        levels = sum(len(minute.levels) for minute in minutes)
        size = Path(str(store.database.url.database)).stat().st_size / levels
        rows.append((f"bytes per level on disk, {name}", f"{size:.2f}", f"{size:.2f}", "", "12"))
    return rows


def _filled(folder: Path, name: str, minutes: list[StoredMinute]) -> Store:
    store = open_store(f"sqlite:///{folder / name}.sqlite3")
    for start in range(0, len(minutes), 1_000):
        store.save([Batch(tape.INSTRUMENT, minutes[start : start + 1_000])])
    return store


def _plain_filled(file: Path, minutes: list[StoredMinute]) -> sqlite3.Connection:
    database = sqlite3.connect(file)
    database.execute("CREATE TABLE minute (open_ts INTEGER PRIMARY KEY, levels TEXT)")
    with database:
        for minute in minutes:
            row = minute.open_ts, json.dumps(_floats(minute.levels))
            database.execute("INSERT INTO minute VALUES (?, ?)", row)
    return database


def _floats(levels: Levels) -> list[tuple[float, float, float, int]]:
    return [(price / 10, bid / 1000, ask / 1000, n) for price, bid, ask, n in levels.tolist()]
