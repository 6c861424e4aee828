"""cryptofeed's Bybit feed streams over TLS, without which it does not, and its minutes are the app's."""

from __future__ import annotations

import asyncio
import contextlib
import ssl

import pytest
from cryptofeed import FeedHandler
from cryptofeed.connection import RestEndpoint, WebsocketEndpoint
from cryptofeed.defines import CANDLES, TRADES
from cryptofeed.exchanges import Bybit
from cryptofeed.symbols import Symbols

from tests.clients.ledger import Ledger, assert_equal
from tests.clients.tls import certificate, tls_in_front


@pytest.fixture
def feed(exchange, tmp_path, monkeypatch):
    """The feed's class with the simulated exchange's addresses."""
    pem = certificate(tmp_path)
    with tls_in_front(exchange.port, pem) as port:
        linear = Bybit.websocket_endpoints[0]
        options = {"compression": None, "ssl": ssl.create_default_context(cafile=pem), "proxy": None}
        socket = WebsocketEndpoint(
            f"wss://127.0.0.1:{port}/v5/public/linear",
            instrument_filter=linear.instrument_filter,
            channel_filter=linear.channel_filter,
            options=options,
        )
        monkeypatch.setattr(Bybit, "websocket_endpoints", [socket])
        rest = RestEndpoint(exchange.rest_root, routes=Bybit.rest_endpoints[0].routes)
        monkeypatch.setattr(Bybit, "rest_endpoints", [rest])
        Symbols.clear()
        yield Bybit
        Symbols.clear()


@contextlib.asynccontextmanager
async def running(handler):
    """Runs the feeds: up to the second version as tasks of the loop, from the third on as a coroutine."""
    if hasattr(handler, "run_async"):
        task = asyncio.create_task(handler.run_async(install_signal_handlers=False))
        yield
        handler.request_stop()
        await task
    else:
        handler.run(start_loop=False, install_signal_handlers=False)
        yield
        await handler.stop_async(asyncio.get_running_loop())


def test_full_minutes_equal_the_apps(feed, served):
    """Every level of two full minutes equals ``/ws/orderflow``, block trades left out; candles come too."""
    candles, ledger, received = served("bybit", "SOLUSDT", "0.01"), Ledger(), []

    async def count(trade, _):
        if not trade.raw["BT"]:
            ledger.add(trade.raw["T"], trade.price, trade.amount, sell=trade.side == "sell")

    async def note(candle, _):
        received.append(candle)

    async def listen():
        handler = FeedHandler(
            config={"uvloop": False, "log": {"filename": "", "level": "ERROR", "disabled": True}}
        )
        handler.add_feed(
            feed(
                symbols=["SOL-USDT-PERP"],
                channels=[TRADES, CANDLES],
                callbacks={TRADES: count, CANDLES: note},
                candle_interval="5m",
                candle_closed_only=False,
            )
        )
        async with running(handler), asyncio.timeout(25):
            while len(ledger.full_minutes()) < 2 or not received:
                await asyncio.sleep(0.05)

    asyncio.run(listen())
    assert_equal(ledger.full_minutes(), candles)
    assert received[0].interval == "5m"
