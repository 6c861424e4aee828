"""Resident memory of many full series, in a separate process: ``python -m benchmarks.memory``."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from benchmarks.tape import START_MS
from orderflow_dash.footprint.series import Series

SYMBOLS, MINUTES, LEVELS, TRADES_A_MINUTE = 100, 500, 50, 150


def resident_mb() -> float:
    """Resident set of this process."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def full_series(seed: int) -> Series:
    """A series of 500 minutes with exactly 50 levels each."""
    random = np.random.default_rng(seed)
    count = MINUTES * TRADES_A_MINUTE
    time = START_MS + np.arange(count) * 60_000 // TRADES_A_MINUTE
    price = 834_344 + np.arange(count) % LEVELS
    quantity = random.integers(1, 5_000, count) * random.choice((-1, 1), count)
    series = Series(MINUTES)
    series.apply_arrays(time, np.arange(count), price, quantity)
    return series


def main() -> None:
    """Prints megabytes before and with all series."""
    import orderflow_dash.wire  # noqa: F401 - part of the process that is measured

    before = resident_mb()
    held = [full_series(seed) for seed in range(SYMBOLS)]
    levels = sum(len(minute.level_array()) for minute in held[0].minutes())
    if levels < MINUTES * LEVELS:
        sys.exit(f"only {levels} levels in a series")
    sys.stdout.write(f"{before:.1f} {resident_mb():.1f}\n")


if __name__ == "__main__":
    main()
