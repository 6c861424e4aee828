"""The connections of one venue's feed: their free places for topics, and their replacement.

A connection that the venue is about to cut gets a successor with the same topics. Both run until the
successor has shown every symbol, so that no trade is lost; sequencing drops the ones that come twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from orderflow_dash.exchanges.protocol import Limits
from orderflow_dash.feeds.connection import Connection, Link

_SETTLE_S = 1.0  # both run on after the successor has shown every symbol
_HANDOVER_S = 20.0  # longest overlap of a connection and its successor


@dataclass(slots=True)
class Handover:
    """A connection that is being replaced, and the symbols that its successor has not shown yet."""

    old: Connection
    waiting: set[str]
    until: float | None = None  # monotonic; counts from when the successor is connected
    is_settling: bool = False

    def restart(self, symbols: set[str]) -> None:
        """The successor has to show these symbols, as at first."""
        self.waiting, self.until, self.is_settling = symbols, None, False


class ConnectionPool:
    """One venue's connections. The feed calls it under its lock, except ``shown`` and ``due``.

    ``connect`` opens a new connection. It raises RuntimeError where the system has no thread left.
    """

    def __init__(self, connect: Callable[[], Connection], limits: Limits) -> None:
        self.connections: list[Connection] = []
        self.handovers: dict[Connection, Handover] = {}  # by successor
        self.reconnects = 0  # of connections that were dropped
        self._connect = connect
        self._limits = limits

    def with_room(self, topic: str) -> Connection:
        """A connection that can carry one more topic."""
        replaced = [handover.old for handover in self.handovers.values()]
        for connection in self.connections:
            if connection in replaced:
                continue  # its successor would not know of the topic
            characters = sum(len(each) for each in connection.topics) + len(topic)
            most = self._limits.topics - 1  # one is reserved for the pulse
            if len(connection.topics) < most and characters < self._limits.topic_characters:
                return connection
        return self._open()

    def release(self, topic: str) -> list[Connection]:
        """Stop carrying a topic; returns the dropped connections that carried no other."""
        for connection in self.connections:
            connection.remove([topic])
        idle = [connection for connection in self.connections if not connection.topics]
        for connection in idle:
            self.drop(connection)
        return idle

    def drop(self, connection: Connection) -> None:
        """Forget a connection, and any handover that it is part of."""
        self.connections.remove(connection)
        self.reconnects += connection.reconnects
        for successor, handover in list(self.handovers.items()):
            if connection in (successor, handover.old):
                del self.handovers[successor]

    def replace(self, connection: Connection, symbols: set[str]) -> None:
        """Open a successor that has to show ``symbols``, unless there is one or the connection is gone."""
        involved = {*self.handovers, *(handover.old for handover in self.handovers.values())}
        if connection in involved or connection not in self.connections:
            return
        successor = self._open()
        successor.add(connection.topics)
        self.handovers[successor] = Handover(connection, symbols)

    def shown(self, connection: Connection, symbol: str) -> None:
        """A connection has delivered a symbol's trades."""
        handover = self.handovers.get(connection)
        if handover is not None:
            handover.waiting.discard(symbol)

    def due(self, now: float) -> Iterator[tuple[Connection, Handover]]:
        """The handovers to finish: all symbols are shown, or the overlap has lasted too long."""
        for successor, handover in list(self.handovers.items()):
            if successor.link is not Link.CONNECTED:
                continue
            if handover.until is None:
                handover.until = now + _HANDOVER_S
            if not handover.waiting and not handover.is_settling:
                # The old one may still be behind: let it deliver what it has.
                handover.is_settling = True
                handover.until = min(handover.until, now + _SETTLE_S)
            if now > handover.until:
                yield successor, handover

    def _open(self) -> Connection:
        connection = self._connect()
        self.connections.append(connection)
        return connection
