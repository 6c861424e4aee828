"""ccxt.pro streams from the simulated venues, and its minutes are the app's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import ccxt.pro
import pytest

from tests.clients.addresses import lead
from tests.clients.ledger import Ledger, assert_equal

ETH = "ETH/USDT:USDT"
NAMES = ["binanceusdm", "bybit"]


def run(name: str, exchange: Any, use: Callable[[Any], Awaitable[Any]], seconds: float = 25) -> Any:
    """Uses a client within an event loop, and closes it."""

    async def connected() -> Any:
        client = lead(getattr(ccxt.pro, name)(), exchange)
        try:
            async with asyncio.timeout(seconds):
                await client.load_markets()
                return await use(client)
        finally:
            await client.close()

    return asyncio.run(connected())


@pytest.mark.parametrize("name", NAMES)
def test_full_minutes_equal_the_apps(name, exchange, served):
    """Every level of two full minutes from watchTrades equals ``/ws/orderflow``."""
    candles = served("binance" if name == "binanceusdm" else "bybit", "ETHUSDT", "0.01")
    ledger = Ledger()

    async def listen(client):
        client.newUpdates = True
        if name == "binanceusdm":
            client.options["watchTrades"] = {"name": "aggTrade"}
            client.options["tradesLimit"] = 100_000
        while len(ledger.full_minutes()) < 2:
            for trade in await client.watch_trades(ETH):
                info = trade["info"]
                if not info.get("BT"):
                    price, quantity = info["p"], info.get("q") or info["v"]
                    ledger.add(trade["timestamp"], price, quantity, sell=trade["side"] == "sell")

    run(name, exchange, listen)
    assert_equal(ledger.full_minutes(), candles)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("timeframe", ["1m", "5m", "4h"])
def test_candles_stream_in_several_timeframes(name, timeframe, exchange):
    """watchOHLCV gives the current candle first."""

    async def listen(client):
        return await client.watch_ohlcv(ETH, timeframe), await client.fetch_time()

    rows, now = run(name, exchange, listen)
    length = ccxt.Exchange.parse_timeframe(timeframe) * 1000
    assert now - rows[0][0] < length + 30_000
    assert rows[-1][5] >= 0


@pytest.mark.parametrize("name", NAMES)
def test_tickers_stream(name, exchange):
    """watchTicker gives a last price."""
    ticker = run(name, exchange, lambda client: client.watch_ticker(ETH))
    assert ticker["last"] > 0


@pytest.mark.parametrize("name", NAMES)
def test_liquidations_stream(name, exchange):
    """watchLiquidations gives liquidations that printed as trades."""
    rows = run(name, exchange, lambda client: client.watch_liquidations("BTC/USDT:USDT"))
    tape = exchange.source.tape(exchange.source.find("BTCUSDT"))
    assert rows[0]["timestamp"] in {trade.time for trade in tape.prints(0, len(tape))}
    assert rows[0]["price"] > 0
