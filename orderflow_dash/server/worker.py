"""gunicorn's worker with threads; it answers open pages itself, and no client holds its loop or its threads.

A thousand panels ask a thousand times a second for what is mostly built already: what a thread, gunicorn and
Flask do for each costs several times as much as the answer. So a question whose head, to the byte, passed the
whole app a moment ago is answered by the loop (``follow_ups.py``), which never waits for anybody: it looks
only at questions that are there as a whole, and what a client does not take at once a thread goes on to send.

A thread is given to a connection that has sent something, and for so long as a question may take to arrive.
"""

from __future__ import annotations

import logging
import math
import re
import selectors
import socket
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import suppress
from functools import partial
from types import FrameType
from typing import Any, Final, NamedTuple

from gunicorn.util import http_date
from gunicorn.workers.gthread import TConn, ThreadWorker

from orderflow_dash.server.follow_ups import OFFER, FollowUps

log = logging.getLogger(__name__)

PAGE_THREADS: Final = 28
"""For whatever is no websocket, each of which holds a thread for life."""

_LOOKED_AT: Final = 8192  # bytes; the question of a page with one panel takes one kilobyte
_STANDS_S: Final = 60.0  # then a question passes the whole app again
_MOST_STANDING: Final = 2_000
_ARRIVES_S: Final = 10.0  # a question, from its first byte to its last
_LOOK_S: Final = 0.1  # how often late ones are looked for
_LINGER_S: Final = 0.5  # for what may still come once the app has been asked to end
_CUT_S: Final = 1.0  # then whoever still holds a thread is cut
_ID: Final = b"x-request-id"
_OF_EACH: Final = frozenset(
    {
        *(_ID, b"x-request-start", b"traceparent", b"tracestate", b"x-amzn-trace-id", b"cf-ray"),
        *(b"x-cloud-trace-context", b"fly-request-id", b"x-b3-traceid", b"x-b3-spanid"),
    }
)
"""Headers by which hosts and proxies tell requests apart. The app reads the first of them alone."""

_LENGTH: Final = re.compile(rb"[ \t]*([0-9]{1,6})[ \t]*")
_PLAIN: Final = re.compile(rb"[\t\x20-\x7e]*")
_OK: Final = b"HTTP/1.1 200 "


class _Head(NamedTuple):
    """What questions have in common."""

    peer: str
    lines: tuple[bytes, ...]  # but for the length of the body and what tells requests apart


class _Question(NamedTuple):
    """A question that is there as a whole."""

    head: _Head
    given_id: str
    body: bytes


class _Standing(NamedTuple):
    """A head that has passed the whole app."""

    follow_ups: FollowUps
    status: str  # line of the answer
    headers: dict[str, str]  # of the answer
    until: float


class _Kept:
    """Stands for a connection's socket while a question passes the app: keeps answer and offer."""

    def __init__(self, client: socket.socket) -> None:
        self.follow_ups: FollowUps | None = None
        self._client = client
        self._parts: list[bytes] = []

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever a socket has
        return getattr(self._client, name)

    def sendall(self, data: bytes) -> None:
        """Keep it."""
        self._parts.append(data)

    def offer(self, follow_ups: FollowUps) -> None:
        """What the app calls."""
        self.follow_ups = follow_ups

    def taken(self) -> bytes:
        """All that was to be sent."""
        return b"".join(self._parts)


