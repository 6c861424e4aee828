"""Log lines: one for each event, for people (logfmt) or for programs (JSON), without secrets.

A line has ``ts`` (UTC), ``level``, ``logger``, ``msg``, then ``request_id`` where it belongs to a request,
the fields of the event, and ``trace`` where an error led to it. Line ends and control characters in any of
them are escaped, so that nobody outside can write a line of ours.
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
    """``extra`` of a log call: the fields of the event, by name."""
    return {"fields": named}


def configure_logging(level: str, form: LogFormat = "text", secrets: Iterable[str] = ()) -> None:
    """Write lines to standard error from now on, of this level and above; none tells these secrets."""
    redact.hide(secrets)
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines() if form == "json" else TextLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.captureWarnings(True)
    threading.excepthook = _thread_ended
    for chatty in ("alembic", "httpx", "httpcore", "websockets", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("gunicorn.error").addFilter(_is_news)


class TextLines(logging.Formatter):
    """``name=value`` by spaces; a value with a space or a mark in it stands in quotes."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        return " ".join(f"{name}={_quoted(_text(value))}" for name, value in _event(record).items())


class JsonLines(logging.Formatter):
    """A JSON object, ASCII throughout."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        told = {
            name: value if isinstance(value, bool | int | float | None) else _text(value)
            for name, value in _event(record).items()
        }
        return json.dumps(told).replace("\x7f", "\\u007f")


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
    """A control character, a line separator of another kind, or one that turns the direction of writing."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _thread_ended(arguments: threading.ExceptHookArgs) -> None:
    """A thread that is not ours to supervise: a library's."""
    if arguments.exc_value is not None and not isinstance(arguments.exc_value, SystemExit):
        name = arguments.thread.name if arguments.thread is not None else "a thread"
        error = (arguments.exc_type, arguments.exc_value, arguments.exc_traceback)
        logging.getLogger(__name__).error("%s ended on an error", name, exc_info=error)


def _is_news(record: logging.LogRecord) -> bool:
    """A request or an answer that stopped half-way and ran out of time is the client's affair.

    It is not worth a traceback, whether our own wait ended (``BlockingIOError``) or the kernel's.
    """
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError | TimeoutError))
