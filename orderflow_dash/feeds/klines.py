"""A venue's own one-minute klines, by REST, and what is known of how they are made."""

from __future__ import annotations

from typing import Literal, Protocol

from orderflow_dash.market import Difference, Instrument, Kline

Basis = Literal["q", "nq", "unknown"]

TRADES_OF_A_REQUEST = 1_000
REQUESTS_TO_LEARN = 5
_HALF_OF_THE_BUDGET = 1_200  # of Binance's 2,400 weight a minute: the rest is for what is missing


class KlineSource(Protocol):
    """How one venue tells its klines. Requests raise RestError or ValueError."""

    most: int  # minutes of one request
    proves_loss: bool  # only they can tell that trades of a minute never came: the trades' ids cannot
    basis: Basis | None  # which of its two volumes its klines sum; None where it tells only one

    def differs(self, ours: Kline, theirs: Kline, before: Kline | None) -> Difference | None:
        """The venue's rule, see ``kline_rules``."""

    def is_busy(self) -> bool:
        """Whether what is left of the venue's budget should be left to others."""

    def fetch(self, instrument: Instrument, first: int, last: int) -> list[Kline]:
        """The minutes that open from ``first`` to ``last`` (ms, both inclusive), old to new."""

    def learn_basis(self, instrument: Instrument, kline: Kline) -> None:
        """Find out ``basis`` by the single trades of a kline's minute, where they can tell."""
