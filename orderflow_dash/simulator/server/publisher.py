"""From prints to frames: composes each frame once for all its subscribers, and injects faults."""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from orderflow_dash.market import Venue
from orderflow_dash.simulator.binance import frames as binance_frames
from orderflow_dash.simulator.binance.protocol import BinanceSession
from orderflow_dash.simulator.bybit import frames as bybit_frames
from orderflow_dash.simulator.market.source import Emission, Listing, Market, VenueListings
from orderflow_dash.simulator.server import garbage
from orderflow_dash.simulator.server.client_queue import ClientQueue
from orderflow_dash.simulator.server.faults import Faults


@dataclass(frozen=True, slots=True)
class _Message:
    """A raw payload and its number of trades."""

    payload: bytes
    trades: int


class Subscribers:
    """The clients subscribed to each stream."""

    def __init__(self) -> None:
        self._streams: dict[str, dict[ClientQueue, None]] = {}

    def __contains__(self, stream: str) -> bool:
        return stream in self._streams

    def names(self) -> list[str]:
        """Every stream that has a subscriber."""
        return list(self._streams)

    def of(self, stream: str) -> Iterable[ClientQueue]:
        """The subscribers of a stream."""
        return tuple(self._streams.get(stream, ()))

    def join(self, stream: str, client: ClientQueue) -> None:
        """Adds a subscriber."""
        self._streams.setdefault(stream, {})[client] = None

    def remove_trade_subscribers(self) -> set[ClientQueue]:
        """Removes every client that is subscribed to trades from all its streams; returns them."""
        gone = {client for name in self.names() if trade_symbol(name) for client in self._streams[name]}
        for name in self.names():
            for client in gone:
                self.leave(name, client)
        return gone

    def leave(self, stream: str, client: ClientQueue) -> None:
        """Removes a subscriber."""
        listeners = self._streams.get(stream)
        if listeners is not None:
            listeners.pop(client, None)
            if not listeners:
                del self._streams[stream]


