"""Contracts are listed, change their tick and lot, and stop trading while the market runs."""

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderflow_dash.simulator import SyntheticMarket
from orderflow_dash.simulator.binance.rest import BinanceRest
from orderflow_dash.simulator.bybit.rest import BybitRest
from orderflow_dash.simulator.market.source import Status
from orderflow_dash.simulator.market.terms import common_unit
from orderflow_dash.simulator.rest import Request
from tests.conftest import wait_until

START_MS = 1_790_000_000_000 - 1_790_000_000_000 % 3_600_000
MINUTE = 60_000
STEPS = ["0.0001", "0.001", "0.002", "0.01", "0.02", "0.05", "0.1", "0.25", "0.5", "1", "5"]


def rest(market):
    """Asks both venues' REST of a market that no exchange serves."""
    binance, bybit = BinanceRest(market), BybitRest(market)

    def ask(target):
        request = Request.parse(target)
        reply = bybit.answer(request) if target.startswith("/v5") else binance.answer(request, 0.0)
        return json.loads(reply.body)

    return ask


def exact(market, symbol):
    """Every print of a symbol as times, prices and quantities in decimals."""
    listing = market.find(symbol)
    price, quantity = listing.price.value, listing.quantity.value
    tape = market.tape(listing)
    return [(t.id, t.time, t.price * price, t.quantity * quantity) for t in tape.prints(0, len(tape))]


@settings(max_examples=12)
@given(
    st.lists(
        st.tuples(st.sampled_from([None, *STEPS]), st.sampled_from([None, *STEPS])), min_size=1, max_size=3
    )
)
def test_changes_keep_what_was_traded_and_hold_for_what_comes(changes):
    """Old prints keep their decimals, new ones are on the listed tick and lot; every sum stays exact."""
    market = SyntheticMarket(3, 1.0, START_MS)
    listing = market.find("SOLUSDT")
    now, known = START_MS, []
    for tick, lot in changes:
        market.change_contract("SOLUSDT", tick=tick, lot=lot)
        now += MINUTE // 2
        before = exact(market, "SOLUSDT")
        market.advance(now)  # the change takes place at its end
        assert exact(market, "SOLUSDT")[: len(before)] == before
        known = exact(market, "SOLUSDT")
        assert tick is None or listing.tick == Decimal(tick)
        assert lot is None or listing.lot == Decimal(lot)
        now += MINUTE // 2
        market.advance(now)
        fresh = exact(market, "SOLUSDT")[len(known) :]
        assert fresh
        assert all(p > 0 and p % listing.tick == 0 and abs(q) % listing.lot == 0 and q for *_, p, q in fresh)
    every = exact(market, "SOLUSDT")
    assert [row[0] for row in every] == list(range(every[0][0], every[0][0] + len(every)))
    rows = rest(market)("/fapi/v1/klines?symbol=SOLUSDT&interval=1m&limit=1500")
    rows = [row for row in rows if row[6] >= START_MS]
    assert sum(Decimal(row[5]) for row in rows) == sum(abs(q) for *_, q in every)
    assert sum(Decimal(row[7]) for row in rows) == sum(p * abs(q) for *_, p, q in every)


@given(st.sampled_from(STEPS), st.sampled_from(STEPS))
def test_the_common_unit_divides_both(one, other):
    """It is the largest such unit."""
    unit = common_unit(Decimal(one), Decimal(other))
    assert Decimal(one) % unit == Decimal(other) % unit == 0
    factors = [int(Decimal(value) / unit) for value in (one, other)]
    assert not any(factors[0] % n == factors[1] % n == 0 for n in range(2, max(factors) + 1))


def test_fills_of_a_coarser_lot_are_on_it():
    """Each match of a print is a multiple of the listed lot, and together they are the print."""
    market = SyntheticMarket(3, 1.0, START_MS)
    market.change_contract("BTCUSDT", lot="0.01")
    market.advance(START_MS)
    market.advance(START_MS + MINUTE)
    listing = market.find("BTCUSDT")
    tape = market.tape(listing)
    for trade in tape.prints(0, len(tape)):
        fills = [f for f in market.fills(listing, trade) if f.kind in ("MARKET", "RPI")]
        sizes = [Decimal(fill.quantity) for fill in fills]
        assert sum(sizes) == abs(trade.quantity) * listing.quantity.value
        assert all(size > 0 and size % Decimal("0.01") == 0 for size in sizes)
        rpi = sum(Decimal(fill.quantity) for fill in fills if fill.kind == "RPI")
        assert rpi == (abs(trade.quantity) - trade.without_rpi) * listing.quantity.value


