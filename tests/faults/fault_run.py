"""A seeded run of every fault that a venue shows, and the conditions that must hold after it.

The run uses only the app's socket, so that it works with an app in this process and in another.
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
_START_MS = 1_790_000_040_000  # the start of a minute; any would do
_HISTORY_MS = 5 * _MINUTE_MS
_LOST_WHILE_REFUSED = 300  # trades
_PATIENCE_S = 45.0


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault, on both venues at once.

    ``size``: the closing code (cut), seconds (stall, hush, restart), trades (drop), messages (repeat,
    reorder) or the HTTP status (refuse); none of garbage.
    """

    at: float  # s after the start of the run
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
    """``count`` faults over ``seconds``, in shuffled rounds of every kind; the same for the same seed."""
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
    """The minutes of ``market(seed)`` before a time, including those that the exchange no longer keeps.

    They come from a second market of the same seed, whose trades do not depend on its listeners.
    """
    twin = SyntheticMarket(seed, 1, _START_MS - _HISTORY_MS)
    listing = twin.find(SYMBOL)
    emitted = (each for each in twin.advance(until_ms + 1_000) if each.listing is listing)
    return minutes_of(listing, (each.trade for each in emitted if each.trade.time < until_ms))


class FaultRun:
    """Injects a plan into an exchange and reads the app's sockets, with one reader per venue."""

    def __init__(self, exchange: SimulatedExchange, readers: dict[str, CandleReader]) -> None:
        self.exchange = exchange
        self.readers = readers
        self.injected: list[Fault] = []
        self._actions: list[tuple[float, Callable[[], None]]] = []

    def run(self, faults: list[Fault], seconds: float) -> int:
        """Injects all faults over at least ``seconds``; the open (ms) of the last minute that they touch."""
        start = time.monotonic()
        self._actions = [(start + fault.at, lambda fault=fault: self._inject(fault)) for fault in faults]
        while self._actions or time.monotonic() < start + seconds:
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
        for reader in self.readers.values():
            reader.read(0.02)

    def follow(self, condition: Callable[[], object], what: str) -> None:
        """Reads the sockets until a condition holds."""
        wait_until(lambda: (self.read(), condition())[1], _PATIENCE_S, what)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._actions.append((time.monotonic() + seconds, act))

    def _inject(self, fault: Fault) -> None:
        self.injected.append(fault)
        handlers: dict[str, Callable[[int | float], None]] = {
            "cut": self._cut,
            "drop": self._drop,
            "garbage": self._garbage,
            "hush": self._hush,
            "refuse": self._refuse,
            "reorder": self._reorder,
            "repeat": self._repeat,
            "restart": self._restart,
            "stall": self._stall,
        }
        handlers[fault.kind](fault.size)

    def _cut(self, code: float) -> None:
        self.exchange.faults.close(None, int(code))

    def _stall(self, seconds: float) -> None:
        """Stops all data, so that the connection looks dead."""
        self.exchange.faults.stall()
        self._later(seconds, lambda: self.exchange.faults.clear("stall"))

    def _hush(self, seconds: float) -> None:
        """Stops one topic of a live connection."""
        for stream in STREAMS.values():
            self.exchange.faults.stall(stream)
        self._later(seconds, lambda: self.exchange.faults.clear("stall"))

    def _refuse(self, status: float) -> None:
        """Rejects REST while trades are lost, so that the app has something to fetch."""
        self.exchange.faults.http(int(status), retry_after=1, n=3)
        self._drop(_LOST_WHILE_REFUSED)

    def _restart(self, seconds: float) -> None:
        self.exchange.stop()
        self._later(seconds, lambda: self.exchange.start())

    def _drop(self, trades: float) -> None:
        for stream in STREAMS.values():
            self.exchange.faults.drop(int(trades), stream)

    def _repeat(self, messages: float) -> None:
        for stream in STREAMS.values():
            self.exchange.faults.repeat(int(messages), stream)

    def _reorder(self, messages: float) -> None:
        for stream in STREAMS.values():
            self.exchange.faults.reorder(int(messages), stream)

    def _garbage(self, _: float) -> None:
        for stream in STREAMS.values():
            self.exchange.faults.garbage(stream)


def closed(reader: CandleReader, end: int) -> list[dict[str, Any]]:
    """The closed candles up to the one that opens at ``end`` (ms), old to new."""
    return [reader.candles[ts] for ts in sorted(reader.candles) if ts <= end and reader.candles[ts]["closed"]]


def is_settled(venue: str, reader: CandleReader, end: int) -> bool:
    """Whether every minute up to ``end`` is in its final state: verified.

    On Bybit, which returns few past trades, it may be marked instead, and the first one be partial.
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
    """Compares every closed candle up to ``end`` with the truth; counts them by result.

    A candle that is neither equal to the last digit nor marked (``gap``, or ``partial`` at the start)
    fails. So does a missing minute without a mark on the candle after it; the candle before it is complete
    if the app went down at its end.
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
        where = f"{lost} lost before {after['open_ts']}: {before['quality']}, {after['quality']}"
        assert not lost or after["quality"] == "gap", where
    last = candles[-1]["open_ts"]
    following = min(open_ts for open_ts in reader.candles if open_ts > last)
    assert last == end or reader.candles[following]["quality"] == "gap", (
        f"lost between {last} and {following}"
    )
    return counts


def report(run: FaultRun, counts: dict[str, Counter[str]], repaired: dict[str, int], seconds: float) -> str:
    """The injected faults and their outcome, as lines of text."""
    kinds = Counter(fault.kind for fault in run.injected)
    injected = ", ".join(f"{kind} {number}" for kind, number in kinds.items())
    lines = [f"{len(run.injected)} faults in {seconds:.0f} s on both venues: {injected}"]
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