class Publisher:
    """Sends prints to their subscribers, and injects the faults of messages."""

    def __init__(self, market: Market, faults: Faults, subscribers: Subscribers) -> None:
        self._market = market
        self._faults = faults
        self._subscribers = subscribers
        self._listings = {venue: VenueListings(market, venue) for venue in Venue}
        self._held: dict[str, _Message] = {}  # by stream: the first of a swapped pair
        self._late: list[tuple[float, int, str, _Message]] = []  # a heap of delayed messages
        self._late_until: dict[str, float] = {}
        self._order = itertools.count()

    def ready(self) -> set[Listing]:
        """Listings whose trades have subscribers, all with room in their queues."""
        ready, full = set(), set()
        for stream in self._subscribers.names():
            key = trade_symbol(stream)
            listing = self._listings[key[0]].get(key[1]) if key else None
            if listing is not None:
                ready.add(listing)
                if not all(client.room for client in self._subscribers.of(stream)):
                    full.add(listing)
        return ready if self._market.paced else ready - full

    def crowded(self) -> bool:
        """Whether a subscriber of trades has no room in its queue."""
        return any(
            not client.room
            for stream in self._subscribers.names()
            if trade_symbol(stream)
            for client in self._subscribers.of(stream)
        )

    def emit(self, emissions: Sequence[Emission], now: float) -> None:
        """Sends new prints, at ``now`` (seconds of the loop's clock)."""
        self.release_late(now)  # delayed messages go before new ones
        batches: dict[Listing, list[Emission]] = {}
        for emission in emissions:
            batches.setdefault(emission.listing, []).append(emission)
        for listing, batch in batches.items():
            lower = listing.symbol.lower()
            if Venue.BINANCE in listing.venues:
                if (stream := f"{lower}@aggTrade") in self._subscribers:
                    self._deliver(stream, self._aggregates(listing, self._kept(stream, batch)), now)
                if (stream := f"{lower}@trade") in self._subscribers:
                    self._deliver(stream, self._fills(listing, self._kept(stream, batch)), now)
            if (
                Venue.BYBIT in listing.venues
                and (stream := f"publicTrade.{listing.symbol}") in self._subscribers
            ):
                self._deliver(stream, self._public_trades(listing, self._kept(stream, batch)), now)

    def _kept(self, stream: str, batch: list[Emission]) -> list[Emission]:
        if self._faults.idle:
            return batch
        kept = []
        for emission in batch:
            if self._faults.take("drop", stream) is None:
                kept.append(emission)
            else:
                self._faults.note_dropped(stream, emission.trade.id)
        return kept

    def _aggregates(self, listing: Listing, batch: list[Emission]) -> list[_Message]:
        return [_Message(binance_frames.agg_trade(listing, emission), 1) for emission in batch]

    def _fills(self, listing: Listing, batch: list[Emission]) -> list[_Message]:
        made: list[_Message] = []
        for emission in batch:
            fills = self._market.fills(listing, emission.trade)
            made.extend(
                _Message(binance_frames.trade(listing.symbol, f, emission.event_ms), 1) for f in fills
            )
        return made

    def _public_trades(self, listing: Listing, batch: list[Emission]) -> list[_Message]:
        trades = [t for e in batch for t in self._market.bybit_trades(listing, e.trade)]
        sent = batch[-1].event_ms if batch else 0
        return [_Message(*made) for made in bybit_frames.public_trades(listing.symbol, trades, sent)]

    def _deliver(self, stream: str, messages: list[_Message], now: float) -> None:
        if self._faults.idle and stream not in self._held and stream not in self._late_until:
            for message in messages:
                self.publish(stream, message.payload)
            return
        for message in messages:
            self._spoil(stream, message)
            for one in self._swapped(stream, message):
                for _ in range(self._times(stream, one)):
                    self._send_or_delay(stream, one, now)

    def _spoil(self, stream: str, message: _Message) -> None:
        for due in self._faults.take_garbage(stream):
            for kind in garbage.KINDS if due.kinds is None else due.kinds:
                bad = garbage.malformed(kind, message.payload, bybit=stream.startswith("publicTrade"))
                self._faults.count("garbage")
                self._send_raw(stream, bad)

    def _swapped(self, stream: str, message: _Message) -> list[_Message]:
        held = self._held.pop(stream, None)
        if held is not None:
            self._faults.count("reorder")
            return [message, held]
        if self._faults.take("reorder", stream) is not None:
            self._held[stream] = message
            return []
        return [message]

    def _times(self, stream: str, message: _Message) -> int:
        if self._faults.take("repeat", stream) is None:
            return 1
        self._faults.count("repeat", message.trades)
        return 2

    def _send_or_delay(self, stream: str, message: _Message, now: float) -> None:
        milliseconds = self._faults.take("delay", stream)
        if milliseconds is not None:
            self._faults.count("delay", message.trades)
        due = max(now + (milliseconds or 0) / 1000, self._late_until.get(stream, 0.0))
        if due <= now:
            self.publish(stream, message.payload)
        else:
            self._late_until[stream] = due
            heapq.heappush(self._late, (due, next(self._order), stream, message))

    def release_late(self, now: float) -> None:
        """Sends the delayed messages that are due."""
        while self._late and self._late[0][0] <= now:
            due, _, stream, message = heapq.heappop(self._late)
            if self._late_until.get(stream) == due and not any(late[2] == stream for late in self._late):
                del self._late_until[stream]
            self.publish(stream, message.payload)

    def late_in(self, now: float) -> float:
        """Seconds until the next delayed message is due."""
        return max(0.0, self._late[0][0] - now) if self._late else float("inf")

    def publish(self, stream: str, payload: bytes) -> None:
        """Sends a raw payload to the subscribers of a stream, wrapped for those with combined streams."""
        if not self._faults.idle and self._faults.take("stall", stream) is not None:
            self._faults.count("stall")
            return
        wrapped: bytes | None = None
        for client in self._subscribers.of(stream):
            if isinstance(client.session, BinanceSession) and client.session.combined:
                if wrapped is None:
                    wrapped = binance_frames.combined(stream, payload)
                client.send(wrapped)
            else:
                client.send(payload)

    def _send_raw(self, stream: str, frame: garbage.Frame) -> None:
        text = isinstance(frame, str)
        data = frame.encode() if isinstance(frame, str) else frame
        for client in self._subscribers.of(stream):
            wrap = text and data.startswith(b'{"e"') and isinstance(client.session, BinanceSession)
            if wrap and isinstance(client.session, BinanceSession) and client.session.combined:
                client.send(binance_frames.combined(stream, data))
            else:
                client.send(data, text=text)


def trade_symbol(stream: str) -> tuple[Venue, str] | None:
    """Venue and symbol of a stream of trades; None for other streams."""
    if stream.startswith("publicTrade."):
        return Venue.BYBIT, stream.removeprefix("publicTrade.")
    symbol, _, suffix = stream.partition("@")
    return (Venue.BINANCE, symbol.upper()) if suffix in ("aggTrade", "trade") else None
