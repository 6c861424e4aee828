"""The server process: gunicorn's configuration and start."""

from __future__ import annotations

from typing import Final

PAGE_THREADS: Final = 24
"""Threads for requests; each websocket holds one more for its life."""
