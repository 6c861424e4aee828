"""Where log lines go and what they look like."""

from __future__ import annotations

import logging


def configure_logging(level: str) -> None:
    """Lines on standard error: time, level, logger, message."""
    logging.basicConfig(level=level, format="%(asctime)s %(levelname)-7s %(name)s: %(message)s")
    for chatty in ("httpx", "httpcore", "websockets", "werkzeug"):
        logging.getLogger(chatty).setLevel(logging.WARNING)
