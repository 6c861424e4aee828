"""gunicorn's configuration (``-c python:orderflow_dash.server.gunicorn_config``): one process with threads.

A second worker would be a second aggregator, and threads do not survive a preload's fork. The worker is
gunicorn's own; a proxy in front of it has to buffer requests and responses of slow clients (docs/deploy.md).
"""

from __future__ import annotations

import gc
import logging
import resource
import socket
import sys
import threading
import time
from concurrent.futures import Executor
from struct import pack
from typing import Final

from gunicorn.arbiter import Arbiter
from gunicorn.config import Config
from gunicorn.glogging import Logger
from gunicorn.workers.gthread import ThreadWorker

from orderflow_dash import __version__
from orderflow_dash.access.exposure import open_to_strangers
from orderflow_dash.runtime.logs import TextLines, configure_logging, fields
from orderflow_dash.runtime.malloc import begin_giving_back, bound_heaps
from orderflow_dash.server import PAGE_THREADS
from orderflow_dash.settings import SettingsError, load_settings

_RECEIVE_S: Final = 10  # pause within a request
_SILENT_S: Final = 60  # until a connection without a request is accepted
_MIN_STALL_S: Final = 5  # a network may be down for so long, whatever the ping interval
_CONNECTIONS_PER_PAGE: Final = 6  # of a browser, to one host
_OTHER_FILES: Final = 200
_MIN_OTHER_FILES: Final = 64
_STOP_CHECK_S: Final = 0.05

bound_heaps()  # before there are threads

try:
    _settings = load_settings()
except SettingsError as error:
    sys.exit(f"orderflow-dash: {error}")

configure_logging(_settings.log_level, _settings.log_format, _settings.secrets())
log = logging.getLogger(__name__)


class UniformLogger(Logger):  # type: ignore[misc]
    """Writes gunicorn's lines in the format of all others."""

    def setup(self, cfg: Config) -> None:
        """Send what would go to standard error through the root logger."""
        super().setup(cfg)
        for own, place in ((self.error_log, cfg.errorlog), (self.access_log, cfg.accesslog)):
            if place == "-":
                own.handlers.clear()
                own.propagate = True
            for handler in own.handlers:  # a file has no secrets either
                handler.setFormatter(TextLines())


def _max_connections(of_threads: int) -> int:
    """The connections that may be open; further ones wait in the kernel's queue.

    Browsers keep several to a host whether or not they use them. An accept without a free file would end
    gunicorn's loop, so the limit stays below that of open files, which is raised as far as the host allows.
    """
    wanted = of_threads + _CONNECTIONS_PER_PAGE * _settings.max_panels
    others = _settings.max_sockets + _OTHER_FILES  # each websocket waits on a file of its own
    files, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if files == resource.RLIM_INFINITY:
        return wanted
    if files < wanted + others:
        files = wanted + others if most == resource.RLIM_INFINITY else min(wanted + others, most)
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, most))
    if files >= of_threads + others:
        return min(wanted, files - others)
    fitting = max(1, (files - _MIN_OTHER_FILES) // 2)  # as many as may all be websockets
    log.warning("only %d open files are allowed: at most %d connections", files, fitting)
    return fitting


bind = f"0.0.0.0:{_settings.port}"
workers = 1
worker_class = "gthread"
threads = _settings.max_sockets + PAGE_THREADS
worker_connections = _max_connections(threads)
timeout = 60
graceful_timeout = 3  # the application stops within 1.5 s; connections are cut after this
keepalive = 95  # above the 90 s of a Heroku-style router
control_socket_disable = True
secure_scheme_headers: dict[str, str] = {}  # web/http/proxies.py decides which proxies to trust
forwarder_headers = ""
worker_tmp_dir = "/dev/shm"  # noqa: S108 - a heartbeat file that must not wait for a disk
loglevel = _settings.log_level.lower()
logger_class = UniformLogger


def when_ready(server: Arbiter) -> None:
    """Bound how long a client may stall, with options of the listeners that connections inherit.

    A connection without a request stays in the kernel. One that pauses within a request, or takes nothing of
    its response, loses its thread; on a websocket the latter also blocks the ping.
    """
    stall_ms = int(1000 * max(_MIN_STALL_S, _settings.ping_interval))
    for listener in server.LISTENERS:
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, pack("ll", _RECEIVE_S, 0))
        if listener.sock.family == socket.AF_UNIX:
            continue
        for name, value in (("TCP_DEFER_ACCEPT", _SILENT_S), ("TCP_USER_TIMEOUT", stall_ms)):
            if hasattr(socket, name):
                listener.sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
    address = " ".join(str(listener) for listener in server.LISTENERS)
    log.info("serving", extra=fields(version=__version__, address=address))
    addresses = [listener.sock.getsockname() for listener in server.LISTENERS]  # known only now
    if warning := open_to_strangers(addresses, _settings.access):
        log.warning("%s", warning)


def post_worker_init(worker: ThreadWorker) -> None:
    """Prepare the process that serves."""
    _start_threads(worker.tpool)
    threading.Thread(target=_stop_with, args=(worker,), name="stop", daemon=True).start()
    gc.freeze()  # no collection needs to search what was loaded for life
    begin_giving_back()


def worker_exit(server: Arbiter, worker: ThreadWorker) -> None:  # noqa: ARG001 - gunicorn's signature
    """Stop the application, however the worker ends; gunicorn also calls this in the parent."""
    if "orderflow_dash.wsgi" in sys.modules:
        _stop_application()


def _start_threads(pool: Executor) -> None:
    """Start all threads of the pool, so that a host without room for them fails at the start.

    A thread that cannot be started later would end gunicorn's loop.
    """
    started = threading.Barrier(threads + 1)
    try:
        for _ in range(threads):
            pool.submit(started.wait)
    except RuntimeError as error:
        started.abort()
        log.error("%s: %d threads are needed; lower ORDERFLOW_MAX_SOCKETS", error, threads)
        sys.exit(Arbiter.WORKER_BOOT_ERROR)
    started.wait()


def _stop_with(worker: ThreadWorker) -> None:
    """Stop the application as soon as gunicorn's loop ends, which then waits for open websockets."""
    while worker.alive:
        time.sleep(_STOP_CHECK_S)
    _stop_application()


_stopping = threading.Lock()
_is_stopped = False


def _stop_application() -> None:
    global _is_stopped
    from orderflow_dash.wsgi import application  # only in the process that serves

    with _stopping:
        if not _is_stopped:
            application.stop()
        _is_stopped = True
