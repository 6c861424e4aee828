"""Liquidations are trades that print; Binance samples them and Bybit sends all."""

from collections import defaultdict
from decimal import Decimal

import pytest

from orderflow_dash.simulator import SyntheticMarket

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000
MINUTE = 60_000


@pytest.fixture(scope="module")
def forced():
    """Ten minutes of every liquidation, as the market knows them."""
    market = SyntheticMarket(5, 1.0, START_MS)
    return [e for e in market.advance(START_MS + 10 * MINUTE) if e.liquidation]


def test_the_same_seed_liquidates_the_same_trades(forced):
    """However the market is moved on, the same prints are liquidations."""
    market = SyntheticMarket(5, 1.0, START_MS)
    again = [e for step in range(600) for e in market.advance(START_MS + (step + 1) * 1_000) if e.liquidation]
    assert [(e.listing.symbol, e.trade) for e in again] == [(e.listing.symbol, e.trade) for e in forced]


def test_liquidations_are_rare_and_hit_both_sides(forced):
    """Some dozens in ten minutes, longs and shorts."""
    assert 20 < len(forced) < 600
    assert {e.trade.quantity > 0 for e in forced} == {True, False}


def known_trades(market, symbol):
    """What printed: by time, side and quantity text."""
    listing = market.find(symbol)
    tape = market.tape(listing)
    return {
        (t.time, t.quantity < 0, listing.quantity.text(abs(t.quantity))): listing.price.text(t.price)
        for t in tape.prints(0, len(tape))
    }


def test_binance_sends_the_largest_of_each_second(running, joined):
    """At most one a symbol and second, none larger is left out, and each printed as a trade."""
    market = SyntheticMarket(5, 40.0, START_MS)
    exchange = running(market)
    client = joined(exchange.ws_root + "/market/stream?streams=!forceOrder@arr/btcusdt@forceOrder")
    frames = client.take(40)
    orders = [f["data"]["o"] for f in frames if f["stream"] == "!forceOrder@arr"]
    own = [f["data"]["o"] for f in frames if f["stream"] == "btcusdt@forceOrder"]
    assert own
    assert all(order in orders for order in own[:-1])
    assert list(orders[0]) == ["s", "S", "o", "f", "q", "p", "ap", "X", "l", "z", "T", "ps", "st"]
    largest = defaultdict(int)
    emitted = SyntheticMarket(5, 1.0, START_MS).advance(orders[-1]["T"] + 1_100)
    for listing, trade in [(e.listing, e.trade) for e in emitted if e.liquidation]:
        second = listing.symbol, trade.time // 1_000
        largest[second] = max(largest[second], abs(trade.quantity))
    seconds = [(order["s"], order["T"] // 1_000) for order in orders]
    assert len(seconds) == len(set(seconds))
    for order, second in zip(orders, seconds, strict=True):
        assert order["q"] == market.find(order["s"]).quantity.text(largest[second])
        printed = known_trades(market, order["s"])[order["T"], order["S"] == "SELL", order["q"]]
        assert order["ap"] == printed
        beyond = Decimal(order["p"]) - Decimal(order["ap"])
        assert beyond < 0 if order["S"] == "SELL" else beyond > 0


def test_bybit_sends_every_liquidation_by_the_position_side(running, joined):
    """Batches hold all of them in order; Buy is a long that was sold."""
    market = SyntheticMarket(5, 40.0, START_MS)
    exchange = running(market)
    client = joined(exchange.bybit_ws)
    assert client.ask(op="subscribe", args=["allLiquidation.BTCUSDT"])["success"]
    rows = []
    while len(rows) < 12:
        frame = client.until(lambda f: f.get("topic") == "allLiquidation.BTCUSDT")
        assert frame["type"] == "snapshot"
        rows += frame["data"]
    twin = SyntheticMarket(5, 1.0, START_MS).advance(rows[-1]["T"] + 100)
    wanted = [e.trade for e in twin if e.liquidation and e.listing.symbol == "BTCUSDT"]
    wanted = [t for t in wanted if rows[0]["T"] <= t.time <= rows[-1]["T"]]
    listing = market.find("BTCUSDT")
    received = [(row["T"], row["S"], row["v"]) for row in rows]
    assert (
        received
        == [
            (t.time, "Buy" if t.quantity < 0 else "Sell", listing.quantity.text(abs(t.quantity)))
            for t in wanted
        ][: len(received)]
    )
    assert list(rows[0]) == ["T", "s", "S", "v", "p"]
