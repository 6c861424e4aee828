"""A seeded run of everything that goes wrong with a venue, and what must hold when it is over.

The run knows the app by its socket alone, so that it serves an app in this process and one in another.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.conftest import wait_until
from tests.faults.candles import CandleReader, Truth, assert_consistent, assert_equals_truth, minutes_of

SYMBOL: Final = "BTCUSDT"
STREAMS: Final = {"binance": "btcusdt@aggTrade", "bybit": "publicTrade.BTCUSDT"}
MOST_LOST: Final = 5_000

_MINUTE_MS = 60_000
_START_MS = 1_790_000_040_000  # the begin of a minute; any would do
_HISTORY_MS = 5 * _MINUTE_MS
_LOST_MEANWHILE = 300  # trades, while REST is refused
_PATIENCE_S = 45.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, on both venues at once.

    ``size``: the closing code (cut), seconds (stall, hush, restart), trades (drop), messages (repeat,
    reorder) or the HTTP status (refuse); none of garbage.
    """

    at: float  # s after the begin of the run
    kind: str
    size: int | float


_SIZES: Final[dict[str, list[int | float]]] = {
    "drop": [1, MOST_LOST, 70, 1_200],
    "cut": [1006, 1001],
    "stall": [2.5],
    "hush": [0.5, 1.0],
    "repeat": [200],
    "reorder": [50],
    "garbage": [0],
    "refuse": [429, 418],
    "restart": [0.5, 2.0],
}

KINDS: Final = ("drop", "cut", "repeat", "refuse", "stall", "reorder", "restart", "drop", "garbage", "hush")
"""One round of faults: every kind, and the loss of trades twice, of one trade and of the most."""


def plan(seed: int, count: int, seconds: float) -> list[Fault]:
    """So many faults over so many seconds, in shuffled rounds of every kind; the same for the same seed."""
    chance = random.Random(seed)
    seen: Counter[str] = Counter()
    kinds: list[str] = []
    while len(kinds) < count:
        kinds += chance.sample(KINDS, len(KINDS))
    faults = []
    for number, kind in enumerate(kinds[:count]):
        sizes = _SIZES[kind]
        size = sizes[seen[kind] % len(sizes)]
        seen[kind] += 1
        faults.append(Fault((number + chance.uniform(0.1, 0.9)) * seconds / count, kind, size))
    return faults


def market(seed: int, speed: float) -> SyntheticMarket:
    """A market that traded for five minutes before it opened; its trades depend on the seed alone."""
    return SyntheticMarket(seed, speed, _START_MS, history_ms=_HISTORY_MS)


def whole_truth(seed: int, until_ms: int) -> Truth:
    """The minutes of ``market(seed)`` before a time, those that the exchange has long forgotten too.

    A second market of the same seed tells them, for its trades do not depend on who listens or when.
    """
    twin = SyntheticMarket(seed, 1, _START_MS - _HISTORY_MS)
    listing = twin.find(SYMBOL)
    emitted = (each for each in twin.advance(until_ms + 1_000) if each.listing is listing)
    return minutes_of(listing, (each.trade for each in emitted if each.trade.time < until_ms))


class FaultRun:
    """Injects a plan into an exchange while it follows the app's sockets, one reader by venue."""

    def __init__(self, exchange: SimulatedExchange, readers: dict[str, CandleReader]) -> None:
        self.exchange = exchange
        self.readers = readers
        self.injected: list[Fault] = []
        self._actions: list[tuple[float, Callable[[], None]]] = []

    def run(self, faults: list[Fault], seconds: float) -> int:
        """Inject all, in so many seconds at least; the open (ms) of the last minute that they touch."""
        begun = time.monotonic()
        self._actions = [(begun + fault.at, lambda fault=fault: self._inject(fault)) for fault in faults]
        while self._actions or time.monotonic() < begun + seconds:
            self.read()
            now = time.monotonic()
            due = [action for action in self._actions if action[0] <= now]
            self._actions = [action for action in self._actions if action[0] > now]
            for _, act in sorted(due, key=lambda action: action[0]):
                act()
        self.exchange.faults.clear("http")
        self.follow(lambda: self.exchange.faults.idle, "every fault was carried out")
        now_ms = self.exchange.source.now()
        return now_ms - now_ms % _MINUTE_MS

    def read(self) -> None:
        """Take what the sockets tell."""
        for reader in self.readers.values():
            reader.read(0.02)

    def follow(self, condition: Callable[[], object], what: str) -> None:
        """Follow the sockets until a condition holds."""
        wait_until(lambda: (self.read(), condition())[1], _PATIENCE_S, what)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._actions.append((time.monotonic() + seconds, act))

    def _inject(self, fault: Fault) -> None:
        self.injected.append(fault)
        faults, size = self.exchange.faults, fault.size
        if fault.kind == "cut":
            faults.close(None, int(size))
        elif fault.kind == "stall":  # of everything: the connection looks dead
            faults.stall()
            self._later(size, lambda: faults.clear("stall"))
        elif fault.kind == "refuse":
            faults.http(int(size), retry_after=1, n=3)
        elif fault.kind == "restart":
            self.exchange.stop()
            self._later(size, lambda: self.exchange.start())
        for stream in STREAMS.values():
            if fault.kind == "hush":  # of one topic, on a connection that lives
                faults.stall(stream)
                self._later(size, lambda: faults.clear("stall"))
            elif fault.kind == "drop":
                faults.drop(int(size), stream)
            elif fault.kind == "refuse":  # which matters to who has something to fetch
                faults.drop(_LOST_MEANWHILE, stream)
            elif fault.kind == "repeat":
                faults.repeat(int(size), stream)
            elif fault.kind == "reorder":
                faults.reorder(int(size), stream)
            elif fault.kind == "garbage":
                faults.garbage(stream)


