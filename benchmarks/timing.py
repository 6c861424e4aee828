"""Timing on a machine whose speed drifts: all tasks in turn, many times; best and median."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable


def measure(tasks: dict[str, Callable[[], object]], rounds: int = 7) -> dict[str, list[float]]:
    """Seconds of each task's runs, fastest first; the tasks take turns, so that drift affects all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            gc.collect()
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    return {name: sorted(runs) for name, runs in seconds.items()}


def best(runs: list[float]) -> float:
    """The fastest run: the speed on an idle machine."""
    return runs[0]


def median(runs: list[float]) -> float:
    """The median run: the speed on this machine as loaded."""
    return statistics.median(runs)