def test_both_venues_list_the_change():
    """exchangeInfo and instruments-info have the new tick and lot, and the day's prices stay."""
    market = SyntheticMarket(3, 1.0, START_MS)
    ask = rest(market)
    before = ask("/fapi/v1/ticker/24hr?symbol=ETHUSDT")
    market.change_contract("ETHUSDT", tick="0.001", lot="0.0005")
    market.advance(START_MS)
    rows = {row["symbol"]: row for row in ask("/fapi/v1/exchangeInfo")["symbols"]}
    filters = {f["filterType"]: f for f in rows["ETHUSDT"]["filters"]}
    assert filters["PRICE_FILTER"]["tickSize"] == "0.001"
    assert filters["LOT_SIZE"]["stepSize"] == "0.0005"
    (row,) = ask("/v5/market/instruments-info?category=linear&symbol=ETHUSDT")["result"]["list"]
    assert row["priceFilter"]["tickSize"] == "0.001"
    assert row["lotSizeFilter"]["qtyStep"] == "0.0005"
    after = ask("/fapi/v1/ticker/24hr?symbol=ETHUSDT")
    for name in ("openPrice", "highPrice", "lowPrice", "volume", "quoteVolume"):
        assert Decimal(after[name]) == Decimal(before[name])


def test_a_new_contract_trades_from_its_listing_on():
    """It has no day before, and trades of its own price."""
    market = SyntheticMarket(3, 1.0, START_MS)
    market.advance(START_MS + MINUTE)
    market.list_contract("NEWUSDT", "1.250", "0.001", "1")
    market.advance(START_MS + MINUTE)
    ask = rest(market)
    assert ask("/fapi/v1/klines?symbol=NEWUSDT&interval=1h") == []
    market.advance(START_MS + 3 * MINUTE)
    trades = exact(market, "NEWUSDT")
    assert trades[0][1] >= START_MS + MINUTE
    assert all(abs(price - Decimal("1.25")) < Decimal("0.2") for _, _, price, _ in trades)
    (row,) = ask("/v5/market/instruments-info?category=linear&symbol=NEWUSDT")["result"]["list"]
    assert (row["status"], row["launchTime"]) == ("Trading", str(START_MS + MINUTE))


def test_no_print_of_a_contract_that_does_not_trade():
    """Prints stop with SETTLING, and go on with the next id when it trades again."""
    market = SyntheticMarket(3, 1.0, START_MS)
    market.advance(START_MS + MINUTE)
    market.set_status("BTCUSDT", Status.SETTLING)
    market.advance(START_MS + MINUTE)
    stopped = exact(market, "BTCUSDT")
    market.advance(START_MS + 3 * MINUTE)
    assert exact(market, "BTCUSDT") == stopped
    market.set_status("BTCUSDT", Status.TRADING)
    market.advance(START_MS + 3 * MINUTE)
    market.advance(START_MS + 4 * MINUTE)
    resumed = exact(market, "BTCUSDT")[len(stopped) :]
    assert resumed[0][0] == stopped[-1][0] + 1
    assert all(time >= START_MS + 3 * MINUTE for _, time, _, _ in resumed)


@pytest.mark.parametrize(
    ("status", "binance", "bybit"),
    [
        (Status.PENDING, "PENDING_TRADING", "PreLaunch"),
        (Status.PRE_MARKET, "PENDING_TRADING", "PreLaunch"),
        (Status.TRADING, "TRADING", "Trading"),
        (Status.SETTLING, "SETTLING", "Delivering"),
        (Status.CLOSED, "CLOSE", "Closed"),
    ],
)
def test_each_venue_has_its_own_word_for_a_status(status, binance, bybit):
    """exchangeInfo and instruments-info, which is asked for that status."""
    market = SyntheticMarket(3, 1.0, START_MS)
    market.set_status("XRPUSDT", status)
    market.advance(START_MS)
    ask = rest(market)
    rows = {row["symbol"]: row["status"] for row in ask("/fapi/v1/exchangeInfo")["symbols"]}
    assert rows["XRPUSDT"] == binance
    found = ask(f"/v5/market/instruments-info?category=linear&status={bybit}")["result"]["list"]
    assert "XRPUSDT" in {row["symbol"] for row in found}