def closed(reader: CandleReader, end: int) -> list[dict[str, Any]]:
    """The closed candles up to the one that opens at ``end`` (ms), old to new."""
    return [reader.candles[ts] for ts in sorted(reader.candles) if ts <= end and reader.candles[ts]["closed"]]


def is_settled(venue: str, reader: CandleReader, end: int) -> bool:
    """Whether every minute up to ``end`` is what it ends as: verified.

    On Bybit, which tells little of the past, it may be marked instead, and the first one be partial.
    """
    candles = closed(reader, end)
    if not candles or max(reader.candles) <= end:
        return False
    proved = [candle["verified"] is True for candle in candles]
    if venue == "binance":
        proved.append(candles[-1]["open_ts"] == end)
    if venue == "bybit":
        proved = [is_true or each["quality"] == "gap" for is_true, each in zip(proved, candles, strict=True)]
        proved[0] |= candles[0]["quality"] == "partial"
    return all(proved)


def compare(reader: CandleReader, minutes: Truth, end: int) -> Counter[str]:
    """Hold every closed candle up to ``end`` against the truth; counts of what they are.

    A candle that is neither equal to the last digit nor marked (``gap``, or ``partial`` at the very
    begin) fails, and so does a minute that is not there and no mark on the candle after it. The one before
    is whole where the app was away from its end on.
    """
    candles = closed(reader, end)
    assert_consistent(candles)
    counts: Counter[str] = Counter()
    for at, candle in enumerate(candles):
        quality = candle["quality"]
        counts["minutes"] += 1
        counts[quality] += 1
        counts["verified"] += candle["verified"] is True
        if quality == "gap" or (quality == "partial" and not at):
            continue
        assert_equals_truth(candle, minutes[candle["open_ts"]])
        counts["equal"] += 1
    for before, after in pairwise(candles):
        lost = sum(before["open_ts"] < open_ts < after["open_ts"] for open_ts in minutes)
        counts["absent"] += lost
        told = f"{lost} lost before {after['open_ts']}: {before['quality']}, {after['quality']}"
        assert not lost or after["quality"] == "gap", told
    last = candles[-1]["open_ts"]
    following = min(open_ts for open_ts in reader.candles if open_ts > last)
    assert last == end or reader.candles[following]["quality"] == "gap", (
        f"lost between {last} and {following}"
    )
    return counts


def report(run: FaultRun, counts: dict[str, Counter[str]], repaired: dict[str, int], seconds: float) -> str:
    """What was done and what came of it, in plain lines."""
    kinds = Counter(fault.kind for fault in run.injected)
    told = ", ".join(f"{kind} {number}" for kind, number in kinds.items())
    lines = [f"{len(run.injected)} faults in {seconds:.0f} s on both venues: {told}"]
    for venue, count in counts.items():
        lines.append(
            f"{venue}: {count['minutes']} minutes compared, {count['equal']} equal,"
            f" {count['verified']} verified, {count['gap']} marked gap,"
            f" {count['absent']} lost whole between marked ones,"
            f" {repaired[venue]} trades repaired"
        )
    done = run.exchange.faults.counts
    lines.append("done by the exchange: " + ", ".join(f"{name} {done[name]}" for name in sorted(done)))
    return "\n".join(lines)
