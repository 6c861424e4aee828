"""``/ws/orderflow``: a view of the hub as messages. The one module that knows flask-sock."""

from __future__ import annotations

import threading
import time
from contextlib import suppress
from functools import partial
from socket import SHUT_RDWR, SHUT_WR

from flask import Flask, Response, request
from flask_sock import Sock
from simple_websocket import ConnectionClosed, Server

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
_DETAIL_EVERY_S = 5.0  # a cause that changes while the state stands, seconds counting down, is told so often
_GOODBYE_S = 1.0
_LARGEST_MESSAGE = 1024  # nothing that a client sends means anything
_CONNECTIONS = ("gunicorn.socket", "werkzeug.socket")  # where a server puts the connection of a request


class _Flood(Exception):
    """The client says more than anybody needs to."""


def register_socket(server: Flask, hub: Hub, settings: Settings, prefix: str = "/") -> None:
    """Serve the socket under a path prefix. Must come before the server's first request."""
    server.config["SOCK_SERVER_OPTIONS"] = {
        "ping_interval": settings.ping_interval,
        "max_message_size": _LARGEST_MESSAGE,
        "thread_class": partial(threading.Thread, daemon=True),  # a reader must not hold up the exit
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
        # One string goes to all clients; compressing it once per client would cost more than all the rest.
        request.environ.pop("HTTP_SEC_WEBSOCKET_EXTENSIONS", None)
        if request.url_rule is None or not request.url_rule.websocket:
            return
        for name in _CONNECTIONS:
            if name in request.environ:
                request.environ[name] = ClientSocket(request.environ[name])

    @server.get(prefix + routes.SOCKET)
    def no_upgrade() -> Response:
        return Response("a websocket is spoken here", 426, {"Upgrade": "websocket"}, mimetype="text/plain")

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
            pass  # the client has gone; the close of its file races with a send
        finally:
            _hang_up(websocket)


def _hang_up(websocket: Server) -> None:
    """End the connection: first our side, so that the client gets what was sent, then all of it.

    A server that keeps connections alive would leave the client waiting, and a reader thread whose
    file is closed under it would wait for the next ping.
    """
    with suppress(OSError):
        websocket.sock.shutdown(SHUT_WR)
        websocket.thread.join(_GOODBYE_S)
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
                websocket.close(_POLICY_VIOLATION, "the access has expired")
                return
            reason = "the replay was moved" if view.is_closed else "the server is going down"
    except (Unavailable, LimitReached) as error:
        _refuse(websocket, QueryError("unavailable", None, error_text(error)))
        return
    websocket.close(_SERVICE_RESTART, reason)


def _refuse(websocket: Server, error: QueryError) -> None:
    SOCKET_REFUSALS.labels(error.code).inc()
    websocket.send(encode_error(error.code, error.param, str(error)))
    websocket.close(_POLICY_VIOLATION, error.code)


def _stream(websocket: Server, hub: Hub, view: View, query: ViewQuery) -> None:
    """Send what changed, every ``emit_ms``, until the client, the server or the view goes.

    A client that reads slowly blocks its own send and then gets the newest state of each candle: nothing
    is queued for it.
    """
    await_history(
        view,
        query.lookback,
        hub.stopping,
        lambda seconds: _wait(websocket, hub, time.monotonic() + seconds),
    )
    begun = view.cvd_from, view.history_version
    snapshot, revision, oldest = view.snapshot(query.lookback)
    websocket.send(snapshot)
    SNAPSHOTS_SENT.inc()
    told: tuple[State, str] | None = None
    tell_again = 0.0
    period = query.emit_ms / 1000
    next_emit = time.monotonic()
    while not hub.stopping.is_set() and not view.is_closed and not grant.has_expired():
        status = view.status()
        now = time.monotonic()
        if told is None or status.state is not told[0] or (status.detail != told[1] and now >= tell_again):
            websocket.send(view.status_message(status))
            told, tell_again = (status.state, status.detail), now + _DETAIL_EVERY_S
        begins = view.cvd_from, view.history_version
        if begins != begun and status.state is not State.REPAIRING:
            # Older candles have come, or what CVD counts from is another: only a snapshot tells it.
            snapshot, revision, oldest = view.snapshot(query.lookback)
            websocket.send(snapshot)
            SNAPSHOTS_SENT.inc()
            begun = begins
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
    """Wait, and notice at once where the client closes. What it says is of no interest, if it is little."""
    while not hub.stopping.is_set():
        if websocket.sock.is_flooding:
            raise _Flood
        left = until - time.monotonic()
        if left <= 0:
            return
        websocket.receive(timeout=min(left, 0.5))
