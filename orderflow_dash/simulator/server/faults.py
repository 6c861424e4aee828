"""A switchboard of the faults that a live exchange shows, for tests to use while the server runs."""

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
    """A fault that waits for messages: on which streams, and for how many more."""

    kind: str
    stream: str
    left: int
    milliseconds: int = 0
    status: int = 0
    retry_after: int | None = None


@dataclass(frozen=True, slots=True)
class HttpFault:
    """What a REST request or a handshake gets instead of an answer. Status 0: the TCP connection ends."""

    status: int
    retry_after: int | None


@dataclass(frozen=True, slots=True)
class Cut:
    """Close the sockets of a venue now. 1006: without a closing handshake."""

    venue: Venue | None
    code: int
    reason: str


@dataclass(frozen=True, slots=True)
class Shutdown:
    """Send Binance's ``serverShutdown`` on every Binance connection."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Send these malformed kinds once, before the next trade of the first stream that matches."""

    stream: str
    kinds: tuple[str, ...] | None


class Faults:
    """Faults to come and counts of the faults done. Every method may be called from any thread.

    ``stream`` is a shell pattern over stream names as subscribed: ``btcusdt@aggTrade``,
    ``publicTrade.BTCUSDT``, ``*@trade``. It concerns trade streams only, unless a method says else.
    ``counts`` holds what was done: in trades (``drop``, ``repeat``, ``delay``), in pairs of messages
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
        """Called after a command that the server should carry out at once; the server sets it."""

    @property
    def counts(self) -> dict[str, int]:
        """What was done so far, by kind."""
        with self._lock:
            return dict(self._counts)

    @property
    def dropped(self) -> list[tuple[str, int]]:
        """The stream and print id of every dropped trade, in order."""
        with self._lock:
            return list(self._dropped)

    def drop(self, n: int, stream: str = EVERY_STREAM) -> None:
        """The next ``n`` prints are consumed and never sent; REST tells them."""
        self._add(_Rule("drop", stream, n))

    def repeat(self, n: int, stream: str = EVERY_STREAM) -> None:
        """The next ``n`` messages are sent twice."""
        self._add(_Rule("repeat", stream, n))

    def reorder(self, n: int, stream: str = EVERY_STREAM) -> None:
        """The next ``n`` neighbouring pairs of messages swap places."""
        self._add(_Rule("reorder", stream, n))

    def delay(self, n: int, milliseconds: int, stream: str = EVERY_STREAM) -> None:
        """The next ``n`` messages are sent this much later (wall time); what follows keeps behind them."""
        self._add(_Rule("delay", stream, n, milliseconds=milliseconds))

    def stall(self, stream: str = EVERY_STREAM) -> None:
        """Data of these streams (all kinds, not only trades) is lost until ``clear("stall")``."""
        self._add(_Rule("stall", stream, -1))

    def garbage(self, stream: str = EVERY_STREAM, kinds: Sequence[str] | None = None) -> None:
        """Malformed frames precede the next trade of such a stream, once; all kinds of them where None."""
        with self._lock:
            self._garbage.append(Garbage(stream, None if kinds is None else tuple(kinds)))

    def reject(self, topic: str, n: int = -1) -> None:
        """Bybit has no handler for such a topic, for ``n`` subscriptions (-1: until cleared)."""
        self._add(_Rule("reject", topic, n))

    def refuse(self, n: int = -1, status: int = 0) -> None:
        """WebSocket handshakes get an HTTP status, or an ended connection where 0."""
        self._add(_Rule("refuse", "*", n, status=status))

    def http(self, status: int, retry_after: int | None = None, n: int = 1, path: str = "*") -> None:
        """The next ``n`` REST requests (-1: until cleared) of such a path get this status."""
        self._add(_Rule("http", path, n, status=status, retry_after=retry_after))

    def slow(self, milliseconds: int, n: int = -1, path: str = "*") -> None:
        """The next ``n`` REST requests (-1: until cleared) of such a path are answered this much later."""
        self._add(_Rule("slow", path, n, milliseconds=milliseconds))

    def close(self, venue: Venue | None = None, code: int = 1001, reason: str = "") -> None:
        """Closes every open socket (of one venue) now; code 1006 ends them without a handshake."""
        self._command(Cut(venue, code, reason))

    def server_shutdown(self) -> None:
        """Sends ``serverShutdown`` on every Binance connection now."""
        self._command(Shutdown())

    def clear(self, kind: str | None = None) -> None:
        """Ends faults that still wait, of one kind or all; counts stay."""
        with self._lock:
            self._rules = [rule for rule in self._rules if kind is not None and rule.kind != kind]
            if kind in (None, "garbage"):
                self._garbage.clear()
        self.wake()

    # What follows is for the server.

    def take(self, kind: str, stream: str) -> int | None:
        """Uses up one of a waiting fault; its milliseconds, or None where nothing waits."""
        rule = self._use(kind, stream)
        return None if rule is None else rule.milliseconds

    def take_http(self, kind: str, path: str) -> HttpFault | None:
        """Uses up one ``http`` or ``refuse`` fault and counts it."""
        rule = self._use(kind, path)
        if rule is None:
            return None
        self.count(kind)
        return HttpFault(rule.status, rule.retry_after)

    def take_garbage(self, stream: str) -> list[Garbage]:
        """Garbage due on a stream; what is taken is done with."""
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
        """Notes that something was done."""
        with self._lock:
            self._counts[kind] += n

    def note_dropped(self, stream: str, print_id: int) -> None:
        """Notes a dropped print."""
        with self._lock:
            self._counts["drop"] += 1
            self._dropped.append((stream, print_id))

    @property
    def idle(self) -> bool:
        """Whether no fault of messages waits: the server's shortcut."""
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
