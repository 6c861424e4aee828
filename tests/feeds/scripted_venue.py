"""Both venues on loopback, REST and websocket, with the listing and the trades that a test sets."""

from __future__ import annotations

import itertools
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

from websockets.sync.server import ServerConnection

from orderflow_dash.market import Venue
from tests.feeds.venue_server import VenueServer


class ScriptedVenue:
    """Serves what ``binance`` and ``bybit`` hold: listing rows by symbol. ``ahead``: its clock, ms."""

    def __init__(self) -> None:
        self.binance: dict[str, dict[str, Any]] = {}
        self.bybit: dict[str, dict[str, Any]] = {}
        self.ahead = 0
        self.topics: dict[ServerConnection, set[str]] = {}
        self._ids = itertools.count(1)
        self._rest = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._rest.daemon_threads = True
        self._stream = VenueServer(self._converse)

    @property
    def settings(self) -> dict[str, str]:
        """What leads the application here."""
        rest = f"http://127.0.0.1:{self._rest.server_port}"
        stream = self._stream.url.removesuffix("/market/stream")
        return {"binance_ws": stream, "binance_rest": rest, "bybit_ws": stream, "bybit_rest": rest}

    @property
    def now(self) -> int:
        """Its clock, ms."""
        return int(time.time() * 1000) + self.ahead

    def list(self, venue: Venue, symbol: str, status: str = "", **more: Any) -> None:
        """List a perpetual, or change its row."""
        if venue is Venue.BINANCE:
            filters = [
                {"filterType": "PRICE_FILTER", "tickSize": "0.1"},
                {"filterType": "LOT_SIZE", "stepSize": "1"},
            ]
            self.binance[symbol] = {
                "symbol": symbol, "contractType": "PERPETUAL", "status": status or "TRADING",
                "baseAsset": symbol[:-4], "quoteAsset": "USDT", "filters": filters, **more,
            }  # fmt: skip
        else:
            self.bybit[symbol] = {
                "symbol": symbol, "contractType": "LinearPerpetual", "status": status or "Trading",
                "baseCoin": symbol[:-4], "quoteCoin": "USDT", "priceFilter": {"tickSize": "0.1"},
                "lotSizeFilter": {"qtyStep": "1"}, **more,
            }  # fmt: skip

    def trade(self, venue: Venue, symbol: str) -> None:
        """Send one current trade to its subscribers."""
        if venue is Venue.BINANCE:
            topic = f"{symbol.lower()}@aggTrade"
            data = {"e": "aggTrade", "E": self.now, "a": next(self._ids), "s": symbol, "p": "100.0", "q": "1"}
            frame = {"stream": topic, "data": {**data, "T": self.now, "m": True, "st": 1}}
        else:
            topic = f"publicTrade.{symbol}"
            row = {
                "T": self.now,
                "s": symbol,
                "S": "Buy",
                "v": "1",
                "p": "100.0",
                "i": str(uuid4()),
                "seq": 1,
            }
            frame = {"topic": topic, "ts": self.now, "data": [row]}
        for socket, topics in list(self.topics.items()):
            if topic in topics:
                socket.send(json.dumps(frame))

    def announce(self, symbol: str) -> None:
        """Binance's announcement of a change of its listing."""
        data = {"e": "contractInfo", "E": self.now, "s": symbol, "cs": "TRADING", "st": 1}
        for socket, topics in list(self.topics.items()):
            if "!contractInfo" in topics:
                socket.send(json.dumps({"stream": "!contractInfo", "data": data}))

    def has_subscriber(self, topic: str) -> bool:
        """Whether a topic has a subscriber."""
        return any(topic in topics for topics in self.topics.values())

    def _converse(self, server: VenueServer, socket: ServerConnection) -> None:
        topics = self.topics.setdefault(socket, set())
        try:
            while True:
                request = server.hear(socket)
                named = request.get("params", request.get("args", []))
                if request.get("method", request.get("op")).lower() == "subscribe":
                    topics.update(named)
                else:
                    topics.difference_update(named)
                reply = (
                    {"result": None, "id": request["id"]} if "id" in request else {"op": "x", "success": True}
                )
                socket.send(json.dumps(reply))
        finally:
            del self.topics[socket]

    def answer(self, path: str, query: dict[str, str]) -> Any:
        """The body of a GET; None for an unknown path."""
        symbol, status = query.get("symbol"), query.get("status")
        if path.startswith("/fapi/"):
            return {
                "/fapi/v1/time": {"serverTime": self.now},
                "/fapi/v1/exchangeInfo": {"symbols": list(self.binance.values())},
                "/fapi/v1/ticker/24hr": [{"symbol": each, "lastPrice": "100.0"} for each in self.binance],
                "/fapi/v1/openInterest": {"symbol": symbol, "openInterest": "1"},
            }.get(path, [])
        rows: list[Any] = []
        if path.endswith("instruments-info"):
            rows = [
                row
                for row in self.bybit.values()
                if row["status"] == (status or "Trading") and symbol in (None, row["symbol"])
            ]
        elif path.endswith("tickers"):
            rows = [{"symbol": each, "lastPrice": "100.0"} for each in self.bybit]
        result = {"list": rows, "symbol": symbol, "timeNano": str(self.now * 1_000_000)}
        return {"retCode": 0, "retMsg": "OK", "result": result}

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._rest.serve_forever, args=(0.01,), daemon=True)
        self._thread.start()
        self._stream.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.__exit__(kind, error, trace)
        self._rest.shutdown()
        self._rest.server_close()
        self._thread.join()


def _handler(venue: ScriptedVenue) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            body = json.dumps(venue.answer(parts.path, query)).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    return Handler
