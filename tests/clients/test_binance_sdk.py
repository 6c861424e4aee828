"""Binance's own SDK reads and streams from the simulated Binance, and its minutes are the app's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from decimal import Decimal
from typing import Any

import pytest
from binance_common.configuration import ConfigurationRestAPI, ConfigurationWebSocketStreams
from binance_sdk_derivatives_trading_usds_futures import DerivativesTradingUsdsFutures

from tests.clients.ledger import Ledger, assert_equal


@pytest.fixture(scope="module")
def client(exchange):
    """The SDK, led to the exchange; the key is not checked."""
    return DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(base_path=exchange.rest_root, api_key="any", timeout=10_000),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=exchange.ws_root),
    )


def plain(reply: Any) -> Any:
    """The body of a reply; the SDK has read it into its own models by then."""
    data = reply.data()
    return data.actual_instance if hasattr(data, "actual_instance") and data.actual_instance else data


def test_instruments_and_time(client, exchange):
    """exchangeInfo and time are read."""
    info = plain(client.rest_api.exchange_information())
    symbols = {row.symbol: row for row in info.symbols}
    assert symbols["BTCUSDT"].contract_type == "PERPETUAL"
    (dated,) = [row for row in info.symbols if row.contract_type == "CURRENT_QUARTER"]
    assert dated.delivery_date > exchange.source.now()
    assert plain(client.rest_api.check_server_time()).server_time > 0
    client.rest_api.test_connectivity()


def test_trades_of_three_kinds(client):
    """Aggregates, the newest trades, and old ones by id."""
    api = client.rest_api
    assert len(plain(api.compressed_aggregate_trades_list(symbol="ETHUSDT", limit=20))) == 20
    newest = plain(api.recent_trades_list(symbol="ETHUSDT", limit=20))
    assert len(newest) == 20
    old = plain(api.old_trades_lookup(symbol="ETHUSDT", limit=5, from_id=newest[3].id))
    assert [row.id for row in old] == [row.id for row in newest[3:8]]


def test_candles_of_every_kind(client):
    """Traded, continuous, mark, index and premium candles are read."""
    api = client.rest_api
    asked = {"interval": "1h", "limit": 2}
    traded = plain(api.kline_candlestick_data(symbol="ETHUSDT", **asked))
    continuous = plain(
        api.continuous_contract_kline_candlestick_data(pair="ETHUSDT", contract_type="PERPETUAL", **asked)
    )
    assert continuous[0] == traded[0]
    for rows in (
        plain(api.mark_price_kline_candlestick_data(symbol="ETHUSDT", **asked)),
        plain(api.index_price_kline_candlestick_data(pair="ETHUSDT", **asked)),
        plain(api.premium_index_kline_data(symbol="ETHUSDT", **asked)),
    ):
        assert [row[0] for row in rows] == [row[0] for row in traded]


def test_figures_now_and_before(client):
    """Tickers, funding, open interest and ratios are read."""
    api = client.rest_api
    assert Decimal(plain(api.symbol_price_ticker(symbol="ETHUSDT")).price) > 0
    assert Decimal(plain(api.symbol_price_ticker_v2(symbol="ETHUSDT")).price) > 0
    assert plain(api.ticker24hr_price_change_statistics(symbol="ETHUSDT")).count > 0
    assert plain(api.mark_price(symbol="ETHUSDT")).mark_price
    assert plain(api.open_interest(symbol="ETHUSDT")).open_interest
    assert len(plain(api.get_funding_rate_history(symbol="ETHUSDT", limit=3))) == 3
    assert plain(api.get_funding_rate_info())[0].funding_interval_hours == 8
    asked = {"symbol": "ETHUSDT", "period": "1h", "limit": 2}
    for read in (
        api.open_interest_statistics,
        api.long_short_ratio,
        api.top_trader_long_short_ratio_accounts,
        api.top_trader_long_short_ratio_positions,
        api.taker_buy_sell_volume,
    ):
        rows = plain(read(**asked))
        assert rows[1].timestamp - rows[0].timestamp == 3_600_000
    (row,) = plain(api.basis(pair="ETHUSDT", contract_type="PERPETUAL", period="1h", limit=1))
    assert Decimal(row.futures_price) - Decimal(row.index_price) == Decimal(row.basis)


def stream(client: Any, use: Callable[[Any], Awaitable[Any]], seconds: float = 25) -> Any:
    """Uses a connection of the SDK, and closes it."""

    async def connected() -> Any:
        connection = await client.websocket_streams.create_connection()
        try:
            async with asyncio.timeout(seconds):
                return await use(connection)
        finally:
            await connection.close_connection(close_session=True)

    return asyncio.run(connected())


async def first(handle: Any) -> Any:
    """The first message of a stream."""
    loop = asyncio.get_running_loop()
    message = loop.create_future()
    handle.on("message", lambda data: message.done() or message.set_result(data))
    return await message


def test_full_minutes_equal_the_apps(client, served):
    """Every level of two full minutes of aggregate trades equals ``/ws/orderflow``."""
    candles, ledger = served("binance", "SOLUSDT", "0.01"), Ledger()

    async def listen(connection):
        handle = await connection.aggregate_trade_streams(symbol="solusdt")
        handle.on("message", lambda row: ledger.add(row.T, row.p, row.q, sell=row.m))
        while len(ledger.full_minutes()) < 2:
            await asyncio.sleep(0.05)

    stream(client, listen)
    assert_equal(ledger.full_minutes(), candles)


def test_every_other_stream_delivers(client):
    """Candles of both forms, tickers, mark prices and liquidations arrive in the SDK's models."""

    async def listen(connection):
        opened = [
            await connection.kline_candlestick_streams(symbol="btcusdt", interval="5m"),
            await connection.continuous_contract_kline_candlestick_streams(
                pair="btcusdt", contract_type="perpetual", interval="4h"
            ),
            await connection.individual_symbol_ticker_streams(symbol="btcusdt"),
            await connection.mark_price_stream(symbol="btcusdt"),
            await connection.liquidation_order_streams(symbol="btcusdt"),
            await connection.all_market_liquidation_order_streams(),
        ]
        return await asyncio.gather(*(first(handle) for handle in opened))

    kline, continuous, ticker, mark, liquidation, any_liquidation = stream(client, listen)
    assert (kline.k.i, continuous.k.i, continuous.ct) == ("5m", "4h", "PERPETUAL")
    assert ticker.s == mark.s == liquidation.o.s == "BTCUSDT"
    assert any_liquidation.o.X == "FILLED"
