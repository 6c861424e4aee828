"""Every path of the server, relative to its root."""

from __future__ import annotations

from typing import Final

PAGES: Final = ("embed", "compare")  # besides the front page, which is the root
HELP: Final = "help"
HEALTH: Final = "health"
READY: Final = "ready"
METRICS: Final = "metrics"
SOCKET: Final = "ws/orderflow"
EXPORT: Final = "api/export.csv"
REPLAY: Final = "api/replay"
