"""A venue's own one-minute klines, by REST, and what is known of how they are made."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Literal, Protocol

from orderflow_dash.exchanges.binance import rest as binance_rest
from orderflow_dash.exchanges.bybit import rest as bybit_rest
from orderflow_dash.feeds.kline_rules import differs_on_binance, differs_on_bybit
from orderflow_dash.feeds.rest import RestClient
from orderflow_dash.market import MINUTE_MS, Difference, Instrument, Kline

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


class BinanceKlines:
    """Klines of Binance USD-M.

    An aggregate trade tells its volume twice: ``q`` with RPI fills, which is what we count, and ``nq``
    without. Which of the two klines sum is not documented, so it is learned from a minute that has RPI
    fills, by its single trades.
    """

    most = 499  # weight 2
    proves_loss = False
    differs = staticmethod(differs_on_binance)

    def __init__(self, rest: RestClient) -> None:
        self.basis: Basis | None = "unknown"
        self._rest = rest

    def is_busy(self) -> bool:
        """Whether half of the venue's weight is used up."""
        return self._rest.used_weight() > _HALF_OF_THE_BUDGET

    def fetch(self, instrument: Instrument, first: int, last: int) -> list[Kline]:
        """One request of weight 1 or 2."""
        query = binance_rest.klines_query(instrument.symbol, first, last)
        return binance_rest.parse_klines(self._rest.get(binance_rest.KLINES_PATH, query), instrument)

    def hours(self, instrument: Instrument, count: int) -> list[Kline]:
        """The newest hours, at most 99, old to new; the last is under way. One request of weight 1."""
        query = binance_rest.hours_query(instrument.symbol, count)
        return binance_rest.parse_klines(self._rest.get(binance_rest.KLINES_PATH, query), instrument)

    def learn_basis(self, instrument: Instrument, kline: Kline) -> None:
        """Sum both volumes of the minute's trades; up to 5 requests of weight 20.

        A minute without RPI fills, or with more trades than that, tells nothing.
        """
        trades = self._trades(instrument, kline.open_ts)
        if trades is None or any(trade.plain is None for trade in trades):
            return
        with_rpi = _sums((trade.volume, trade.bought) for trade in trades)
        without = _sums((trade.plain or Decimal(0), trade.bought) for trade in trades)
        if with_rpi == without:
            return
        quantity = kline.grid.quantity.decimal
        of_kline = quantity(kline.volume), quantity(kline.buy_volume or 0)
        if of_kline == with_rpi:
            self.basis = "q"
        elif of_kline == without:
            self.basis = "nq"

    def _trades(self, instrument: Instrument, open_ts: int) -> list[binance_rest.AggVolume] | None:
        """All aggregate trades of a minute; None where there are too many."""
        end = open_ts + MINUTE_MS
        query: dict[str, str | int] = {"startTime": open_ts, "endTime": end - 1}
        found: list[binance_rest.AggVolume] = []
        for _ in range(REQUESTS_TO_LEARN):
            query |= {"symbol": instrument.symbol, "limit": TRADES_OF_A_REQUEST}
            page = binance_rest.parse_agg_volumes(self._rest.get(binance_rest.AGG_TRADES_PATH, query))
            found += [trade for trade in page if trade.time < end]
            if len(page) < TRADES_OF_A_REQUEST or page[-1].time >= end:
                return found
            query = {"fromId": page[-1].id + 1}
        return None


def _sums(volumes: Iterable[tuple[Decimal, bool]]) -> tuple[Decimal, Decimal]:
    """Volume, and volume whose aggressor bought."""
    total = bought = Decimal(0)
    for volume, is_buy in volumes:
        total += volume
        bought += volume if is_buy else 0
    return total, bought


class BybitKlines:
    """Klines of Bybit linear perpetuals. Its trades tell one volume, with RPI fills."""

    most = 999
    proves_loss = True
    differs = staticmethod(differs_on_bybit)
    basis: Basis | None = None

    def __init__(self, rest: RestClient) -> None:
        self._rest = rest

    def is_busy(self) -> bool:
        """Never: the venue counts requests, 600 in 5 s, and this asks a few a second at most."""
        return False

    def fetch(self, instrument: Instrument, first: int, last: int) -> list[Kline]:
        """One request."""
        query = bybit_rest.klines_query(instrument.symbol, first, last)
        return bybit_rest.parse_klines(self._rest.get(bybit_rest.KLINES_PATH, query), instrument)

    def hours(self, instrument: Instrument, count: int) -> list[Kline]:
        """The newest hours, at most 1,000, old to new; the last is under way. One request."""
        query = bybit_rest.hours_query(instrument.symbol, count)
        return bybit_rest.parse_klines(self._rest.get(bybit_rest.KLINES_PATH, query), instrument)

    def learn_basis(self, instrument: Instrument, kline: Kline) -> None:
        """Nothing to learn."""