def test_a_pre_market_contract_trades_on_bybit():
    """Its phase is continuous trading, and prints come."""
    market = SyntheticMarket(3, 1.0, START_MS)
    market.list_contract("EARLYUSDT", "2.00", "0.01", "1", status=Status.PRE_MARKET, rate=5)
    market.advance(START_MS)
    market.advance(START_MS + MINUTE)
    (row,) = rest(market)("/v5/market/instruments-info?category=linear&symbol=EARLYUSDT")["result"]["list"]
    assert row["preListingInfo"]["curAuctionPhase"] == "ContinuousTrading"
    assert exact(market, "EARLYUSDT")


def test_a_listed_symbol_is_not_listed_twice():
    """Nor is a price off the tick taken, nor an unknown symbol changed."""
    market = SyntheticMarket(3, 1.0, START_MS)
    with pytest.raises(ValueError, match="already listed"):
        market.list_contract("BTCUSDT", "1", "0.1", "1")
    with pytest.raises(ValueError, match="not a whole multiple"):
        market.list_contract("NEWUSDT", "1.05", "0.1", "1")
    with pytest.raises(KeyError):
        market.change_contract("NOPEUSDT", tick="1")
    with pytest.raises(ValueError, match="not a usable unit"):
        market.change_contract("BTCUSDT", tick="0")


def test_contract_info_announces_each_change(running, joined):
    """A listing, a tick, a lot and a status are each announced once, at once, in the venue's own fields."""
    market = SyntheticMarket(3, 1.0, START_MS)
    exchange = running(market)
    client = joined(exchange.ws_root + "/market/ws/!contractInfo")
    client.ask(method="LIST_SUBSCRIPTIONS", id=1)
    events = []
    for change in (
        lambda: market.list_contract("NEWUSDT", "1.0", "0.1", "1", status=Status.PENDING),
        lambda: market.set_status("NEWUSDT", Status.TRADING),
        lambda: market.change_contract("BTCUSDT", tick="0.01"),
        lambda: market.change_contract("BTCUSDT", lot="0.01"),
        lambda: market.set_status("BTCUSDT", Status.SETTLING),
    ):
        change()
        exchange.rouse()
        events.append(client.receive())
    assert [(event["s"], event["cs"]) for event in events] == [
        ("NEWUSDT", "PENDING_TRADING"),
        ("NEWUSDT", "TRADING"),
        ("BTCUSDT", "TRADING"),
        ("BTCUSDT", "TRADING"),
        ("BTCUSDT", "SETTLING"),
    ]
    assert list(events[0]) == ["e", "E", "s", "ps", "ct", "dt", "ot", "cs", "st"]
    assert client.silent()


def test_listeners_stay_while_contracts_change(running, joined):
    """A change cuts no connection: the stream goes on with the next id, a new symbol can be listened to."""
    market = SyntheticMarket(3, 5.0, START_MS)
    exchange = running(market)
    client = joined(exchange.ws_root + "/market/ws/btcusdt@aggTrade")
    bybit = joined(exchange.bybit_ws)
    ids = [client.receive()["a"]]
    market.change_contract("BTCUSDT", tick="0.01")
    market.list_contract("NEWUSDT", "1.0", "0.1", "1", rate=30)
    exchange.rouse()
    wait_until(lambda: any(x.symbol == "NEWUSDT" for x in market.listings))
    assert bybit.ask(op="subscribe", args=["publicTrade.NEWUSDT"])["success"]
    assert bybit.until(lambda f: "topic" in f)["data"][0]["s"] == "NEWUSDT"
    while True:
        frame = client.receive()
        ids.append(frame["a"])
        if len(frame["p"].partition(".")[2]) == 2 and frame["p"][-1] != "0":
            break
    assert ids == list(range(ids[0], ids[0] + len(ids)))


def test_a_closed_contract_has_no_topics(running, joined):
    """Bybit has no handler for what it closed."""
    market = SyntheticMarket(3, 1.0, START_MS)
    exchange = running(market)
    client = joined(exchange.bybit_ws)
    market.set_status("BTCUSDT", Status.CLOSED)
    exchange.rouse()
    wait_until(lambda: market.find("BTCUSDT").status is Status.CLOSED)
    assert "handler not found" in client.ask(op="subscribe", args=["publicTrade.BTCUSDT"])["ret_msg"]
