"""The edge of the server: what is too large, unknown or malformed ends here, in a line."""

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

_LARGEST_BODY = 1 << 16  # bytes; a page of six panels asks with 12 kB
_LONGEST_CAUSE = 200
_ICON_S = 24 * 3600  # its address names no version
_PACKAGE = str(Path(__file__).parents[2])


class _NoSessions(SessionInterface):
    """No cookie is read or set: what a page knows stands in its address and in the browser."""

    def open_session(self, app: Flask, request: Request) -> None:
        """None, which Flask takes for a session that cannot be used."""


def register_error_handlers(server: Flask, prefix: str = "/") -> None:
    """Bound request bodies, give each page one address, and answer what is unknown or malformed.

    Unknown paths are 404, malformed requests 400; a page's address with a slash too many leads to the page.
    """
    roots = (prefix, *(f"{prefix}{page}/" for page in PAGES))
    anything = {f"{root}<path:path>" for root in roots}
    slashed = {f"{prefix}{page}/": f"{prefix}{page}" for page in (*PAGES, HELP)}
    server.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY
    server.session_interface = _NoSessions()
    # Nothing here is a coroutine, and Flask would look whether it is, at each function and each request.
    server.ensure_sync = lambda function: function  # type: ignore[method-assign,assignment]

    @server.before_request
    def refuse_control_characters() -> None:
        # No client may send them bare, and the router's own redirects would carry them into a header.
        if any(byte < 0x20 or byte == 0x7F for byte in request.query_string):
            abort(400)

    @server.before_request
    def redirect_on_this_host() -> AnyResponse | None:
        # The router's own redirects repeat the Host of the request, and the path, where a token may stand.
        found = request.routing_exception
        if not isinstance(found, RequestRedirect):
            return None
        parts = urlsplit(found.new_url)
        path = f"/{parts.path.lstrip('/')}"
        return redirect(f"{path}?{parts.query}" if parts.query else path, found.code)

    @server.before_request
    def lead_to_the_one_address() -> AnyResponse | None:
        page = slashed.get(request.path)
        if page is None:
            return None
        query = request.query_string.decode(errors="replace")
        return redirect(f"{page}?{query}" if query else page, 308)

    @server.before_request
    def refuse_unknown_paths() -> None:
        # Dash has a rule for each of its own paths and one more that answers any other with the page:
        # monitors and typing errors deserve a 404.
        if request.url_rule is not None and request.url_rule.rule in anything:
            abort(404)

    @server.get("/favicon.ico")
    def favicon() -> Response:
        """Where browsers look for the icon of an answer that names none."""
        return send_from_directory(assets_folder(), "favicon.svg", max_age=_ICON_S)

    @server.errorhandler(Exception)
    def answer(error: Exception) -> Response | HTTPException:
        if isinstance(error, HTTPException):
            return error
        files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        if any(file.startswith(_PACKAGE) and file != __file__ for file in files):
            log.exception("%s failed on a defect", redact(request.path)[:_LONGEST_CAUSE])
            return Response("internal error", 500, mimetype="text/plain")
        # The page's framework could not make sense of it: the request is malformed.
        cause = f"{type(error).__name__}: {str(error)[:_LONGEST_CAUSE]!r}"
        log.warning("malformed request to %s: %s", redact(request.path)[:_LONGEST_CAUSE], cause)
        return Response("malformed request", 400, mimetype="text/plain")
