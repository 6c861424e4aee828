"""A venue for the load tests: it sends a given number of trades at almost no cost.

``python -m benchmarks.load_venue SYMBOLS EVERY_MS``. Speaks as much of Binance's protocol as the app needs:
instruments, tickers and klines by REST, ``aggTrade`` streams by websocket, on one port that it prints. Each
trade follows from its number alone, so that everybody knows what every minute must hold: trade ``k`` of a
symbol is made at ``k * EVERY_MS`` ms since the epoch, and sent as soon as that is past.
"""

from __future__ import annotations

import asyncio
import sys
import time
from functools import lru_cache
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, urlsplit

import numpy as np
import orjson
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.exceptions import ConnectionClosedError
from websockets.http11 import Request, Response
from websockets.protocol import State

from orderflow_dash.footprint.minute import Ints

MINUTE_MS = 60_000
FIRST_MS = 1_700_000_000_000  # ids count from here on
_INTERVAL_S = 0.01
_TICK, _LOT = 10, 1_000  # per unit of quote and base
_PULSE = "btcusdt@markPrice@1s"


def symbols(count: int) -> list[str]:
    """The names of a number of perpetuals."""
    return ["BTCUSDT", *(f"LOAD{number}USDT" for number in range(1, count))]


def trades(symbol: int, first: int, count: int) -> tuple[Ints, Ints]:
    """Price (ticks) and signed quantity (lots) of trades ``first`` and on, shape (count,) each."""
    number = np.arange(first, first + count)
    swing = abs(number * 3 % 1_600 - 800) // 8  # up and down over a hundred levels
    price = 900_000 + 977 * symbol + swing + number // 50_000 % 40
    quantity = 1 + number * 7_919 % 211
    return price, np.where(number * 2_654_435_761 % 97 < 49, quantity, -quantity)


