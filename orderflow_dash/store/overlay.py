"""Queued minutes laid over stored ones, with one CVD through both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from orderflow_dash.market import WHOLE
from orderflow_dash.store.minutes import StoredMinute, common_grid

StoredT = TypeVar("StoredT", bound=StoredMinute)


def overlaid(kept: Sequence[StoredT], waiting: Sequence[StoredT], until: int) -> list[StoredT]:
    """Both, old to new, on one grid, before ``until`` (ms): queued ones win, except those without levels."""
    grid = common_grid((*kept, *waiting), (kept or waiting)[0].grid) if kept or waiting else WHOLE
    kept, waiting = ([each.on(grid) for each in group] for group in (kept, waiting))
    by_open = {each.open_ts: each for each in kept}
    for each in waiting:
        if each.open_ts < until and (not each.levels_dropped or each.open_ts not in by_open):
            by_open[each.open_ts] = each
    return [by_open[open_ts] for open_ts in sorted(by_open)]


def run_on(merged: Sequence[StoredT], kept: Sequence[StoredT]) -> list[StoredT]:
    """The same with CVD summed from the database's, or else from the first minute's own."""
    if not merged:
        return []
    first, grid = (kept or merged)[0], merged[0].grid
    cvd = first.cvd_before * grid.quantity.count(first.grid.quantity.value)
    counted = []
    for each in merged:
        counted.append(each if each.cvd_before == cvd else replace(each, cvd_before=cvd))
        cvd += each.delta
    return counted
