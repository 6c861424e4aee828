"""``/api/replay``: state and control of the replay."""

from __future__ import annotations

import math
from typing import Any

import orjson
from flask import Flask, Response, request
from werkzeug.exceptions import RequestEntityTooLarge

from orderflow_dash.replay.replay import FASTEST, NotLoaded, Replay
from orderflow_dash.web import routes

_LARGEST_BODY = 1024
_FIELDS = ("paused", "speed", "seek_ms")
_NO_REPLAY = "no replay is running: start one with orderflow-dash replay FILE..."


def register_replay_api(server: Flask, replay: Replay | None, prefix: str = "/") -> None:
    """Serve it under a path prefix; 404 without a replay."""

    @server.get(prefix + routes.REPLAY)
    def replay_state() -> Response:
        """The state."""
        if replay is None:
            return _error(404, _NO_REPLAY)
        return _json(replay.state(), 200)

    @server.post(prefix + routes.REPLAY)
    def steer_replay() -> Response:
        """Change ``paused``, ``speed`` or the time, and return the new state."""
        if replay is None:
            return _error(404, _NO_REPLAY)
        # Pages of other origins cannot send this type without a preflight.
        if request.mimetype != "application/json":
            return _error(415, "the body must be application/json")
        request.max_content_length = _LARGEST_BODY
        try:
            wish = orjson.loads(request.get_data())
        except RequestEntityTooLarge:
            return _error(413, f"the body is longer than {_LARGEST_BODY} bytes")
        except orjson.JSONDecodeError as error:
            return _error(400, f"not JSON: {error}")
        try:
            replay.steer(**_checked(wish))
        except NotLoaded as error:
            return _error(409, str(error))
        except ValueError as error:
            # Errors of _checked name their field; after it only the recording's span can be violated.
            text = str(error)
            return _error(400, text if text.startswith("Invalid ") else f"Invalid seek_ms: {text}")
        return _json(replay.state(), 200)


def _checked(wish: object) -> dict[str, Any]:
    """The three fields, None if absent. Raises ValueError with the invalid field and what is valid."""
    if not isinstance(wish, dict) or not wish or not wish.keys() <= set(_FIELDS):
        raise ValueError(f"Invalid body: use an object with one or more of {', '.join(_FIELDS)}")
    paused, speed, seek_ms = (wish.get(name) for name in _FIELDS)
    if "paused" in wish and not isinstance(paused, bool):
        raise ValueError("Invalid paused: use true or false")
    if "speed" in wish and not _is_speed(speed):
        raise ValueError(f"Invalid speed: use a number from 0 (as fast as possible) to {FASTEST:g}")
    if "seek_ms" in wish and (not isinstance(seek_ms, int) or isinstance(seek_ms, bool)):
        raise ValueError("Invalid seek_ms: use a whole number of ms since the epoch")
    return {"paused": paused, "speed": speed, "seek_ms": seek_ms}


def _is_speed(value: object) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and 0 <= value <= FASTEST  # type: ignore[arg-type,operator]


def _error(status: int, message: str) -> Response:
    return _json({"error": message}, status)


def _json(body: object, status: int) -> Response:
    response = Response(orjson.dumps(body), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
