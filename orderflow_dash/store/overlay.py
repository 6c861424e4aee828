"""What waits in memory laid over what is in the database, with one CVD running through both."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TypeVar

from .minutes import StoredMinute

Kept = TypeVar("Kept", bound=StoredMinute)


def overlaid(kept: Sequence[Kept], waiting: Sequence[Kept], until: int) -> list[Kept]:
    """Both, old to new, before ``until`` (ms): what waits wins, but for a hollow one over a whole one."""
    by_open = {each.open_ts: each for each in kept}
    for each in waiting:
        if each.open_ts < until and (not each.hollow or each.open_ts not in by_open):
            by_open[each.open_ts] = each
    return [by_open[open_ts] for open_ts in sorted(by_open)]


def run_on(merged: Sequence[Kept], kept: Sequence[Kept]) -> list[Kept]:
    """The same with CVD counted anew, from where the database says it stood, else from what was told."""
    if not merged:
        return []
    cvd = (kept or merged)[0].cvd_before
    counted = []
    for each in merged:
        counted.append(each if each.cvd_before == cvd else replace(each, cvd_before=cvd))
        cvd += each.delta
    return counted
