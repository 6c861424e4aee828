"""The venues' candle intervals and statistics periods, by the venues' names."""

from __future__ import annotations

from orderflow_dash.market import HOUR_MS, MINUTE_MS

BINANCE_KLINES = {
    **{f"{n}m": n * MINUTE_MS for n in (1, 3, 5, 15, 30)},
    **{f"{n}h": n * HOUR_MS for n in (1, 2, 4, 6, 8, 12)},
    "1d": 24 * HOUR_MS,
}
BINANCE_PERIODS = {name: ms for name, ms in BINANCE_KLINES.items() if name not in ("1m", "3m", "8h")}
"""Of ``/futures/data``."""

BYBIT_KLINES = {
    **{str(n): n * MINUTE_MS for n in (1, 3, 5, 15, 30, 60, 120, 240, 360, 720)},
    "D": 24 * HOUR_MS,
}
BYBIT_PERIODS = {
    **{f"{n}min": n * MINUTE_MS for n in (5, 15, 30)},
    "1h": HOUR_MS,
    "4h": 4 * HOUR_MS,
    "1d": 24 * HOUR_MS,
}
"""Of open interest and of the ratio of accounts."""
