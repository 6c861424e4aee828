"""A real series, a venue whose klines a test sets, and the reconciler of both, turn by turn."""

from __future__ import annotations

import threading
from dataclasses import replace
from decimal import Decimal

import orjson

from orderflow_dash.exchanges.binance.rest import KLINES_PATH
from orderflow_dash.feeds.reconcile import ReconcilePolicy, Reconciler
from orderflow_dash.feeds.venues.binance import BinanceKlines
from orderflow_dash.footprint.series import Series
from orderflow_dash.live.closed_minutes import ClosedMinutes
from orderflow_dash.market import MINUTE_MS, Instrument, Kline, Venue

START = 1_790_000_040_000 // MINUTE_MS * MINUTE_MS
INSTRUMENT = Instrument(Venue.BINANCE, "BTCUSDT", "BTC", "USDT", Decimal("0.1"), Decimal("0.001"))
POLICY = ReconcilePolicy(every=10, settle=3, learn_every=60)


def trades(minutes: range, each: int = 3) -> list[tuple[int, int, int, int]]:
    """Some trades in each minute, bought and sold, in the venue's order."""
    return [
        (START + minute * MINUTE_MS + 1000 * number, 100 * minute + number, 1000 + number, 5 - 3 * number)
        for minute in minutes
        for number in range(each)
    ]


class Rest:
    """A venue that serves klines and aggregate trades from dicts, or fails."""

    def __init__(self) -> None:
        self.klines: dict[int, Kline] = {}
        self.volumes: list[dict[str, object]] = []
        self.failure: Exception | None = None
        self.body: bytes | None = None
        self.weight = 0
        self.asked: list[str] = []
        self.ranges: list[tuple[int, int]] = []

    def used_weight(self) -> int:
        return self.weight

    def get(self, path: str, params: dict[str, int]) -> bytes:
        self.asked.append(path)
        if self.failure is not None:
            raise self.failure
        if path.endswith("aggTrades"):
            first = params.get("fromId", 0)
            found = [row for row in self.volumes if row["a"] >= first]
            return orjson.dumps(found[: params["limit"]])
        if self.body is not None:
            return self.body
        self.ranges.append((params["startTime"], params["endTime"]))
        return orjson.dumps([row(kline) for kline in self.klines.values() if self._covers(params, kline)])

    @staticmethod
    def _covers(params: dict[str, int], kline: Kline) -> bool:
        return params["startTime"] <= kline.open_ts <= params["endTime"]


def row(kline: Kline) -> list[object]:
    """A kline as Binance sends it."""
    price, lots = INSTRUMENT.grid.price.text, INSTRUMENT.grid.quantity.text
    prices = [price(figure) for figure in (kline.open, kline.high, kline.low, kline.close)]
    ends = [lots(kline.volume), 0, "0", 5, lots(kline.buy_volume or 0), "0", "0"]
    return [kline.open_ts, *prices, *ends]


class Bench:
    """A series whose first minute is partial, and its reconciler on a clock that the test moves."""

    def __init__(self, minutes: int = 6) -> None:
        self.series = Series(window=2_000, grid=INSTRUMENT.grid)
        self.book = ClosedMinutes(INSTRUMENT, threading.Lock(), self.series)
        self.rest = Rest()
        self.source = BinanceKlines(self.rest)  # type: ignore[arg-type]
        self.reconciler = Reconciler(Venue.BINANCE, self.source, POLICY)
        self.now = 1000.0
        self.wall = START
        self.series.apply(trades(range(minutes)))
        self.serve()

    def serve(self) -> None:
        """The venue has the same trades, and one more in the first minute."""
        self.rest.klines = {minute.open_ts: minute.kline(INSTRUMENT.grid) for minute in self.series.minutes()}
        first = self.rest.klines[START]
        self.rest.klines[START] = replace(first, volume=first.volume + 1)

    def pass_time(self, seconds: float) -> int:
        """Turns while time passes; how many requests for klines were made."""
        before = self.rest.asked.count(KLINES_PATH)
        for _ in range(int(seconds * 4)):
            self.now += 0.25
            self.reconciler.turn([self.book], self.now, self.wall)
        return self.rest.asked.count(KLINES_PATH) - before

    def verified(self) -> list[bool | None]:
        """Of every minute, old to new."""
        return [minute.verified for minute in self.series.minutes()]

    def counts(self) -> tuple[object, ...]:
        """Verified, differing, unverifiable."""
        health = self.reconciler.health()
        return health["verified"], health["differing"], health["unverifiable"]


def open_of(minute: int) -> int:
    """Open of a minute, ms."""
    return START + minute * MINUTE_MS
