"""Error responses: oversized bodies, unknown paths, malformed requests, crashed handlers."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from urllib.parse import urlsplit

from flask import Flask, Request, Response, abort, redirect, request, send_from_directory
from flask.sessions import SessionInterface
from werkzeug.exceptions import HTTPException
from werkzeug.routing import RequestRedirect
from werkzeug.wrappers import Response as AnyResponse

from orderflow_dash.runtime.redaction import redact
from orderflow_dash.web.assets import assets_folder
from orderflow_dash.web.routes import HELP, PAGES

log = logging.getLogger(__name__)

_LARGEST_BODY = 1 << 16  # bytes; a page of six panels sends 12 kB
_LONGEST_CAUSE = 200
_ICON_S = 24 * 3600  # its URL has no version
_PACKAGE = str(Path(__file__).parents[2])


class _NoSessions(SessionInterface):
    """Reads and sets no cookie: the state of a page is in its address and in the browser."""

    def open_session(self, app: Flask, request: Request) -> None:
        """None: Flask treats the session as unavailable."""


def register_error_handlers(server: Flask, prefix: str = "/") -> None:
    """Limit request bodies, redirect each page to one URL, and answer errors in one line.

    Unknown paths return 404, malformed requests 400; a page's URL with a trailing slash redirects to it.
    """
    roots = (prefix, *(f"{prefix}{page}/" for page in PAGES))
    anything = {f"{root}<path:path>" for root in roots}
    slashed = {f"{prefix}{page}/": f"{prefix}{page}" for page in (*PAGES, HELP)}
    server.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    server.session_interface = _NoSessions()
    # No handler is a coroutine; Flask would check that for each function of each request.
    server.ensure_sync = lambda function: function  # type: ignore[method-assign,assignment]

    @server.before_request
    def reject_control_characters() -> None:
        # The router's redirects would copy them into a header.
        if any(byte < 0x20 or byte == 0x7F for byte in request.query_string):
            abort(400)

    @server.before_request
    def redirect_on_this_host() -> AnyResponse | None:
        # The router's redirects repeat the Host of the request, and the path, which may contain a token.
        found = request.routing_exception
        if not isinstance(found, RequestRedirect):
            return None
        parts = urlsplit(found.new_url)
        path = f"/{parts.path.lstrip('/')}"
        return redirect(f"{path}?{parts.query}" if parts.query else path, found.code)

    @server.before_request
    def redirect_to_page() -> AnyResponse | None:
        page = slashed.get(request.path)
        if page is None:
            return None
        query = request.query_string.decode(errors="replace")
        return redirect(f"{page}?{query}" if query else page, 308)

    @server.before_request
    def reject_unknown_paths() -> None:
        # Dash answers any other path with the page; monitors and typing errors need a 404.
        if request.url_rule is not None and request.url_rule.rule in anything:
            abort(404)

    @server.get("/favicon.ico")
    def favicon() -> Response:
        """The icon of responses that name none."""
        return send_from_directory(assets_folder(), "favicon.svg", max_age=_ICON_S)

    @server.errorhandler(Exception)
    def answer(error: Exception) -> Response | HTTPException:
        if isinstance(error, HTTPException):
            return error
        files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        if any(file.startswith(_PACKAGE) and file != __file__ for file in files):
            log.exception("%s crashed", redact(request.path)[:_LONGEST_CAUSE])
            return Response("internal error", 500, mimetype="text/plain")
        # Dash rejected the request.
        cause = f"{type(error).__name__}: {str(error)[:_LONGEST_CAUSE]!r}"
        log.warning("malformed request to %s: %s", redact(request.path)[:_LONGEST_CAUSE], cause)
        return Response("malformed request", 400, mimetype="text/plain")
