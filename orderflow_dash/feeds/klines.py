"""The interface of a venue's one-minute klines, for reconciliation."""

from __future__ import annotations

from typing import Literal, Protocol

from orderflow_dash.market import Difference, Instrument, Kline

Basis = Literal["q", "nq", "unknown"]

TRADES_OF_A_REQUEST = 1_000
REQUESTS_TO_LEARN = 5


class KlineSource(Protocol):
    """One venue's klines. Requests raise RestError or ValueError."""

    most: int  # minutes of one request
    proves_loss: bool  # trade ids cannot prove that a minute's trades all came; its kline can
    basis: Basis | None  # which of its two volumes its klines sum; None where it has only one

    def differs(self, candle: Kline, kline: Kline, before: Kline | None) -> Difference | None:
        """The first field that differs by the venue's rule, or None; see ``kline_rules``."""

    def is_busy(self) -> bool:
        """Whether the rest of the venue's request budget is reserved for backfills."""

    def fetch(self, instrument: Instrument, first: int, last: int) -> list[Kline]:
        """The minutes that open from ``first`` to ``last`` (ms, both inclusive), old to new."""

    def learn_basis(self, instrument: Instrument, kline: Kline) -> None:
        """Detect ``basis`` from the single trades of a kline's minute, if they show it."""
