"""``/ws/orderflow``: a view of the hub as messages. The only module that uses flask-sock."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from socket import SHUT_RDWR, SHUT_WR

from flask import Flask, Response, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server
from werkzeug.exceptions import ServiceUnavailable

from orderflow_dash.live.hub import Hub, Unavailable
from orderflow_dash.live.view import View
from orderflow_dash.market import State
from orderflow_dash.runtime.client_limits import ConnectionLimiter, LimitReached, client_limit
from orderflow_dash.runtime.telemetry import (
    CONFLATIONS,
    DELTAS_SENT,
    SNAPSHOTS_SENT,
    SOCKET_REFUSALS,
    SOCKETS,
)
from orderflow_dash.settings import Settings
from orderflow_dash.web import grant, routes
from orderflow_dash.web.api.client_socket import ClientSocket
from orderflow_dash.web.api.history_wait import await_history
from orderflow_dash.web.api.open_sockets import open_sockets
from orderflow_dash.web.grant import current_client
from orderflow_dash.web.limit_text import error_text, limit_text
from orderflow_dash.web.query import QueryError, ViewQuery, parse_view_query
from orderflow_dash.wire import encode_error

_POLICY_VIOLATION = 1008
_TRY_AGAIN_LATER = 1013
_SERVICE_RESTART = 1012
_DETAIL_EVERY_S = 5.0  # between status messages of one state whose detail changes, such as a countdown
_CLOSE_TIMEOUT_S = 1.0
_LARGEST_MESSAGE = 1024  # bytes; client messages are ignored
# Keys of a request's connection in the WSGI environment.
_CONNECTIONS = ("gunicorn.socket", "werkzeug.socket")
log = logging.getLogger(__name__)


class _Flood(Exception):
    """The client sends too much."""


class _Reader(threading.Thread):
    """The websocket library's reader thread, started after the handshake."""

    def __init__(self, target: Callable[[], None]) -> None:
        super().__init__(target=target, daemon=True)  # a reader must not delay the exit

    def start(self) -> None:
        """Start, or disconnect the client: after the handshake, an HTTP error would be a bad frame."""
        try:
            super().start()
        except RuntimeError as error:
            SOCKET_REFUSALS.labels("no_thread").inc()
            log.error("a websocket is refused: %s", error)
            for name in _CONNECTIONS:
                if name in request.environ:
                    request.environ[name].shutdown(SHUT_RDWR)
            raise ServiceUnavailable from error


def register_socket(server: Flask, hub: Hub, settings: Settings, prefix: str = "/") -> None:
    """Serve the socket under a path prefix. Call before the server's first request."""
    server.config["SOCK_SERVER_OPTIONS"] = {
        "ping_interval": settings.ping_interval,
        "max_message_size": _LARGEST_MESSAGE,
        "thread_class": _Reader,
    }
    sock = Sock(server)
    limiter = ConnectionLimiter(
        "socket",
        settings.max_sockets,
        client_limit(settings.max_sockets, settings.max_sockets_per_client),
    )
    sockets = open_sockets(server)

    @server.before_request
    def prepare_connection() -> None:
        # All clients get one string; compressing it for each would cost more than everything else.
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        if request.url_rule is None or not request.url_rule.websocket:
            return
        for name in _CONNECTIONS:
            if name in request.environ:
                request.environ[name] = ClientSocket(request.environ[name])

    @server.get(prefix + routes.SOCKET)
    def no_upgrade() -> Response:
        return Response("WebSocket upgrade required", 426, {"Upgrade": "websocket"}, mimetype="text/plain")

    @sock.route(prefix + routes.SOCKET)  # type: ignore[untyped-decorator]
    def orderflow(websocket: Server) -> None:
        try:
            with limiter.connection(current_client()), SOCKETS.track_inprogress(), sockets.track(websocket):
                _serve(websocket, hub)
        except LimitReached as error:
            SOCKET_REFUSALS.labels("too_many_clients").inc()
            with suppress(ConnectionClosed, OSError):
                websocket.send(encode_error("too_many_clients", None, limit_text(error)))
                websocket.close(_TRY_AGAIN_LATER, "too many clients")
        except _Flood:
            SOCKET_REFUSALS.labels("too_many_messages").inc()
            with suppress(ConnectionClosed, OSError):
                websocket.close(_POLICY_VIOLATION, "too many messages")
        except (ConnectionClosed, OSError):
            pass  # the client has left; closing its file races with a send
        finally:
            _close_connection(websocket)


