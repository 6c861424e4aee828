"""gunicorn's configuration (``-c python:orderflow_dash.server.gunicorn_config``). One process, threads.

A second worker would be a second aggregator, and threads do not survive a preload's fork.
"""

from __future__ import annotations

import gc
import logging
import resource
import socket
import sys
from struct import pack

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger

from orderflow_dash import __version__
from orderflow_dash.access.exposure import exposure_warning
from orderflow_dash.runtime.logs import TextLines, configure_logging, fields
from orderflow_dash.runtime.malloc import limit_arenas, start_trimming
from orderflow_dash.server.worker import PAGE_THREADS, Worker
from orderflow_dash.settings import SettingsError, load_settings

_REQUEST_S = 10
_KEPT_BY_BROWSER = 6  # connections, to one host
_OTHER_FILES = 200
_LEAST_STALL_S = 5  # a network may be away for so long, whatever the ping

limit_arenas()  # before there are threads

try:
    _settings = load_settings()
except SettingsError as error:
    sys.exit(f"orderflow-dash: {error}")

configure_logging(_settings.log_level, _settings.log_format, _settings.secrets())
log = logging.getLogger(__name__)


class OurLines(Logger):  # type: ignore[misc]
    """gunicorn's own lines in our form."""

    def setup(self, cfg: Config) -> None:
        """As ever, but what would go to standard error goes the way of all lines."""
        super().setup(cfg)
        for own, place in ((self.error_log, cfg.errorlog), (self.access_log, cfg.accesslog)):
            if place == "-":
                own.handlers.clear()
                own.propagate = True
            for handler in own.handlers:  # in a file there are no secrets either
                handler.setFormatter(TextLines())


def _most_connections(of_sockets: int) -> int:
    """How many connections may be open: beyond, nobody is let in, not even who asks for ``/health``.

    Browsers keep several to a host, whether or not they ask for something. As many as this process may have
    files; where the host allows more than it gives by default, that is taken.
    """
    wanted = of_sockets + _KEPT_BY_BROWSER * _settings.max_panels
    others = _settings.max_sockets + _OTHER_FILES  # a socket's thread waits on a file of its own
    given, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if given != resource.RLIM_INFINITY and given < wanted + others:
        given = wanted + others if most == resource.RLIM_INFINITY else min(wanted + others, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (given, most))
    return wanted if given == resource.RLIM_INFINITY else max(of_sockets, min(wanted, given - others))


bind = f"0.0.0.0:{_settings.port}"
workers = 1
worker_class = Worker
threads = _settings.max_sockets + PAGE_THREADS
worker_connections = _most_connections(threads)
timeout = 60
graceful_timeout = 5  # well below the 30 s after which a Heroku-style host kills
keepalive = 95  # above the router's 90 s
control_socket_disable = True
secure_scheme_headers: dict[
    str, str
] = {}  # what proxies say is web/http/proxies.py's to believe, and nobody else's
forwarder_headers = ""
worker_tmp_dir = "/dev/shm"  # noqa: S108 - a heartbeat file that must not wait for a disk
loglevel = _settings.log_level.lower()
logger_class = OurLines


def when_ready(server: Arbiter) -> None:
    """Bound how long a client may be half-way: one that stops sending or taking would keep its thread.

    The kernel's timeouts are inherited by the connections. A websocket's reader waits for data elsewhere.
    What a client is sent and takes nothing of blocks the ping too; the kernel ends such a connection.
    Also says so where strangers may come in: only here the addresses are known.
    """
    stall_ms = int(1000 * max(_LEAST_STALL_S, _settings.ping_interval))
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, pack("ll", _REQUEST_S, 0))
        if hasattr(socket, "TCP_USER_TIMEOUT") and listener.sock.family != socket.AF_UNIX:
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, stall_ms)
    told = " ".join(str(listener) for listener in server.LISTENERS)
    log.info("serving", extra=fields(version=__version__, address=told))
    addresses = [listener.sock.getsockname() for listener in server.LISTENERS]
    if warning := exposure_warning(addresses, _settings.auth):
        log.warning("%s", warning)


def post_worker_init(worker: Worker) -> None:  # noqa: ARG001 - gunicorn's signature
    """Look after the memory of the process that serves."""
    gc.freeze()  # what was loaded for life need not be searched at every collection
    start_trimming()
