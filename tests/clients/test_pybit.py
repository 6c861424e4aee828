"""pybit reads and streams from the simulated Bybit, and its minutes are the app's."""

from __future__ import annotations

import queue
from decimal import Decimal

import pytest
from pybit import unified_trading
from pybit.exceptions import InvalidRequestError

from tests.clients.ledger import Ledger, assert_equal


@pytest.fixture(scope="module")
def session(exchange):
    """REST without a key."""
    session = unified_trading.HTTP()
    session.endpoint = exchange.rest_root
    return session


@pytest.fixture
def socket(exchange, monkeypatch):
    """The public socket of linear contracts."""
    monkeypatch.setattr(unified_trading, "PUBLIC_WSS", exchange.ws_root + "/v5/public/{CHANNEL_TYPE}")
    socket = unified_trading.WebSocket(channel_type="linear", testnet=False)
    yield socket
    socket.exit()


def test_instruments_filter_by_coin_and_status(session):
    """baseCoin, status and category narrow the list."""
    (btc, dated) = session.get_instruments_info(category="linear", baseCoin="BTC")["result"]["list"]
    assert (btc["symbol"], btc["deliveryTime"]) == ("BTCUSDT", "0")
    assert int(dated["deliveryTime"]) > 0
    (soon,) = session.get_instruments_info(category="linear", status="PreLaunch")["result"]["list"]
    assert soon["isPreListing"]
    for category in ("spot", "inverse", "option"):
        assert session.get_instruments_info(category=category)["result"]["list"] == []


def test_trades_tickers_and_candles(session):
    """What a symbol table and a chart need is served."""
    (ticker,) = session.get_tickers(category="linear", symbol="ETHUSDT")["result"]["list"]
    trades = session.get_public_trade_history(category="linear", symbol="ETHUSDT", limit=50)["result"]
    assert len(trades["list"]) == 50
    assert Decimal(ticker["lastPrice"]) > 0
    for interval in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720, "D"):
        rows = session.get_kline(category="linear", symbol="ETHUSDT", interval=interval, limit=2)["result"]
        assert len(rows["list"][0]) == 7
    for read in (session.get_mark_price_kline, session.get_index_price_kline):
        assert len(read(category="linear", symbol="ETHUSDT", interval=60, limit=2)["result"]["list"][0]) == 5
    (row,) = session.get_premium_index_price_kline(category="linear", symbol="ETHUSDT", interval=60, limit=1)[
        "result"
    ]["list"]
    assert abs(Decimal(row[4])) < Decimal("0.001")


def test_figures_of_the_past(session):
    """Funding, open interest and the ratio of accounts have a past, newest first, in pages."""
    rows = session.get_funding_rate_history(category="linear", symbol="ETHUSDT", limit=2)["result"]["list"]
    assert int(rows[0]["fundingRateTimestamp"]) - int(rows[1]["fundingRateTimestamp"]) == 8 * 3_600_000
    asked = {"category": "linear", "symbol": "ETHUSDT", "limit": 3}
    page = session.get_open_interest(**asked, intervalTime="1h")["result"]
    following = session.get_open_interest(**asked, intervalTime="1h", cursor=page["nextPageCursor"])["result"]
    times = [int(row["timestamp"]) for row in page["list"] + following["list"]]
    assert times == list(range(times[0], times[0] - 6 * 3_600_000, -3_600_000))
    ratios = session.get_long_short_ratio(**asked, period="1h")["result"]["list"]
    assert all(Decimal(row["buyRatio"]) + Decimal(row["sellRatio"]) == 1 for row in ratios)


def test_a_refusal_is_raised(session):
    """pybit raises the venue's code."""
    with pytest.raises(InvalidRequestError, match="10001"):
        session.get_kline(category="linear", symbol="NOSUCHUSDT", interval=1)


def test_full_minutes_equal_the_apps(socket, served):
    """Every level of two full minutes of the trade stream equals ``/ws/orderflow``."""
    candles, ledger = served("bybit", "SOLUSDT", "0.01"), Ledger()

    def count(message):
        for row in message["data"]:
            if not row["BT"]:
                ledger.add(row["T"], row["p"], row["v"], sell=row["S"] == "Sell")

    socket.trade_stream("SOLUSDT", count)
    ledger.wait_for(2)
    assert_equal(ledger.full_minutes(), candles)


def test_candles_tickers_and_liquidations_stream(socket, exchange):
    """kline.5, tickers and allLiquidation deliver; a liquidation is a trade that printed."""
    frames: dict[str, queue.Queue] = {name: queue.Queue() for name in ("kline", "tickers", "liquidation")}
    socket.kline_stream(5, "BTCUSDT", frames["kline"].put)
    socket.ticker_stream("BTCUSDT", frames["tickers"].put)
    socket.all_liquidation_stream("BTCUSDT", frames["liquidation"].put)
    row = frames["kline"].get(timeout=10)["data"][0]
    assert row["end"] - row["start"] == 299_999
    assert frames["tickers"].get(timeout=10)["data"]["symbol"] == "BTCUSDT"
    closed = frames["liquidation"].get(timeout=10)["data"][0]
    tape = exchange.source.tape(exchange.source.find("BTCUSDT"))
    sold = {"Buy": True, "Sell": False}[closed["S"]]  # a long is closed by a sale
    assert any(
        (t.time, t.quantity < 0) == (closed["T"], sold) for t in tape.prints(len(tape) - 20_000, len(tape))
    )
