"""Checks on the order of a recording's rows: wrong times, repeated rows, stretches without rows.

Times are ms, rows stand in the venue's order unless said otherwise.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
from numpy.typing import NDArray

from orderflow_dash.market import DAY_MS, MINUTE_MS
from orderflow_dash.simulator.recordings.cells import Ints, Texts, Truths

LONG_MS = 5 * MINUTE_MS  # the shortest stretch without a trade that counts as a silence
_SLACK_MS = MINUTE_MS  # the most that a row lags behind the one before it
_APART_MS = DAY_MS  # first and last rows further than this from the others are wrong
_MOST_SEGMENTS = 100_000
_OFF_BOOK_IDS = 20  # matches off the book take ids, and day files leave them out: at most this many in a row
_OFF_BOOK_MS = 1_000


def misplaced(times: Ints, earliest: int, latest: int) -> Truths:
    """Rows whose time is impossible, or far from that of their neighbors.

    If most rows contradict each other they have no order, and none is wrong for it.
    """
    wrong: Truths = (times < earliest) | (times > latest)
    kept = np.flatnonzero(~wrong)
    if len(kept) and bool((np.diff(times[kept]) < -_SLACK_MS).any()):
        outside = _outside_of_order(times[kept])
        if int(outside.sum()) <= max(10, len(kept) // 10):
            wrong[kept[outside]] = True
            kept = kept[~outside]
    first, last = _alone(times[kept]), _alone(-times[kept][::-1])
    wrong[kept[:first]] = True
    wrong[kept[len(kept) - last :]] = True
    return wrong


def _outside_of_order(times: Ints) -> Truths:
    """The rows outside of the largest set that is in order."""
    cuts = np.flatnonzero(np.abs(np.diff(times)) > _SLACK_MS) + 1
    starts = np.concatenate(([0], cuts))
    outside: Truths = np.ones(len(times), np.bool_)
    if len(starts) > _MOST_SEGMENTS:
        return outside
    sizes = np.diff(np.concatenate((starts, [len(times)]))).tolist()
    lows = np.minimum.reduceat(times, starts).tolist()
    highs = (np.maximum.reduceat(times, starts) - _SLACK_MS).tolist()
    for segment in _heaviest_chain(lows, highs, sizes):
        start = int(starts[segment])
        outside[start : start + sizes[segment]] = False
    return outside


def _heaviest_chain(lows: list[int], highs: list[int], sizes: list[int]) -> list[int]:
    """The numbers of segments that follow each other (low not below the high before), with the most rows."""
    places = sorted(set(highs))
    best: list[tuple[int, int]] = [(0, -1)] * (len(places) + 1)  # a Fenwick tree of (rows, last segment)
    before: list[int] = []
    heaviest = 0, -1
    for segment, (low, high, size) in enumerate(zip(lows, highs, sizes, strict=True)):
        rows, last = 0, -1
        at = bisect_left(places, low + 1)
        while at:
            if best[at][0] > rows:
                rows, last = best[at]
            at -= at & -at
        before.append(last)
        found = rows + size, segment
        # Of two equals the later one, as the last row but one may be the wrong one.
        heaviest = max(found, heaviest, key=lambda each: each[0])
        at = bisect_left(places, high) + 1
        while at < len(best):
            if best[at][0] < found[0]:
                best[at] = found
            at += at & -at
    chain, segment = [], heaviest[1]
    while segment >= 0:
        chain.append(segment)
        segment = before[segment]
    return chain


def _alone(times: Ints) -> int:
    """How many of the first rows are isolated: a few, more than a day before all others."""
    most = max(1, len(times) // 100)
    if len(times) < most + 2:
        return 0
    apart = np.flatnonzero(np.diff(times[: most + 1]) > _APART_MS)
    return int(apart[-1]) + 1 if len(apart) else 0


def repeated_ids(ids: Ints) -> tuple[Ints, Ints]:
    """Of rows ordered by id: the first row of each id that comes again, and the rows that repeat it."""
    again = np.flatnonzero(ids[1:] == ids[:-1]) + 1
    return np.searchsorted(ids, ids[again]), again


def repeated_texts(texts: Texts) -> tuple[Ints, Ints]:
    """The same for rows that carry text ids, in any order. An empty id is none."""
    hashes = _hashes(texts)
    by_hash = np.argsort(hashes, kind="stable")
    suspects = np.flatnonzero(hashes[by_hash[1:]] == hashes[by_hash[:-1]])
    first, again = by_hash[suspects], by_hash[suspects + 1]
    same = (texts[again] == texts[first]) & (texts[again] != b"")
    first, again = first[same], again[same]
    order = np.argsort(again)
    return first[order], again[order]


def _hashes(texts: Texts) -> NDArray[np.uint64]:
    """A number for each text: sorting these is many times faster than sorting the texts."""
    width = max(1, -(-texts.dtype.itemsize // 8))
    words = np.ascontiguousarray(texts.astype(f"S{width * 8}")).view(np.uint64).reshape(len(texts), width)
    hashes = np.zeros(len(texts), np.uint64)
    for i in range(width):
        hashes = (hashes ^ words[:, i]) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return hashes


def missing_matches(ids: Ints, times: Ints, *, leaves_out: bool) -> list[tuple[int, int]]:
    """Stretches in which ids of single matches are missing: the times of the rows before and after.

    ``leaves_out``: the recording leaves out matches off the book, so that a few ids at once prove nothing.
    """
    lacks = ids[1:] - ids[:-1] - 1
    at = np.flatnonzero(lacks > 0)
    if leaves_out:
        few = (lacks[at] <= _OFF_BOOK_IDS) & (times[at + 1] - times[at] <= _OFF_BOOK_MS)
        at = at[~few]
    return _stretches(times, at)


def _stretches(times: Ints, at: Ints) -> list[tuple[int, int]]:
    pairs = zip(times[at].tolist(), times[at + 1].tolist(), strict=True)
    return [(min(pair), max(pair)) for pair in pairs]


def silences(recordings: list[Ints]) -> list[tuple[int, int]]:
    """Stretches of at least ``LONG_MS`` in which none of several recordings has a trade: (last, next)."""
    if not recordings:
        return []
    minutes = np.unique(np.concatenate([_minutes(times) for times in recordings]))
    found = []
    for at in np.flatnonzero(np.diff(minutes) * MINUTE_MS >= LONG_MS).tolist():
        before, after = int(minutes[at] + 1) * MINUTE_MS, int(minutes[at + 1]) * MINUTE_MS
        last = max(int(times[times < before].max(initial=0)) for times in recordings)
        following = [times[times >= after] for times in recordings]
        found.append((last, min(int(times.min()) for times in following if len(times))))
    return [(last, following) for last, following in found if following - last >= LONG_MS]


def _minutes(times: Ints) -> Ints:
    minutes = times // MINUTE_MS
    return np.unique(minutes[np.flatnonzero(np.diff(minutes, prepend=-1))])
