"""The faults of a live exchange, for tests to inject while the server runs."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

from orderflow_dash.market import Venue

EVERY_STREAM = "*"


@dataclass(slots=True)
class _Rule:
    """A pending fault: its streams, and the number of messages left."""

    kind: str
    stream: str
    left: int
    milliseconds: int = 0
    status: int = 0
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class HttpFault:
    """The reply to a REST request or a handshake that is to fail. Status 0: the TCP connection ends."""

    status: int
    retry_after: int | None


@dataclass(frozen=True, slots=True)
class Cut:
    """Closes the sockets of a venue now. 1006: without a closing handshake."""

    venue: Venue | None
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Sends Binance's ``serverShutdown`` on every Binance connection."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Sends these malformed kinds once, before the next trade of the first stream that matches."""

    stream: str
    kinds: tuple[str, ...] | None


class Faults:
    """Pending faults, and counts of the injected ones. Every method may be called from any thread.

    ``stream`` is a shell pattern over stream names as subscribed: ``btcusdt@aggTrade``,
    ``publicTrade.BTCUSDT``, ``*@trade``. It selects trade streams only, unless a method says otherwise.
    ``counts`` holds the injected faults: in trades (``drop``, ``repeat``, ``delay``), in pairs of messages
    (``reorder``), in messages (``stall``, ``garbage``, ``shutdown``), in connections (``close``,
    ``refuse``), in topics (``reject``) and in replies (``http``, ``slow``).
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[_Rule] = []
        self._commands: list[Cut | Shutdown] = []
        self._garbage: list[Garbage] = []
        self._counts: Counter[str] = Counter()
        self._dropped: list[tuple[str, int]] = []
        self.wake: Callable[[], None] = lambda: None
        """Called after a command that the server should run at once; the server sets it."""

    @property
    def counts(self) -> dict[str, int]:
        """The number of injected faults, by kind."""
        with self._lock:
            return dict(self._counts)

    @property
    def dropped(self) -> list[tuple[str, int]]:
        """The stream and print id of every dropped trade, in order."""
        with self._lock:
            return list(self._dropped)

    def drop(self, n: int, stream: str = EVERY_STREAM) -> None:
        """The next ``n`` prints are never sent; REST returns them."""
        self._add(_Rule("drop", stream, n))

    def repeat(self, n: int, stream: str = EVERY_STREAM) -> None:
        """The next ``n`` messages are sent twice."""
        self._add(_Rule("repeat", stream, n))

    def reorder(self, n: int, stream: str = EVERY_STREAM) -> None:
        """The next ``n`` neighboring pairs of messages swap places."""
        self._add(_Rule("reorder", stream, n))

    def delay(self, n: int, milliseconds: int, stream: str = EVERY_STREAM) -> None:
        """Delays the next ``n`` messages (wall time) and everything after them."""
        self._add(_Rule("delay", stream, n, milliseconds=milliseconds))

    def stall(self, stream: str = EVERY_STREAM) -> None:
        """Data of these streams (all kinds, not only trades) is lost until ``clear("stall")``."""
        self._add(_Rule("stall", stream, -1))

    def garbage(self, stream: str = EVERY_STREAM, kinds: Sequence[str] | None = None) -> None:
        """Sends malformed frames once before the next trade of such a stream; if None, of all kinds."""
        with self._lock:
            self._garbage.append(Garbage(stream, None if kinds is None else tuple(kinds)))

    def reject(self, topic: str, n: int = -1) -> None:
        """Bybit has no handler for such a topic, for ``n`` subscriptions (-1: until cleared)."""
        self._add(_Rule("reject", topic, n))

    def refuse(self, n: int = -1, status: int = 0) -> None:
        """WebSocket handshakes get an HTTP status, or with 0 an ended connection."""
        self._add(_Rule("refuse", "*", n, status=status))

    def http(self, status: int, retry_after: int | None = None, n: int = 1, path: str = "*") -> None:
        """The next ``n`` REST requests (-1: until cleared) of such a path get this status."""
        self._add(_Rule("http", path, n, status=status, retry_after=retry_after))

    def slow(self, milliseconds: int, n: int = -1, path: str = "*") -> None:
        """The next ``n`` REST requests (-1: until cleared) of such a path are answered with this delay."""
        self._add(_Rule("slow", path, n, milliseconds=milliseconds))

    def close(self, venue: Venue | None = None, code: int = 1001, reason: str = "") -> None:
        """Closes every open socket (of one venue) now; code 1006 ends them without a handshake."""
        self._command(Cut(venue, code, reason))

    def server_shutdown(self) -> None:
        """Sends ``serverShutdown`` on every Binance connection now."""
        self._command(Shutdown())

    def clear(self, kind: str | None = None) -> None:
        """Removes pending faults, of one kind or all; keeps the counts."""
        with self._lock:
            self._rules = [rule for rule in self._rules if kind is not None and rule.kind != kind]
            if kind in (None, "garbage"):
                self._garbage.clear()
        self.wake()

    # -- for the server ----------------------------------------------------------------------

    def take(self, kind: str, stream: str) -> int | None:
        """Uses one of a pending fault; its milliseconds, or None if none is pending."""
        rule = self._use(kind, stream)
        return None if rule is None else rule.milliseconds

    def take_http(self, kind: str, path: str) -> HttpFault | None:
        """Uses one ``http`` or ``refuse`` fault and counts it."""
        rule = self._use(kind, path)
        if rule is None:
            return None
        self.count(kind)
        return HttpFault(rule.status, rule.retry_after)

    def take_garbage(self, stream: str) -> list[Garbage]:
        """Removes and returns the garbage due on a stream."""
        with self._lock:
            due = [g for g in self._garbage if fnmatchcase(stream, g.stream)]
            self._garbage = [g for g in self._garbage if g not in due]
            return due

    def take_commands(self) -> list[Cut | Shutdown]:
        """Commands given since the last call."""
        with self._lock:
            commands, self._commands = self._commands, []
            return commands

    def count(self, kind: str, n: int = 1) -> None:
        """Counts an injected fault."""
        with self._lock:
            self._counts[kind] += n

    def note_dropped(self, stream: str, print_id: int) -> None:
        """Records a dropped print."""
        with self._lock:
            self._counts["drop"] += 1
            self._dropped.append((stream, print_id))

    @property
    def idle(self) -> bool:
        """Whether no fault of messages is pending."""
        return not self._rules and not self._garbage

    def _use(self, kind: str, stream: str) -> _Rule | None:
        with self._lock:
            for rule in self._rules:
                if rule.kind == kind and rule.left and fnmatchcase(stream, rule.stream):
                    if rule.left > 0:
                        rule.left -= 1
                        if not rule.left:
                            self._rules.remove(rule)
                    return rule
        return None

    def _add(self, rule: _Rule) -> None:
        with self._lock:
            self._rules.append(rule)
        self.wake()

    def _command(self, command: Cut | Shutdown) -> None:
        with self._lock:
            self._commands.append(command)
        self.wake()
