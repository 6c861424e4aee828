"""Where log lines go and what they look like."""

from __future__ import annotations

import logging
import re
from typing import Final

_TOKENS: Final = re.compile(r"(?<=/embed/t/)[^/?&\s\"]+|(?<=[?&]token=)[^&\s\"]+")


def configure_logging(level: str) -> None:
    """Lines on standard error: time, level, logger, message."""
    handler = logging.StreamHandler()
    handler.setFormatter(Redacted(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s: %(message)s")))
    logging.basicConfig(level=level, handlers=[handler])
    for chatty in ("alembic", "httpx", "httpcore", "websockets", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("gunicorn.error").addFilter(_is_news)


def redacted(text: str) -> str:
    """A text without the embed tokens of the addresses in it."""
    return _TOKENS.sub("***", text)


class Redacted(logging.Formatter):
    """Lines as another formatter makes them, tracebacks included, without embed tokens."""

    def __init__(self, lines: logging.Formatter) -> None:
        super().__init__()
        self._lines = lines

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        return redacted(self._lines.format(record))


def _is_news(record: logging.LogRecord) -> bool:
    """A request that stopped half-way and ran out of time is the client's affair, not worth a traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))
