"""gunicorn's logs, access log included where somebody turns it on, without the tokens of addresses."""

from __future__ import annotations

import logging

from gunicorn.config import Config
from gunicorn.glogging import Logger

from .logs import Redacted


class RequestLogger(Logger):  # type: ignore[misc]
    """gunicorn's own logger with lines that hold no token."""

    def setup(self, cfg: Config) -> None:
        """Set it up as configured, at the start and at each reload."""
        super().setup(cfg)
        for log in (self.error_log, self.access_log):
            for handler in log.handlers:
                if not isinstance(handler.formatter, Redacted):
                    handler.setFormatter(Redacted(handler.formatter or logging.Formatter()))
