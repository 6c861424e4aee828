"""Volumes and CVD of candles in the units of a panel's options, exact and as text.

Base volumes are written to the last lot. Quote volumes are exact sums of each trade at its own price, and are
rounded to whole units of the quote currency only in texts.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.footprint.measures import is_imbalanced
from orderflow_dash.indicators.profile import Profile
from orderflow_dash.indicators.session_cvd import SessionStarts, session_of
from orderflow_dash.market import Grid, Instrument
from orderflow_dash.web.panel.options import DEFAULTS, PanelOptions
from orderflow_dash.web.text import grouped, rounded, signed


class VolumeUnits:
    """Reads candles of one instrument and grid: units of quantity, or of price times quantity for quote."""

    def __init__(
        self,
        instrument: Instrument,
        options: PanelOptions = DEFAULTS,
        starts: SessionStarts | None = None,
        grid: Grid | None = None,
    ) -> None:
        grid = grid or instrument.grid  # of the candles
        self._quantity = grid.quantity
        self._options = options
        self.is_quote = options.units == "quote"
        self._cell = Fraction(grid.price.value) * Fraction(grid.quantity.value)  # a unit of both, in quote
        self._starts: SessionStarts | Mapping[int, tuple[int, int, int]] = starts or {}
        self.minimum = -(-options.min // self._cell)  # of a turnover, units of price times quantity
        self.name = instrument.quote if self.is_quote else instrument.base

    def sides(self, candle: Candle) -> tuple[int, int]:
        """Bid and ask volume."""
        return (candle.quote_bid, candle.quote_ask) if self.is_quote else (candle.bid, candle.ask)

    def delta(self, candle: Candle) -> int:
        """Ask less bid volume."""
        return candle.quote_delta if self.is_quote else candle.delta

    def cvd(self, candle: Candle) -> int | None:
        """CVD at the close from the chosen anchor on; None if the session's start is unknown."""
        cvd = candle.quote_cvd if self.is_quote else candle.cvd
        if self._options.anchor == "running":
            return cvd
        start = self._starts.get(session_of(candle.open_ts))
        return None if start is None else cvd - start[1 if self.is_quote else 0]

    def at_price(self, price: int, lots: int) -> int:
        """A volume that was traded at one price (ticks)."""
        return price * lots if self.is_quote else lots

    def profile_volume(self, profile: Profile) -> int:
        """Volume of a profile; in quote each trade at its own price."""
        return int(profile.vwap * profile.volume) if self.is_quote else profile.volume

    def profile_delta(self, profile: Profile) -> int | None:
        """Delta of a profile; None in quote if rows hold several prices, whose deltas are not kept."""
        if not self.is_quote:
            return profile.delta
        if profile.step != 1:
            return None
        return sum(int(price) * int(ask - bid) for price, bid, ask, _ in profile.levels.tolist())

    def level_sides(self, candle: Candle) -> list[tuple[int, int]]:
        """Bid and ask volume of each level, high to low."""
        columns = candle.turnover if self.is_quote else candle.levels[:, 1:3]
        return [(int(bid), int(ask)) for bid, ask in columns.tolist()]

    def is_imbalanced(self, candle: Candle) -> bool:
        """Whether one side has more than the chosen ratio of the other, and enough to count at all.

        By base volume, whatever the units; the minimum is the heavier side's volume in quote.
        """
        if not is_imbalanced(candle.bid, candle.ask, self._options.exact_ratio):
            return False
        return not self.minimum or max(candle.quote_bid, candle.quote_ask) >= self.minimum

    def text(self, volume: int) -> str:
        """A volume as decimal text, without a plus sign."""
        return grouped(self._plain(volume))

    def signed(self, volume: int | None) -> str:
        """A delta or CVD, with its sign; a dash for None."""
        return "–" if volume is None else signed(self._plain(volume))

    def number(self, volume: int) -> float:
        """For a chart's axis alone."""
        return float(volume * self._cell) if self.is_quote else float(self._quantity.text(volume))

    def _plain(self, volume: int) -> str:
        if not self.is_quote:
            return self._quantity.text(volume)
        digits = rounded(abs(volume) * self._cell, 0)
        return f"-{digits}" if volume < 0 and digits != "0" else digits
