"""Many open panels in one process, each of which polls once a second as a browser does.

``python -m benchmarks.load_viewers ROOT VIEWERS SYMBOLS SECONDS`` prints ``polling`` once all of them poll,
and after the given time their figures as JSON. Every viewer keeps its connection, sends the cursors of what
it shows, and decodes each answer. The time of an answer counts from when the poll was due, so a server that
falls behind cannot slow down the polls and look fast.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import orjson
from zstandard import ZstdDecompressor

from benchmarks.lateness import p99
from benchmarks.load_venue import symbols
from benchmarks.page_client import PATH, panel_poll, panels_of

_EVERY_S = 1.0
_SETTLE_S = 10.0  # in which they connect


@dataclass
class Seen:
    """Of all viewers together."""

    times_ms: list[float] = field(default_factory=list)
    fresh: int = 0  # answers with new content
    received: int = 0  # bytes of bodies as they traveled
    counting: bool = False


class Viewer:
    """One panel on somebody's page."""

    def __init__(self, number: int, symbol: str) -> None:
        view = {"exchange": "binance", "symbol": symbol, "tf": "1m", "step": "1"}
        self._number = number  # each has headers of its own, as browsers have
        self._view, self._id = view, f"viewer-{number}"
        self._shown: dict[str, Any] = {"tick": None}

    async def poll(self, host: str, port: int, first_s: float, seen: Seen) -> None:
        """Poll at an even pace until it is cancelled."""
        await asyncio.sleep(first_s)
        reader, writer = await asyncio.open_connection(host, port)
        due = time.monotonic()
        try:
            while True:
                body = orjson.dumps(panel_poll([self._view], [self._id], [self._shown]))
                head = (
                    f"POST /{PATH} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: viewer {self._number}\r\n"
                    "Content-Type: application/json\r\nAccept-Encoding: zstd\r\n"
                    f"Content-Length: {len(body)}\r\n\r\n"
                )
                writer.write(head.encode() + body)
                answer = await read_answer(reader)
                took = time.monotonic() - due
                is_fresh = self._follow(answer)
                if seen.counting:
                    seen.times_ms.append(took * 1000)
                    seen.fresh += is_fresh
                    seen.received += len(answer)
                due += _EVERY_S
                await asyncio.sleep(max(0.0, due - time.monotonic()))
        finally:
            writer.close()

    def _follow(self, body: bytes) -> bool:
        """Show an answer; whether it has new content."""
        if not body:
            return False
        (panel,) = panels_of(ZstdDecompressor().decompress(body))
        if panel is None:
            raise RuntimeError("an answer without news must be 204")
        self._shown |= {
            part: panel[part]["cursor"] for part in ("status", "content", "profile") if part in panel
        }
        return "content" in panel


async def read_answer(reader: asyncio.StreamReader) -> bytes:
    """The body of the next answer as it traveled; empty for 204."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if head.startswith(b"http/1.1 204"):
        return b""
    if not head.startswith(b"http/1.1 200"):
        raise RuntimeError(f"answered with {head[:200]!r}")
    length = int(head.split(b"content-length:")[1].split(b"\r\n")[0])
    return await reader.readexactly(length)


async def _run(root: str, count: int, of_symbols: int, seconds: float) -> None:
    place = urlsplit(root)
    if place.hostname is None or place.port is None:
        raise ValueError(f"no host and port in {root}")
    names = symbols(of_symbols)
    seen = Seen()
    viewers = [Viewer(number, names[number % of_symbols]) for number in range(count)]
    polling = [
        asyncio.create_task(each.poll(place.hostname, place.port, _SETTLE_S * number / count, seen))
        for number, each in enumerate(viewers)
    ]
    await asyncio.sleep(_SETTLE_S + 3)
    seen.counting = True
    print("polling", flush=True)
    await asyncio.sleep(seconds)
    seen.counting = False
    for each in polling:
        if each.done():
            each.result()
        each.cancel()
    await asyncio.gather(*polling, return_exceptions=True)
    figures = {
        "answers": len(seen.times_ms),
        "p99_ms": p99(seen.times_ms),
        "median_ms": statistics.median(seen.times_ms),
        "fresh": seen.fresh,
        "bytes": seen.received / max(1, len(seen.times_ms)),
    }
    print(orjson.dumps(figures).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
