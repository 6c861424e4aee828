"""The invented market repeats by seed and looks like a market."""

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_dash.market import MINUTE_MS
from orderflow_dash.simulator import SyntheticMarket

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000


def emitted(seed, milliseconds, speed=1.0, steps=(1,)):
    market = SyntheticMarket(seed, speed, START_MS)
    at, made = 0, []
    rhythm = itertools.cycle(steps)
    while at < milliseconds:
        at += next(rhythm) * 1_000
        made += market.advance(START_MS + min(at, milliseconds))
    return [(e.listing.symbol, e.event_ms, e.trade) for e in made]


@settings(max_examples=10, deadline=None)
@given(st.lists(st.integers(1, 40), min_size=1, max_size=5), st.floats(0.1, 1000))
def test_the_trades_are_a_function_of_the_seed_alone(steps, speed):
    """Neither speed nor the rhythm of polling changes a trade."""
    assert emitted(3, 30_000, speed, steps) == emitted(3, 30_000)


def test_another_seed_is_another_market():
    """Two seeds share no sequence of trades."""
    assert emitted(1, 20_000) != emitted(2, 20_000)


def test_history_equals_a_market_that_started_earlier():
    """A market with history has the trades of a market that started at that time."""
    late = SyntheticMarket(5, 1.0, START_MS + 60_000, history_ms=60_000)
    early = SyntheticMarket(5, 1.0, START_MS)
    early.advance(START_MS + 60_000 - 1)
    for listing in early.listings:
        there = late.tape(late.find(listing.symbol))
        assert there.prints(0, 10**6) == early.tape(listing).prints(0, 10**6)


def test_ids_are_contiguous_and_times_and_events_ascend():
    """Aggregate ids have no hole; match ids ascend; an event is at most 100 ms after its trade."""
    last, holes = {}, 0
    for symbol, event, trade in emitted(1, 300_000):
        before = last.get(symbol)
        if before:
            assert trade.id == before[1].id + 1
            assert trade.time >= before[1].time
            assert event >= before[0]
            holes += trade.first != before[1].last + 1
            assert trade.first > before[1].last
        assert trade.last >= trade.first
        assert 0 <= trade.without_rpi <= abs(trade.quantity)
        assert trade.quantity
        assert trade.price > 0
        assert 0 <= event - trade.time <= 100
        last[symbol] = event, trade
    assert holes > 0
    assert any(True for s, _, t in emitted(1, 60_000) if 0 < t.without_rpi < abs(t.quantity))


def test_symbols_span_prices_and_paces():
    """At least twelve perpetuals, from rare and tiny to busy and dear."""
    market = SyntheticMarket(1, 1.0, START_MS)
    made = market.advance(START_MS + 600_000)
    counts = Counter(e.listing.symbol for e in made)
    assert len(market.listings) >= 12
    assert 15 <= counts["BTCUSDT"] / 600 <= 45
    assert counts["BABYDOGEUSDT"] < 120
    ticks = {str(x.price.value) for x in market.listings}
    assert {"0.1", "0.05"} <= ticks
    prices = [float(market.find(s).price.text(market.day(market.find(s)).last)) for s in counts]
    assert min(prices) < 0.0001
    assert max(prices) > 90_000


def test_the_flow_has_bursts_one_sided_minutes_and_divergence():
    """BTCUSDT shows clusters, minutes of one-sided flow, and moves against the delta."""
    market = SyntheticMarket(1, 1.0, START_MS)
    trades = [e.trade for e in market.advance(START_MS + 1_800_000) if e.listing.symbol == "BTCUSDT"]
    seconds = Counter(t.time // 1000 for t in trades)
    mean = len(trades) / 1800
    variance = sum((seconds[START_MS // 1000 + i] - mean) ** 2 for i in range(1800)) / 1800
    assert variance > 4 * mean  # a Poisson flow has 1
    minutes = list(market.tape(market.find("BTCUSDT")).minutes(START_MS, START_MS + 29 * MINUTE_MS))
    deltas = [(2 * m.buy_volume - m.volume) / m.volume for m in minutes]
    assert max(abs(d) for d in deltas) > 0.3
    against = [
        m for m, d in zip(minutes, deltas, strict=True) if d * (m.close - m.open) < 0 and abs(d) > 0.05
    ]
    assert against
    prices = [t.price for t in trades]
    assert 0.9 < min(prices) / max(prices) < 0.9995


def test_minutes_are_the_sums_of_the_trades():
    """Every minute candle equals what its trades add up to."""
    market = SyntheticMarket(4, 1.0, START_MS)
    trades = [e.trade for e in market.advance(START_MS + 300_000) if e.listing.symbol == "ETHUSDT"]
    for candle in market.tape(market.find("ETHUSDT")).minutes(START_MS, START_MS + 240_000):
        mine = [t for t in trades if t.time - t.time % MINUTE_MS == candle.start]
        assert candle.open == mine[0].price
        assert candle.close == mine[-1].price
        assert candle.high == max(t.price for t in mine)
        assert candle.low == min(t.price for t in mine)
        assert candle.volume == sum(abs(t.quantity) for t in mine)
        assert candle.buy_volume == sum(t.quantity for t in mine if t.quantity > 0)
        assert candle.turnover == sum(abs(t.quantity) * t.price for t in mine)
        assert candle.matches == sum(t.last - t.first + 1 for t in mine)


def test_fills_add_up_to_their_print():
    """The matches of a print have its price, side, ids and total; RPI is what ``nq`` leaves out."""
    market = SyntheticMarket(1, 1.0, START_MS)
    kinds = Counter()
    for e in market.advance(START_MS + 300_000):
        unit, fills = e.listing.quantity, market.fills(e.listing, e.trade)
        kinds.update(f.kind for f in fills)
        inside = [f for f in fills if f.kind in ("MARKET", "RPI")]
        assert [f.id for f in inside] == list(range(e.trade.first, e.trade.last + 1))
        assert sum(unit.units(f.quantity) for f in inside) == abs(e.trade.quantity)
        assert sum(unit.units(f.quantity) for f in inside if f.kind == "MARKET") == e.trade.without_rpi
        assert {f.price for f in inside} == {e.listing.price.text(e.trade.price)}
    assert set(kinds) == {"MARKET", "RPI", "INSURANCE_FUND", "ADL", "NA"}


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan")])
def test_a_speed_without_sense_is_refused(speed):
    """Speed must be above 0 and finite."""
    with pytest.raises(ValueError, match="speed"):
        SyntheticMarket(1, speed)