def _close_connection(websocket: Server) -> None:
    """Close the connection: first for writing, so that the client gets everything, then for reading.

    With keep-alive the client would wait for more, and a reader thread whose file is closed would wait for
    the next ping.
    """
    with suppress(OSError):
        websocket.sock.shutdown(SHUT_WR)
        websocket.thread.join(_CLOSE_TIMEOUT_S)
        websocket.sock.shutdown(SHUT_RDWR)


def _serve(websocket: Server, hub: Hub) -> None:
    try:
        query = parse_view_query(request.args.to_dict(), hub, grant.current_scope())
    except QueryError as error:
        _refuse(websocket, error)
        return
    try:
        with hub.watch(query.key, current_client()) as view:
            _stream(websocket, hub, view, query)
            if grant.has_expired():
                websocket.close(_POLICY_VIOLATION, "access has expired")
                return
            reason = "replay position changed" if view.is_closed else "server is shutting down"
    except (Unavailable, LimitReached) as error:
        _refuse(websocket, QueryError("unavailable", None, error_text(error)))
        return
    websocket.close(_SERVICE_RESTART, reason)


def _refuse(websocket: Server, error: QueryError) -> None:
    SOCKET_REFUSALS.labels(error.code).inc()
    websocket.send(encode_error(error.code, error.param, str(error)))
    websocket.close(_POLICY_VIOLATION, error.code)


def _stream(websocket: Server, hub: Hub, view: View, query: ViewQuery) -> None:
    """Send the changes every ``emit_ms``, until the client, the server or the view ends.

    A client that reads slowly blocks its own send and then gets the newest state of each candle: nothing
    is queued for it.
    """
    await_history(
        view,
        query.lookback,
        hub.stopping,
        lambda seconds: _wait(websocket, hub, time.monotonic() + seconds),
    )
    sent_start = view.cvd_from, view.history_version
    snapshot, revision, oldest = view.snapshot(query.lookback)
    websocket.send(snapshot)
    SNAPSHOTS_SENT.inc()
    sent_status: tuple[State, str] | None = None
    next_detail = 0.0
    period = query.emit_ms / 1000
    next_emit = time.monotonic()
    while not hub.stopping.is_set() and not view.is_closed and not grant.has_expired():
        status = view.status()
        now = time.monotonic()
        if (
            sent_status is None
            or status.state is not sent_status[0]
            or (status.detail != sent_status[1] and now >= next_detail)
        ):
            websocket.send(view.status_message(status))
            sent_status, next_detail = (status.state, status.detail), now + _DETAIL_EVERY_S
        start = view.cvd_from, view.history_version
        if start != sent_start and status.state is not State.REPAIRING:
            # Older candles or another start of the CVD: a delta cannot express them.
            snapshot, revision, oldest = view.snapshot(query.lookback)
            websocket.send(snapshot)
            SNAPSHOTS_SENT.inc()
            sent_start = start
        deltas, revision = view.deltas(revision, oldest)
        for delta in deltas:
            websocket.send(delta)
        if deltas:
            DELTAS_SENT.inc(len(deltas))
        if time.monotonic() > next_emit + period:
            CONFLATIONS.inc()
        next_emit = max(next_emit + period, time.monotonic())
        _wait(websocket, hub, next_emit)


def _wait(websocket: Server, hub: Hub, until: float) -> None:
    """Wait, and return early when the client closes. Its messages are ignored unless it floods."""
    while not hub.stopping.is_set():
        if websocket.sock.is_flooding:
            raise _Flood
        left = until - time.monotonic()
        if left <= 0:
            return
        websocket.receive(timeout=min(left, 0.5))
