"""Request ids in responses and log lines, and the access log."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Iterable
from contextvars import Token
from random import getrandbits
from typing import Final
from urllib.parse import parse_qsl
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from werkzeug.wsgi import ClosingIterator

from orderflow_dash.runtime.logs import REQUEST_ID, fields
from orderflow_dash.runtime.telemetry import REQUESTS
from orderflow_dash.web.panel.options import NAMES

log = logging.getLogger("orderflow_dash.access")

HEADER: Final = "X-Request-ID"
_ACCEPTED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", re.ASCII)
# The parameters of our URLs. The value of any other may be a secret.
_LOGGED: Final = frozenset(
    {"exchange", "symbol", "tf", "step", "lookback", "emit_ms", "rows", "theme", "panel", "link", *NAMES}
)
_MOST_PARAMETERS: Final = 40
_LONGEST_VALUE: Final = 80
_LONGEST_PATH: Final = 200
_CLASSES: Final = {number: REQUESTS.labels(f"{number}xx") for number in range(1, 6)}
_SWITCHED: Final = 101  # a websocket sends its own handshake


class RequestTrace:
    """WSGI middleware.

    Args:
        app: the wrapped application.
        is_logged: whether each request is logged: method, path, query, status, duration and client.
    """

    def __init__(self, app: WSGIApplication, *, is_logged: bool) -> None:
        self._app = app
        self._is_logged = is_logged

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Run the application under a request id, up to the last byte of the response."""
        request = _Request(environ, self._is_logged)

        def respond(status, headers, exc_info=None):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
            request.status = int(status[:3])
            return start_response(status, [*headers, (HEADER, request.id)], exc_info)

        try:
            body = self._app(environ, respond)
        except BaseException:  # flask-sock also ends a websocket this way under gunicorn
            request.end()
            raise
        wrapper = environ.get("wsgi.file_wrapper")
        if isinstance(wrapper, type) and isinstance(body, wrapper):
            request.end()  # the server sends the file, and recognizes it by this type
            return body
        return ClosingIterator(body, request.end)


class _Request:
    def __init__(self, environ: WSGIEnvironment, is_logged: bool) -> None:
        self.id = request_id(environ.get("HTTP_X_REQUEST_ID", ""))
        self.status = _SWITCHED
        self._environ = environ
        self._is_logged = is_logged
        self._started = time.perf_counter()
        self._token: Token[str] = REQUEST_ID.set(self.id)

    def end(self) -> None:
        """Log the request and reset the id: the thread serves another request next."""
        try:
            count_response(self.status)
            if self._is_logged:
                self._write()
        finally:
            REQUEST_ID.reset(self._token)

    def _write(self) -> None:
        environ = self._environ
        path = _utf8(environ.get("SCRIPT_NAME", "") + environ.get("PATH_INFO", ""))[:_LONGEST_PATH]
        line = {
            "method": environ.get("REQUEST_METHOD", "")[:16],
            "path": path,
            "query": logged_query(environ.get("QUERY_STRING", "")),
            "status": self.status,
            "ms": round((time.perf_counter() - self._started) * 1000, 1),
            "client": environ.get("REMOTE_ADDR", ""),
        }
        log.info("request", extra=fields(**line))


def request_id(given: str) -> str:
    """The id of a request: the client's, if it is valid, or a random one."""
    return given if _ACCEPTED.fullmatch(given) else f"{getrandbits(64):016x}"


def count_response(status: int) -> None:
    """Count a response for ``/metrics``."""
    _CLASSES[status // 100].inc()


def logged_query(query: str) -> str:
    """A query string without secrets: our own parameters, and the number of others."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=_MOST_PARAMETERS)
    except ValueError:
        return "(too many parameters)"
    shown = [f"{name}={value[:_LONGEST_VALUE]}" for name, value in pairs if name in _LOGGED]
    hidden = len(pairs) - len(shown)
    return "&".join([*shown, *([f"({hidden} hidden)"] if hidden else [])])


def _utf8(text: str) -> str:
    """A text of the WSGI environment, which decodes bytes as Latin-1."""
    return text.encode("latin-1", "replace").decode("utf-8", "replace")
