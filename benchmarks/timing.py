"""Timing on a machine whose speed drifts: everything in turn, many times, best and median told."""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable


def measure(tasks: dict[str, Callable[[], object]], rounds: int = 7) -> dict[str, list[float]]:
    """Seconds of each task's runs, fastest first; the tasks take turns, so that drift hits all alike."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            gc.collect()
            begun = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - begun)
    return {name: sorted(runs) for name, runs in seconds.items()}


def best(runs: list[float]) -> float:
    """What the code can do where nothing else runs."""
    return runs[0]


def median(runs: list[float]) -> float:
    """What it did while the machine was as it was."""
    return statistics.median(runs)
