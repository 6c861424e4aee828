"""gunicorn's worker with threads, which answers pages' updates itself and lets no client hold its loop.

A thousand panels ask a thousand times a second for what is mostly built already: handing each question to a
thread and back costs as much as the answer. So the loop answers those that cannot keep it: the question is
there to the last byte, a thread has let in one with the same head before (a password takes 100 ms to check),
the route itself waits for nothing, and what the client does not take at once a thread goes on to send.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from types import FrameType
from typing import Any, Final

from gunicorn.workers.gthread import TConn, ThreadWorker

_LOOKED_AT: Final = 8192  # bytes; the question of a page with one panel takes one kilobyte
_MOST_KNOWN: Final = 10_000  # heads; a browser's are alike but for the length of what it asks
_LINGER_S: Final = 0.5
_LET_IN: Final = b"HTTP/1.1 200 "
_LENGTH: Final = re.compile(rb"\r\ncontent-length:[ \t]*([0-9]{1,6})[ \t]*(?=\r|$)", re.IGNORECASE)

_KEPT: Final[Future[object]] = Future()
_KEPT.set_result(True)


class _Answer:
    """Stands for a connection's socket while a request is answered: keeps the answer, and never waits."""

    def __init__(self, client: socket.socket) -> None:
        self._client = client
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a socket has
        return getattr(self._client, name)

    def setblocking(self, flag: bool) -> None:
        """Not now: whoever reads more than there is gets an error instead of waiting."""

    def sendall(self, data: bytes) -> None:
        """Keep it."""
        self._parts.append(data)

    def taken(self) -> bytes:
        """All that was to be sent."""
        return b"".join(self._parts)


class Worker(ThreadWorker):  # type: ignore[misc]
    """The one worker of the app."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.alive: bool
        self._known: set[bytes] = set()

    def load_wsgi(self) -> None:
        """Load the application: only here, for the process that watches this one needs none of it."""
        super().load_wsgi()
        from .web.panel_updates import PATH
        from .wsgi import application

        self._application = application
        self._is_update = re.compile(rb"POST /(?:\S*/)?%b HTTP/1\.1\r\n" % PATH.encode()).match

    # -- the loop ----------------------------------------------------------------------------

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Somebody who was here before asks for something."""
        head = self._head_of_update(client) if self.alive else None
        if head is None:
            super().on_client_socket_readable(conn, client)
            return
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        if head not in self._known:
            self._in_thread(conn, self._answer_and_send, conn, head)
            return
        keep, answer = self._answer(conn)
        sent = 0
        with suppress(OSError):  # it takes nothing now, or is gone: a thread will see
            sent = client.send(answer)
        if keep and sent == len(answer):
            self.finish_request(conn, _KEPT)
        else:
            self._in_thread(conn, self._send, conn, answer[sent:], keep)

    def _head_of_update(self, client: socket.socket) -> bytes | None:
        """The head of a request for updates that is there as a whole; None where there is none."""
        try:
            there = client.recv(_LOOKED_AT, socket.MSG_PEEK | socket.MSG_DONTWAIT)
        except OSError:
            return None
        if self._is_update(there) is None:
            return None
        head, _, body = there.partition(b"\r\n\r\n")
        lengths = _LENGTH.findall(head)
        if len(lengths) != 1 or int(lengths[0]) > len(body) or b"transfer-encoding" in head.lower():
            return None
        return head

    def enqueue_req(self, conn: TConn) -> None:
        """Have a thread handle it."""
        self._in_thread(conn, self.handle, conn)

    def finish_request(self, conn: TConn, fs: Future[object]) -> None:
        """Wait for what comes next on a connection; one that is not kept its thread has closed."""
        if fs.result():
            super().finish_request(conn, fs)
        else:
            self.nr_conns -= 1

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal's handler
        """End between two requests: the one that a signal interrupts may hold what the ending needs."""
        self.method_queue.defer(self._end)

    handle_quit = handle_exit  # Ctrl-C ends the same way

    def _end(self) -> None:
        """Tell clients before waiting for their threads."""
        if self.alive:  # a host signals every process, and the watching one then signals this one again
            self._application.stop()
            self.alive = False
            # gunicorn would wait two seconds for what may still come on connections that browsers keep.
            until = time.monotonic() + _LINGER_S
            for conn in self.keepalived_conns:
                conn.timeout = min(conn.timeout, until)

    # -- threads -----------------------------------------------------------------------------

    def _in_thread(self, conn: TConn, work: Callable[..., object], *args: object) -> None:
        done = self.tpool.submit(self._and_close, conn, work, *args)
        done.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    @staticmethod
    def _and_close(conn: TConn, work: Callable[..., object], *args: object) -> object:
        """Close what is not kept: gunicorn does in its loop, and a client may take seconds to let go."""
        keep: object = False
        try:
            keep = work(*args)
        finally:
            if not keep:
                with suppress(OSError):  # closed already, as websockets are
                    conn.close(graceful=True)
        return keep

    def _answer(self, conn: TConn) -> tuple[bool, bytes]:
        """Whether a connection is kept, and the answer to what is there on it."""
        client = conn.sock
        kept = conn.sock = _Answer(client)
        try:
            return bool(self.handle(conn)), kept.taken()
        finally:
            conn.sock = client

    def _answer_and_send(self, conn: TConn, head: bytes) -> bool:
        keep, answer = self._answer(conn)
        if answer.startswith(_LET_IN):
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known.add(head)
        return self._send(conn, answer, keep)

    @staticmethod
    def _send(conn: TConn, rest: bytes, keep: bool) -> bool:
        """Send however long it takes; the kernel ends a connection that takes nothing."""
        conn.sock.setblocking(True)
        try:
            conn.sock.sendall(rest)
        except OSError:
            return False
        return keep
