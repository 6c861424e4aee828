"""A day file to footprints: ``python -m benchmarks.replay``. Part of ``make bench``."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

import numpy as np

from benchmarks import baseline
from benchmarks.memory import resident_mb
from benchmarks.timing import best, measure, median

TRADES = 1_500_000
START_MS = 1_789_430_400_000  # 15 Sep 2026
DAY_MS = 86_400_000
_NAME = "BTCUSDT-aggTrades-2026-09-15"
_HEADER = "agg_trade_id,price,quantity,first_trade_id,last_trade_id,transact_time,is_buyer_maker\n"


def write_day(folder: Path, trades: int = TRADES) -> Path:
    """A zipped day file of BTCUSDT in Binance's format, the same for every run."""
    random = np.random.default_rng(1)
    time = np.sort(random.integers(0, DAY_MS, trades)) + START_MS
    price = 834_344 + np.cumsum(np.rint(random.normal(0, 9, trades)).astype(np.int64))
    lots = np.ceil(random.pareto(1.2, trades) * 8).clip(1, 500_000).astype(np.int64)
    matches = random.integers(1, 6, trades)
    last = 8_154_045_700 + np.cumsum(matches)
    sells = random.integers(0, 2, trades)
    path = folder / f"{_NAME}.zip"
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(f"{_NAME}.csv", "w") as file,
    ):
        file.write(_HEADER.encode())
        for at in range(0, trades, 50_000):
            part = slice(at, at + 50_000)
            columns = (column[part].tolist() for column in (time, price, lots, matches, last, sells))
            lines = [
                f"{3_478_018_549 + number},{p // 10}.{p % 10},{q // 1000}.{q % 1000:03d},{z - n + 1},{z},{t}"
                f",{'true' if s else 'false'}\n"
                for number, (t, p, q, n, z, s) in enumerate(zip(*columns, strict=True), at)
            ]
            file.write("".join(lines).encode())
    return path


def load(path: Path) -> int:
    """Reads the file into a series; the number of minutes."""
    from orderflow_dash.footprint.series import Series
    from orderflow_dash.simulator import Loading

    (recording,) = Loading([path]).run(strict=True)
    series = Series(1_500)
    rows = recording.rows
    series.apply_arrays(rows.times, rows.ids, rows.prices, rows.quantities)
    return len(series)


def plain_load(path: Path) -> int:
    """The plain baseline: csv, float, a dict per candle and level."""
    candles: baseline.Candles = {}
    with zipfile.ZipFile(path) as archive, archive.open(archive.namelist()[0]) as file:
        for row in csv.DictReader(io.TextIOWrapper(file)):
            trade = (
                int(row["transact_time"]),
                float(row["price"]),
                float(row["quantity"]),
                row["is_buyer_maker"] == "true",
            )
            baseline.apply(candles, trade, 0.1)
    return len(candles)


def rows(rounds: int = 3) -> list[tuple[str, str, str, str, str]]:
    """Seconds against the plain baseline's, and the peak memory of a separate process."""
    with tempfile.TemporaryDirectory() as folder:
        path = write_day(Path(folder))
        runs = measure({"load": lambda: load(path), "plain": lambda: plain_load(path)}, rounds)
        command = [sys.executable, "-m", "benchmarks.replay", str(path)]
        printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603
    before, peak = map(float, printed.split())
    ratio = median(runs["plain"]) / median(runs["load"])
    return [
        (
            "a day of 1.5 M trades, csv zip to footprints",
            f"{best(runs['load']):.2f} s",
            f"{median(runs['load']):.2f} s",
            f"{ratio:.1f} x",
            "6 s",
        ),
        ("  memory at its peak", f"{peak:.0f} MB", f"{peak:.0f} MB", "", "500 MB"),
        ("  of which before loading", f"{before:.0f} MB", f"{before:.0f} MB", "", ""),
    ]


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) * 1024 / 1e6


def main() -> None:
    """Prints the figures; with a file, megabytes before it is loaded and at the peak."""
    if len(sys.argv) > 1:
        import orderflow_dash.application  # noqa: F401 - part of the process that is measured

        before = resident_mb()
        load(Path(sys.argv[1]))
        print(f"{before:.1f} {_peak_mb():.1f}")
        return
    for row in rows():
        print("  ".join(row))


if __name__ == "__main__":
    main()
