"""Where log lines go and what they look like."""

from __future__ import annotations

import logging


def configure_logging(level: str) -> None:
    """Lines on standard error: time, level, logger, message."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    for chatty in ("alembic", "httpx", "httpcore", "websockets", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
    logging.getLogger("gunicorn.error").addFilter(_is_news)


def _is_news(record: logging.LogRecord) -> bool:
    """A request that stopped half-way and ran out of time is the client's affair, not worth a traceback."""
    return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))
