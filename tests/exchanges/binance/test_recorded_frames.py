"""Binance frames as the venue sent them, in recordings of 2020 to 2026."""

from __future__ import annotations

import gzip
from decimal import Decimal

import orjson
import zstandard

from orderflow_dash.exchanges.binance import rest as binance_rest
from orderflow_dash.exchanges.binance.stream import BinanceProtocol
from orderflow_dash.exchanges.protocol import (
    FrameError,
    TradeBatch,
)
from orderflow_dash.market import Venue
from tests.exchanges.frames import LISTED, NOW


def on(symbol, trade):
    """A batch of one trade on the grid of its symbol."""
    return TradeBatch(symbol, [trade], grid=LISTED[symbol].grid)


def test_real_frames_of_2026_are_read(recorded_data):
    """Frames as they came in 2026: aggregates, MARKET, RPI and NA fills; book frames are never trades."""
    lines = (recorded_data / "live-frames-2026/binance_um_frames.jsonl").read_text().splitlines()
    trades = {}
    for line in lines:
        protocol = BinanceProtocol(LISTED)
        try:
            event = protocol.receive(line, NOW)
        except FrameError:
            assert "forceOrder" in line
            continue
        if isinstance(event, TradeBatch):
            trades[orjson.loads(line)["stream"]] = event
        else:
            assert event is None
    assert trades == {
        "btcusdt@aggTrade": on("BTCUSDT", (1791391081874, 3478018549, 834_344, -16)),
        "btcusdt@trade": on("BTCUSDT", (1790370834848, 8121136411, 836_800, -1)),
        "1000pepeusdt@trade": on("1000PEPEUSDT", (1790371723021, 2804511605, 44_478, 10_403)),
        "dogeusdt@trade": TradeBatch("DOGEUSDT", [(1790371725748, 3488255295, 0, 0)], excluded=1),
    }


def test_a_real_session_is_read_frame_by_frame(recorded_data):
    """A recorded session: instruments from its exchangeInfo, every aggTrade exact, no frame refused."""
    path = recorded_data / "cryptofeed/BINANCE_FUTURES.jsonl.zst"
    protocol, counted = None, 0
    with zstandard.open(path, "rt") as file:
        for line in file:
            record = orjson.loads(line)
            if record["t"] == "http" and "exchangeInfo" in record["url"]:
                listed = binance_rest.parse_instruments(Venue.BINANCE, record["data"].encode()).listed
                protocol = BinanceProtocol(listed)
            if record["t"] != "recv":
                continue
            event = protocol.receive(record["data"], NOW)
            payload = orjson.loads(record["data"]).get("data", {})
            assert isinstance(event, TradeBatch) == (payload.get("e") == "aggTrade")
            if isinstance(event, TradeBatch):
                counted += 1
                ((time, order, price, quantity),) = event.trades
                instrument = listed[event.symbol]
                assert (time, order) == (payload["T"], payload["a"])
                assert price * instrument.tick == Decimal(payload["p"])
                assert abs(quantity) * instrument.lot == Decimal(payload["q"])
                assert (quantity < 0) == payload["m"]
    assert counted == 40 + 8 + 5 + 38


def test_a_recorded_insurance_fund_print_has_no_volume(recorded_data):
    """Exactly one recorded fill is left out, and its id still counts."""
    protocol, excluded, last = BinanceProtocol(LISTED), [], None
    with gzip.open(recorded_data / "hftbacktest/usdm/btcusdt_20230405.dat.gz", "rb") as file:
        for line in file:
            if b'"e":"trade"' not in line:
                continue
            event = protocol.receive(line.split(b" ", 1)[1], NOW)
            ((_, order, _, quantity),) = event.trades
            assert last is None or order == last + 1
            last = order
            if not quantity:
                excluded.append(order)
    assert excluded == [3535191080]
