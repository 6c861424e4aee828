"""The edge of the server: what is too large, unknown or malformed ends here, in a line."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Final

from flask import Flask, Response, abort, request
from werkzeug.exceptions import HTTPException

from ..logs import redacted

log = logging.getLogger(__name__)

_LARGEST_BODY = 1 << 20  # bytes; a page's own requests are a few kilobytes
_LONGEST_CAUSE = 200
PAGES: Final = ("embed", "compare")  # beside the front page
_PACKAGE = str(Path(__file__).parents[1])


def guard_edge(server: Flask, prefix: str = "/") -> None:
    """Bound request bodies, refuse unknown paths, and answer what cannot be understood with 400."""
    roots = tuple(f"{prefix}{page}" for page in ("", *(f"{name}/" for name in PAGES)))
    own = tuple(f"{root}{start}" for root in roots for start in ("_", "assets/"))
    server.config["MAX_CONTENT_LENGTH"] = _LARGEST_BODY

    @server.before_request
    def refuse_unknown_paths() -> None:
        # Dash answers every path with the page; monitors and typing errors deserve a 404.
        rule = request.url_rule
        is_any = rule is not None and rule.rule.endswith("<path:path>") and rule.rule.count("<") == 1
        if is_any and request.path != prefix and not request.path.startswith(own):
            abort(404)

    @server.errorhandler(Exception)
    def answer(error: Exception) -> Response | HTTPException:
        if isinstance(error, HTTPException):
            return error
        files = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
        if any(file.startswith(_PACKAGE) and file != __file__ for file in files):
            log.exception("%s failed on a defect", redacted(request.path)[:_LONGEST_CAUSE])
            return Response("internal error", 500, mimetype="text/plain")
        # The page's framework could not make sense of it: the request is malformed.
        cause = f"{type(error).__name__}: {str(error)[:_LONGEST_CAUSE]!r}"
        log.warning("malformed request to %s: %s", redacted(request.path)[:_LONGEST_CAUSE], cause)
        return Response("malformed request", 400, mimetype="text/plain")