def numbers_of(open_ts: int, every_ms: int) -> range:
    """Numbers of a minute's trades."""
    return range(-(-open_ts // every_ms), -(-(open_ts + MINUTE_MS) // every_ms))


class Venue:
    """A number of perpetuals, each with a trade at a fixed interval (ms)."""

    def __init__(self, count: int, every_ms: int) -> None:
        self.names = symbols(count)
        self._every_ms = every_ms
        self._clients: dict[ServerConnection, dict[str, int]] = {}  # symbol to its next trade's number
        self._kline = lru_cache(maxsize=4_096)(self._compute_kline)

    # -- REST --------------------------------------------------------------------------------

    def answer(self, _connection: ServerConnection, request: Request) -> Response | None:
        """A REST page; None where a websocket is asked for."""
        if "Upgrade" in request.headers:
            return None
        parts = urlsplit(request.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        body = self._page(parts.path.rpartition("/")[2], query)
        status = HTTPStatus.NOT_FOUND if body is None else HTTPStatus.OK
        data = orjson.dumps(body)
        headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(data))})
        return Response(status.value, status.phrase, headers, data)

    def _page(self, name: str, query: dict[str, str]) -> object:
        now = time.time_ns() // 1_000_000
        if name == "exchangeInfo":
            return {"symbols": [self._instrument(symbol) for symbol in self.names]}
        if name == "24hr":
            day = {
                "lastPrice": "90000.0",
                "priceChangePercent": "1.5",
                "quoteVolume": "1e9",
                "closeTime": now,
            }
            return [{"symbol": symbol, **day} for symbol in self.names]
        if name == "premiumIndex":
            return [{"symbol": symbol, "lastFundingRate": "0.0001", "time": now} for symbol in self.names]
        if name == "openInterest":
            return {"symbol": query.get("symbol"), "openInterest": "1000", "time": now}
        if name == "klines" and query.get("interval") == "1m":
            first, last = int(query["startTime"]), min(int(query["endTime"]), now)
            place = self.names.index(query["symbol"])
            opens = range(-(-first // MINUTE_MS) * MINUTE_MS, last + 1, MINUTE_MS)
            return [self._kline(place, open_ts) for open_ts in opens]
        return [] if name == "klines" else None

    @staticmethod
    def _instrument(symbol: str) -> dict[str, Any]:
        return {
            "symbol": symbol, "contractType": "PERPETUAL", "status": "TRADING",
            "baseAsset": symbol.removesuffix("USDT"), "quoteAsset": "USDT",
            "filters": [
                {"filterType": "PRICE_FILTER", "tickSize": "0.1"},
                {"filterType": "LOT_SIZE", "stepSize": "0.001"},
                {"filterType": "MARKET_LOT_SIZE", "stepSize": "0.001"},
            ],
        }  # fmt: skip

    def _compute_kline(self, symbol: int, open_ts: int) -> list[Any]:
        inside = numbers_of(open_ts, self._every_ms)
        price, quantity = trades(symbol, inside.start, len(inside))
        volume, bought = int(abs(quantity).sum()), int(quantity[quantity > 0].sum())
        turnover = int((price * abs(quantity)).sum()) / _TICK / _LOT
        texts = [f"{int(each) / _TICK:.1f}" for each in (price[0], price.max(), price.min(), price[-1])]
        end = open_ts + MINUTE_MS - 1
        totals = f"{volume / _LOT:.3f}", end, f"{turnover:.4f}", 2 * len(inside)
        return [open_ts, *texts, *totals, f"{bought / _LOT:.3f}", "0", "0"]

    # -- streams -----------------------------------------------------------------------------

    async def listen(self, connection: ServerConnection) -> None:
        """Take a client's subscriptions until it goes."""
        wanted = self._clients[connection] = {}
        try:
            async for text in connection:
                request = orjson.loads(text)
                names = [topic.partition("@")[0].upper() for topic in request["params"] if "@agg" in topic]
                for name in names:
                    if request["method"] == "SUBSCRIBE":
                        wanted[name] = self._due()
                    else:
                        wanted.pop(name, None)
                await connection.send(orjson.dumps({"result": None, "id": request["id"]}).decode())
        except ConnectionClosedError:
            pass  # the app has been ended
        finally:
            del self._clients[connection]

    async def send_on(self) -> None:
        """Send what is due at each step."""
        while True:
            due = self._due()
            for connection, wanted in list(self._clients.items()):
                frames = []
                for name, start in wanted.items():
                    frames += self._frames(name, start, due)
                    wanted[name] = due
                if frames and connection.state is State.OPEN:  # it may be saying goodbye
                    # Ready-made frames in one write: the library's own way costs more than the app's reading.
                    connection.transport.write(b"".join(frames))
            await asyncio.sleep(_INTERVAL_S)

    def _due(self) -> int:
        """The first number that lies ahead."""
        return time.time_ns() // 1_000_000 // self._every_ms + 1

    def _frames(self, name: str, start: int, end: int) -> list[bytes]:
        price, quantity = trades(self.names.index(name), start, end - start)
        stream, now = name.lower(), time.time_ns() // 1_000_000
        frames = []
        for number, ticks, lots in zip(range(start, end), price.tolist(), quantity.tolist(), strict=True):
            size = f"{abs(lots) // _LOT}.{abs(lots) % _LOT:03d}"
            made = number * self._every_ms
            order = number - FIRST_MS // self._every_ms
            payload = (
                f'{{"stream":"{stream}@aggTrade","data":{{"e":"aggTrade","E":{max(now, made)},"a":{order}'
                f',"s":"{name}","p":"{ticks // _TICK}.{ticks % _TICK}0","q":"{size}","nq":"{size}"'
                f',"f":{2 * order},"l":{2 * order + 1},"T":{made},"m":{"true" if lots < 0 else "false"}'
                ',"st":1}}'
            ).encode()
            frames.append(b"\x81\x7e" + len(payload).to_bytes(2, "big") + payload)
        return frames


async def _run(count: int, every_ms: int) -> None:
    venue = Venue(count, every_ms)
    async with serve(
        venue.listen, "127.0.0.1", 0, process_request=venue.answer, compression=None, ping_interval=None
    ) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await venue.send_on()


if __name__ == "__main__":
    asyncio.run(_run(int(sys.argv[1]), int(sys.argv[2])))
