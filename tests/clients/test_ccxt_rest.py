"""ccxt reads the simulated venues over REST as it reads the real ones."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import ccxt
import pytest

from tests.clients.addresses import lead

BTC = "BTC/USDT:USDT"
TIMEFRAMES = ("1m", "3m", "5m", "15m", "30m", "1h", "2h", "4h", "6h", "12h", "1d")


@pytest.fixture(scope="module", params=["binanceusdm", "bybit"])
def client(request, exchange):
    client = lead(getattr(ccxt, request.param)(), exchange)
    client.load_markets()
    return client


def test_the_plain_name_is_the_perpetual(client):
    """BTC/USDT:USDT is the swap; the dated future has its delivery in its name."""
    assert client.market(BTC)["id"] == "BTCUSDT"
    assert client.market(BTC)["swap"]
    dated = [market for market in client.markets.values() if market["future"]]
    assert dated
    assert all(market["expiry"] > client.fetch_time() for market in dated)


def test_instruments_have_the_listed_tick_and_lot(client, exchange):
    """precision is the tick and the lot of the market."""
    for listing in exchange.source.listings:
        precision = client.market(f"{listing.base}/USDT:USDT")["precision"]
        assert Decimal(str(precision["price"])) == listing.tick
        assert Decimal(str(precision["amount"])) == listing.lot


def test_trades_are_parsed(client):
    """fetchTrades gives trades in order, with side and amount."""
    trades = client.fetch_trades(BTC, limit=100)
    assert len(trades) == 100
    assert [trade["timestamp"] for trade in trades] == sorted(trade["timestamp"] for trade in trades)
    assert {trade["side"] for trade in trades} == {"buy", "sell"}


@pytest.mark.parametrize("timeframe", TIMEFRAMES)
def test_candles_come_in_every_timeframe(client, timeframe):
    """fetchOHLCV gives neighboring candles; a wide one has the volume of the minutes in it."""
    length = client.parse_timeframe(timeframe) * 1000
    rows = client.fetch_ohlcv(BTC, timeframe, limit=3)
    starts = [row[0] for row in rows]
    assert starts == list(range(starts[0], starts[0] + len(rows) * length, length))
    for start, opening, high, low, close, volume in rows:
        assert start % length == 0
        assert low <= min(opening, close) <= max(opening, close) <= high
        assert volume >= 0


def test_candles_since_a_time_start_there(client):
    """fetchOHLCV(since, limit) pages forward from since."""
    since = client.fetch_time() // 3_600_000 * 3_600_000 - 5 * 3_600_000
    rows = client.fetch_ohlcv(BTC, "1h", since=since, limit=2)
    assert [row[0] for row in rows] == [since, since + 3_600_000]


@pytest.mark.parametrize("price", ["mark", "index", "premiumIndex"])
def test_candles_of_prices_that_are_not_traded(client, price):
    """Mark, index and premium candles are served; mark and index stay near the traded price."""
    (row,) = client.fetch_ohlcv(BTC, "1h", limit=1, params={"price": price})
    if price != "premiumIndex":
        assert abs(row[4] / client.fetch_ticker(BTC)["last"] - 1) < 0.02


def test_tickers_name_every_symbol(client, exchange):
    """fetchTickers gives a row for each listing that traded."""
    wanted = {f"{listing.base}/USDT:USDT" for listing in exchange.source.listings}
    assert set(client.fetch_tickers()) == wanted
    assert client.fetch_ticker(BTC)["last"] > 0


def test_funding_now_and_before(client):
    """The current rate, and paid ones eight hours apart, from a time on too."""
    assert client.fetch_funding_rate(BTC)["fundingRate"] is not None
    since = client.fetch_time() - 86_400_000
    for rows in (
        client.fetch_funding_rate_history(BTC, limit=3),
        client.fetch_funding_rate_history(BTC, since=since, limit=2),
    ):
        steps = {later["timestamp"] - row["timestamp"] for row, later in pairwise(rows)}
        assert steps == {8 * 3_600_000}


def test_open_interest_now_and_before(client):
    """The history ends near the current value."""
    current = client.fetch_open_interest(BTC)["openInterestAmount"]
    history = client.fetch_open_interest_history(BTC, "1h", limit=4)
    assert len(history) == 4
    assert abs(history[-1]["openInterestAmount"] / current - 1) < 0.05


def test_ratios_of_accounts(client):
    """fetchLongShortRatioHistory gives ratios an hour apart."""
    rows = client.fetch_long_short_ratio_history(BTC, "1h", limit=3)
    assert rows[1]["timestamp"] - rows[0]["timestamp"] == 3_600_000
    assert all(0.3 < row["longShortRatio"] < 3 for row in rows)


def test_the_venue_says_that_it_works(client):
    """fetchStatus is ok."""
    assert client.fetch_status()["status"] == "ok"


def test_single_trades_of_binance_are_contiguous(exchange):
    """fapiPublicGetTrades leaves out only what the venue leaves out."""
    client = lead(ccxt.binanceusdm(), exchange)
    trades = client.fetch_trades(BTC, limit=200, params={"fetchTradesMethod": "fapiPublicGetTrades"})
    ids = [int(trade["id"]) for trade in trades]
    assert ids == sorted(set(ids))
    assert ids[-1] - ids[0] < 210


def test_last_prices_of_binance(exchange):
    """fetchLastPrices reads the second version of the price ticker."""
    prices = lead(ccxt.binanceusdm(), exchange).fetch_last_prices()
    assert prices[BTC]["price"] > 0