class Worker(ThreadWorker):  # type: ignore[misc]
    """The one worker of the app."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        super().__init__(*args, **kwargs)
        self.alive: bool
        self.wsgi: Callable[..., object]
        self._standing: dict[_Head, _Standing] = {}
        self._in_threads: set[socket.socket] = set()
        self._arriving: dict[socket.socket, float] = {}  # until when a question must be there, monotonic
        self._cut = math.inf  # when whoever is left is cut, monotonic
        self._looked = -math.inf

    def load_wsgi(self) -> None:
        """Load the application: only here, for the process that watches this one needs none of it."""
        super().load_wsgi()
        from orderflow_dash.web.routes import PANELS
        from orderflow_dash.wsgi import application

        self._application = application
        self._is_update = re.compile(rb"POST /(?:\S*/)?%b HTTP/1\.1\r\n" % PANELS.encode()).match
        app = self.wsgi

        def wsgi(environ: dict[str, Any], start_response: Callable[..., object]) -> object:
            client = environ["gunicorn.socket"]
            if not environ.get("CONTENT_LENGTH") and "HTTP_TRANSFER_ENCODING" not in environ:
                self._arriving.pop(client, None)
            if isinstance(client, _Kept):
                environ[OFFER] = client.offer
            return app(environ, start_response)

        self.wsgi = wsgi

    # -- the loop ----------------------------------------------------------------------------

    def on_client_socket_readable(self, conn: TConn, client: socket.socket) -> None:
        """Somebody who was here before asks for something."""
        try:
            there = client.recv(_LOOKED_AT)
        except BlockingIOError:
            return  # nothing, after all
        except OSError:
            there = b""
        question = _question(conn, there) if self.alive and self._is_update(there) else None
        answer = None if question is None else self._follow_up(question)
        if answer is None:
            conn.head = None if question is None else question.head
            conn.parser.unreader.unread(there)
            super().on_client_socket_readable(conn, client)
            return
        self.keepalived_conns.remove(conn)
        sent = 0
        with suppress(OSError):  # it takes nothing now, or is gone: a thread will see
            sent = client.send(answer)
        if sent < len(answer):
            self.poller.unregister(client)
            self._in_thread(conn, self._send, conn, answer[sent:])
            return
        conn.set_timeout()
        self.keepalived_conns.append(conn)

    def _follow_up(self, question: _Question) -> bytes | None:
        """The whole answer; None where the question has to pass the app."""
        standing = self._standing.get(question.head)
        if standing is None or standing.until < time.monotonic():
            return None
        try:
            answer = standing.follow_ups(question.body, question.given_id)
        except Exception:  # the loop serves everybody: the app will tell what is wrong, by the usual way
            log.exception("a follow-up question failed")
            self._standing.pop(question.head, None)
            return None
        if answer is None:
            return None
        own = {**answer.headers, "Date": http_date(), "Content-Length": len(answer.body)}
        lines = [f"{name}: {value}" for name, value in {**standing.headers, **own}.items()]
        return "\r\n".join([standing.status, *lines, "\r\n"]).encode("latin-1") + answer.body

    def enqueue_req(self, conn: TConn) -> None:
        """Have a thread handle it, as soon as there is something: browsers connect before they ask."""
        head = conn.__dict__.pop("head", None)
        if head is not None:
            self._in_thread(conn, self._pass, conn, head)
        elif conn.initialized or conn.data_ready:
            self._arriving[conn.sock] = time.monotonic() + _ARRIVES_S
            self._in_thread(conn, self.handle, conn)
        else:
            conn.sock.setblocking(False)
            conn.set_timeout()
            self.pending_conns.append(conn)
            readable = partial(self.on_pending_socket_readable, conn)
            self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def wait_for_and_dispatch_events(self, timeout: float) -> None:
        """Go on soon where the end is awaited."""
        super().wait_for_and_dispatch_events(timeout if self.alive else min(timeout, _LOOK_S))

    def murder_pending(self) -> None:
        """End what stays silent, what sends its question too slowly, and in the end whatever is left."""
        super().murder_pending()
        now = time.monotonic()
        if now < self._looked + _LOOK_S:
            return
        self._looked = now
        for client, until in list(self._arriving.items()):
            if now > until:
                self._arriving.pop(client, None)
                _shut(client, socket.SHUT_RD)
        if now > self._cut:
            for client in self._in_threads:
                _shut(client, socket.SHUT_RDWR)

    def finish_request(self, conn: TConn, fs: Future[object]) -> None:
        """Wait for what comes next on a connection; one that is not kept its thread has closed."""
        self._in_threads.discard(conn.sock)
        self._arriving.pop(conn.sock, None)
        if fs.result():
            super().finish_request(conn, fs)
        else:
            self.nr_conns -= 1

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal's handler
        """End between two questions: what a signal interrupts may hold what the ending needs."""
        self.method_queue.defer(self._end)

    handle_quit = handle_exit  # Ctrl-C ends the same way

    def _end(self) -> None:
        """Tell clients before waiting for their threads."""
        if not self.alive:  # a host signals every process, and the watching one then signals this one again
            return
        self._application.stop()
        self.alive = False
        # gunicorn would wait two seconds for what may still come on connections that browsers keep, and
        # until it is killed for one that has never asked, or for one that takes nothing.
        now = time.monotonic()
        self._cut = now + _CUT_S
        for conn in (*self.keepalived_conns, *self.pending_conns):
            conn.timeout = min(conn.timeout, now + _LINGER_S)
        for client in list(self._arriving):
            self._arriving[client] = now + _LINGER_S

    # -- threads -----------------------------------------------------------------------------

    def _in_thread(self, conn: TConn, work: Callable[..., object], *args: object) -> None:
        self._in_threads.add(conn.sock)
        done = self.tpool.submit(self._and_close, conn, work, *args)
        done.add_done_callback(lambda done: self.method_queue.defer(self.finish_request, conn, done))

    @staticmethod
    def _and_close(conn: TConn, work: Callable[..., object], *args: object) -> object:
        """Close what is not kept: gunicorn does in its loop, and a client may take seconds to let go."""
        keep: object = False
        try:
            keep = work(*args)
        except Exception:  # what gunicorn could not answer either; the loop must not end by it
            log.exception("a connection failed")
        if not keep:
            with suppress(OSError):  # closed already, as websockets are
                conn.close(graceful=True)
        return keep

    def _pass(self, conn: TConn, head: _Head) -> bool:
        """Handle a whole question, and note whether the loop may answer the next one with its head."""
        client = conn.sock
        kept = conn.sock = _Kept(client)
        try:
            keep = bool(self.handle(conn))
        finally:
            conn.sock = client
        answer = kept.taken()
        is_plain = not any(line.lower().startswith(b"transfer-encoding") for line in head.lines)
        if keep and is_plain and kept.follow_ups is not None and answer.startswith(_OK):
            self._note(head, kept.follow_ups, answer)
        return self._send(conn, answer) and keep

    def _note(self, head: _Head, follow_ups: FollowUps, answer: bytes) -> None:
        status, *lines = answer.partition(b"\r\n\r\n")[0].decode("latin-1").split("\r\n")
        headers = {name: value for name, _, value in (line.partition(": ") for line in lines)}
        if len(headers) < len(lines):
            return  # one is there twice
        if len(self._standing) >= _MOST_STANDING:
            self._standing.clear()
        self._standing[head] = _Standing(follow_ups, status, headers, time.monotonic() + _STANDS_S)

    @staticmethod
    def _send(conn: TConn, rest: bytes) -> bool:
        """Send however long it takes; the kernel ends a connection that takes nothing."""
        try:
            conn.sock.setblocking(True)
            conn.sock.sendall(rest)
        except OSError:
            return False
        return True


def _shut(client: socket.socket, how: int) -> None:
    """End one direction of a connection or both, for a thread that waits for it."""
    with suppress(OSError):  # gone by itself
        client.shutdown(how)


def _question(conn: TConn, there: bytes) -> _Question | None:
    """What is there, split; None where it is not whole, or more than one, or has no body."""
    head, end, body = there.partition(b"\r\n\r\n")
    if not end or not body:
        return None
    lines, length, given_id, seen = [], None, "", set()
    for line in head.split(b"\r\n"):
        name, _, value = line.partition(b":")
        name = name.lower()
        if name == b"content-length" and length is None and (found := _LENGTH.fullmatch(value)):
            length = found
        elif name in _OF_EACH and name not in seen and _PLAIN.fullmatch(value):
            seen.add(name)
            if name == _ID:
                given_id = value.decode().strip()
        else:
            lines.append(line)
    if length is None or int(length[1]) != len(body):
        return None
    peer = conn.client[0] if isinstance(conn.client, tuple) else ""
    return _Question(_Head(peer, tuple(lines)), given_id, body)
