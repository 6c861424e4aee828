"""Many clients of the socket in one process, each of which knows what it must receive.

``python -m benchmarks.load_clients ROOT CLIENTS SYMBOLS EVERY_MS EMIT_MS SECONDS`` connects to an app on
``benchmarks.load_venue``, prints ``ready``, then ``listening``, and after the given time its figures as JSON.
The lateness of a delta is that of its oldest trade that is new to the client: from the time of the trade to
the arrival of the delta, the wait for the next emission included.
"""

from __future__ import annotations

import asyncio
import statistics
import sys
import time
from dataclasses import dataclass, field

import orjson
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.lateness import p99
from benchmarks.load_venue import MINUTE_MS, numbers_of, symbols

_AT_ONCE = 20  # handshakes


@dataclass
class Seen:
    """Of all clients together."""

    every_ms: int
    late_ms: list[float] = field(default_factory=list)
    finals: int = 0  # candles received as closed, with every trade of their minute
    missed: int = 0  # minutes that ended for a client without one
    listening: bool = False


async def follow(url: str, seen: Seen, connecting: asyncio.Semaphore, connected: asyncio.Event) -> None:
    """One client, until it is cancelled."""
    async with connecting:
        socket = await connect(url, compression=None, max_size=None, ping_interval=None)
        # Only now it counts: the handshake comes before.
        if orjson.loads(first := await socket.recv())["type"] != "snapshot":
            raise RuntimeError(f"a client received {first!r}")
    try:
        connected.set()
        await _listen(socket, seen)
    finally:
        await socket.close()


async def _listen(socket: ClientConnection, seen: Seen) -> None:
    open_ts = received = 0
    is_final = True  # of the newest minute that is complete from its start
    async for text in socket:
        now = time.time() * 1000
        message = orjson.loads(text)
        if message["type"] != "delta":
            continue
        candle = message["candle"]
        inside = numbers_of(candle["open_ts"], seen.every_ms)
        if candle["open_ts"] > open_ts:
            seen.missed += seen.listening and not is_final
            open_ts, received = candle["open_ts"], 0
            is_final = candle["quality"] == "partial"
        if candle["open_ts"] < open_ts or candle["quality"] == "partial":
            continue
        if candle["n"] > received and seen.listening:
            seen.late_ms.append(now - (inside.start + received) * seen.every_ms)
        received = max(received, candle["n"])
        if candle["closed"] and candle["n"] == len(inside) and not is_final:
            is_final = True
            seen.finals += seen.listening


async def _run(root: str, clients: int, count: int, every_ms: int, emit_ms: int, seconds: float) -> None:
    seen = Seen(every_ms)
    connecting = asyncio.Semaphore(_AT_ONCE)
    names = symbols(count)
    following, all_connected = [], []
    for number in range(clients):
        url = f"{root}/ws/orderflow?exchange=binance&symbol={names[number % count]}&emit_ms={emit_ms}"
        connected = asyncio.Event()
        all_connected.append(connected)
        following.append(asyncio.create_task(follow(url, seen, connecting, connected)))
    for connected in all_connected:
        await connected.wait()
    print("ready", flush=True)
    # The minute in which the streams start is partial: only later ones count.
    await asyncio.sleep(MINUTE_MS / 1000 - time.time() % (MINUTE_MS / 1000) + 1)
    seen.listening = True
    print("listening", flush=True)
    await asyncio.sleep(seconds)
    seen.listening = False
    for each in following:
        if each.done():
            each.result()
        each.cancel()
    await asyncio.gather(*following, return_exceptions=True)
    figures = {
        "deltas": len(seen.late_ms),
        "p99_ms": p99(seen.late_ms),
        "median_ms": statistics.median(seen.late_ms),
        "finals": seen.finals,
        "missed": seen.missed,
    }
    print(orjson.dumps(figures).decode(), flush=True)


if __name__ == "__main__":
    asyncio.run(_run(sys.argv[1], *map(int, sys.argv[2:6]), seconds=float(sys.argv[6])))  # type: ignore[misc]
