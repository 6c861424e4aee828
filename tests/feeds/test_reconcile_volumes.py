"""Reconciliation where klines may leave RPI fills out, and on a venue with one volume."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import orjson

from orderflow_dash.feeds.klines import REQUESTS_TO_LEARN
from orderflow_dash.feeds.reconcile import Reconciler
from orderflow_dash.feeds.venues.bybit import BybitKlines
from orderflow_dash.market import Kline, Venue
from tests.feeds.reconcile_bench import INSTRUMENT, POLICY, Bench, open_of, trades


def rpi(kline: Kline, plain: int, number: int = 1) -> list[dict[str, object]]:
    """Aggregate trades of a minute whose volumes sum to the kline's with RPI fills, and less without."""
    lots = INSTRUMENT.grid.quantity.text
    sold = kline.volume - (kline.buy_volume or 0)
    return [
        {"a": number, "q": lots(kline.buy_volume or 0), "nq": lots(plain), "m": False, "T": kline.open_ts},
        {"a": number + 1, "q": lots(sold), "nq": lots(sold), "m": True, "T": kline.open_ts + 5},
    ]


def test_klines_that_count_rpi_fills_are_known_as_such(bench):
    """A verified minute whose two volumes differ shows that klines sum q."""
    largest = bench.rest.klines[open_of(1)]
    bench.rest.volumes = rpi(largest, plain=1)
    assert bench.reconciler.health()["basis"] == "unknown"
    bench.pass_time(5)
    assert bench.reconciler.health()["basis"] == "q"
    assert bench.rest.asked.count("/fapi/v1/aggTrades") == 1


def test_a_minute_without_rpi_fills_shows_no_basis(bench):
    """The basis stays unknown, and the next attempt comes only later."""
    bench.rest.volumes = rpi(bench.rest.klines[open_of(1)], plain=bench.rest.klines[open_of(1)].buy_volume)
    bench.pass_time(5)
    assert bench.reconciler.health()["basis"] == "unknown"
    bench.series.apply(trades(range(6, 9)))
    bench.serve()
    bench.pass_time(20)
    assert bench.rest.asked.count("/fapi/v1/aggTrades") == 1


def test_klines_without_rpi_fills_are_not_a_difference(bench):
    """Where nq matches, the basis is known and the minutes are unverifiable instead of different."""
    whole = bench.rest.klines[open_of(2)]
    bench.rest.volumes = rpi(whole, plain=whole.buy_volume - 2)
    bench.rest.klines[open_of(2)] = replace(
        whole, volume=whole.volume - 2, buy_volume=whole.buy_volume - 2, high=whole.high - 1, close=whole.low
    )
    seen = set()
    for _ in range(40):
        bench.pass_time(2)
        seen.add(bench.verified()[2])
    assert bench.reconciler.health()["basis"] == "nq"
    assert seen == {None}
    assert bench.verified() == [None, True, None, True, True, None]
    assert bench.counts() == (3, 0, 2)


def test_less_volume_differs_unless_rpi_fills_explain_it(bench):
    """The minute's single trades were requested, and their q does not match either."""
    whole = bench.rest.klines[open_of(2)]
    bench.rest.volumes = rpi(whole, plain=whole.buy_volume)
    bench.rest.klines[open_of(2)] = replace(whole, volume=whole.volume - 1)
    bench.pass_time(100)
    assert bench.verified()[2] is False


def test_learning_has_a_bound(bench):
    """A minute with too many trades is given up after some pages."""
    lots = {"q": "1", "nq": "0.5", "m": True, "T": open_of(1)}
    bench.rest.volumes = [{"a": number, **lots} for number in range(1000 * REQUESTS_TO_LEARN + 5)]
    bench.source.learn_basis(INSTRUMENT, bench.rest.klines[open_of(1)])
    assert bench.source.basis == "unknown"
    assert len(bench.rest.asked) == REQUESTS_TO_LEARN


def test_bybit_knows_one_volume_and_asks_with_the_minute_before():
    """It has no basis, and an open that equals the close before does not differ."""
    asked = []

    class BybitRest:
        def get(self, path, params):
            asked.append(path)
            rows = [
                [str(k.open_ts), *(INSTRUMENT.grid.price.text(p) for p in (k.open, k.high, k.low, k.close)),
                 INSTRUMENT.grid.quantity.text(k.volume), "0"]
                for k in klines if params["start"] <= k.open_ts <= params["end"]
            ]  # fmt: skip
            return orjson.dumps({"retCode": 0, "result": {"symbol": "BTCUSDT", "list": rows[::-1]}})

    bench = Bench()
    served = list(bench.rest.klines.values())
    # As on the venue: each opens at the close before.
    klines = [served[0]] + [
        replace(k, open=b.close, high=max(k.high, b.close), low=min(k.low, b.close))
        for b, k in pairwise(served)
    ]
    assert all(k.open != s.open for k, s in zip(klines[1:], served[1:], strict=True))
    source = BybitKlines(BybitRest())  # type: ignore[arg-type]
    bench.reconciler = Reconciler(Venue.BYBIT, source, POLICY)
    bench.pass_time(20)
    assert bench.verified() == [None, True, True, True, True, None]
    assert bench.reconciler.health()["basis"] is None
    assert asked == ["/v5/market/kline"]
