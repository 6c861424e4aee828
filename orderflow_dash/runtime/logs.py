"""Log lines, one per event, as logfmt or JSON, without secrets.

A line has ``ts`` (UTC), ``level``, ``logger``, ``msg``, then ``request_id`` for events of a request, the
fields of the event, and ``trace`` for errors. Line ends and control characters are escaped, so that a client
cannot forge a line.
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterable
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any, Final, Literal

from orderflow_dash.runtime.redaction import redact

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")

LogFormat = Literal["text", "json"]

_LONGEST: Final = 16_000  # characters of one value
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\\": "\\\\", '"': '\\"'}


def fields(**named: object) -> dict[str, Any]:
    """The ``extra`` argument of a log call with the fields of the event."""
    return {"fields": named}


def configure_logging(level: str, form: LogFormat = "text", secrets: Iterable[str] = ()) -> None:
    """Write lines of this level and above to standard error, with these secrets redacted."""
    redact.hide(secrets)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    threading.excepthook = _log_thread_crash
    for chatty in ("alembic", "httpx", "httpcore", "websockets", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("gunicorn.error").addFilter(_is_server_error)


class TextLines(logging.Formatter):
    """``name=value`` separated by spaces; values with spaces or special characters are quoted."""

    def format(self, record: logging.LogRecord) -> str:
        return " ".join(f"{name}={_quoted(_text(value))}" for name, value in _event(record).items())


class JsonLines(logging.Formatter):
    """A JSON object, ASCII throughout."""

    def format(self, record: logging.LogRecord) -> str:
        event = {
            name: value if isinstance(value, bool | int | float | None) else _text(value)
            for name, value in _event(record).items()
        }
        return json.dumps(event).replace("\x7f", "\\u007f")


def _event(record: logging.LogRecord) -> dict[str, object]:
    event: dict[str, object] = {
        "ts": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S}.{int(record.msecs):03d}Z",
        "level": record.levelname.lower(),
        "logger": record.name,
        "msg": record.getMessage(),
    }
    request_id = REQUEST_ID.get()
    if request_id:
        event["request_id"] = request_id
    event.update(getattr(record, "fields", {}))
    if record.exc_info and record.exc_info[0] is not None:
        event["trace"] = logging.Formatter().formatException(record.exc_info)
    return event


def _text(value: object) -> str:
    text = redact(str(value))
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST // 2]} ... {text[-_LONGEST // 2 :]}"


def _quoted(text: str) -> str:
    if text.isprintable() and text and not any(mark in text for mark in ' "=\\'):
        return text
    escaped = (_ESCAPES.get(each) or (each if each.isprintable() else _code(each)) for each in text)
    return f'"{"".join(escaped)}"'


def _code(character: str) -> str:
    """The escape of a control character, a line separator, or a bidirectional mark."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _log_thread_crash(arguments: threading.ExceptHookArgs) -> None:
    """Log the crash of a library's thread, which is not supervised."""
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        name = arguments.thread.name if arguments.thread is not None else "a thread"
        error = (arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
        logging.getLogger(__name__).error("%s crashed", name, exc_info=error)


def _is_server_error(record: logging.LogRecord) -> bool:
    """Whether an error is the server's: a client that stalls is not worth a traceback.

    Its timeout is the server's (``BlockingIOError``) or the kernel's.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError | TimeoutError))
