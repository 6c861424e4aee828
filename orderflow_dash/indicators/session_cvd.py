"""CVD per UTC session: the running sums at the start of each session."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from orderflow_dash.footprint.candle import Candle, with_turnover
from orderflow_dash.footprint.hourly import KEPT_HOURS, HourlyLevels
from orderflow_dash.footprint.series import Series
from orderflow_dash.market import DAY_MS, HOUR_MS


class SessionStart(NamedTuple):
    """The running sums before a session's first trade, and the first ms known of it."""

    cvd: int  # lots
    quote_cvd: int  # ticks x lots
    known_from: int


SessionStarts = Mapping[int, SessionStart]
"""By the session's midnight (ms); without sessions whose start is unknown."""


def session_of(open_ts: int) -> int:
    """The UTC midnight (ms) before a time."""
    return open_ts - open_ts % DAY_MS


def session_starts(candles: Sequence[Candle], series: Series, hourly: HourlyLevels) -> SessionStarts:
    """The starts of the sessions of some candles, old to new.

    A session that starts among the candles is read from them; the one before, from the minutes of the series
    and from the hourly levels.
    """
    starts: dict[int, SessionStart] = {}
    for candle in candles:
        session = session_of(candle.open_ts)
        if session in starts:
            continue
        if candle.open_ts != session and session_of(candles[0].open_ts) == session:
            # Candles on a grid that the series has just refined get their start on the next call.
            found = _before_memory(session, series, hourly) if candle.grid == series.grid else None
            if found is not None:
                starts[session] = found
        else:
            before = candle.cvd - candle.delta, candle.quote_cvd - candle.quote_delta
            starts[session] = SessionStart(*before, candle.open_ts)
    return starts


def _before_memory(session: int, series: Series, hourly: HourlyLevels) -> SessionStart | None:
    """A start from the series and the hourly levels; None if neither reaches back to it."""
    if series.first_open is None:
        return None
    first = next(iter(series.minutes(session)), None)
    if first is None:
        return None
    cvd, quote = first.cvd_before, first.quote_before
    known_from = max(series.known_from, session)
    if series.oldest_open < session or series.first_open >= first.open_ts:
        return SessionStart(cvd, quote, known_from)
    if session <= first.open_ts - first.open_ts % HOUR_MS - KEPT_HOURS * HOUR_MS:
        return None  # hours of it may have left the hourly levels
    for hour in hourly.hours(session, first.open_ts):
        if hour.known_to > first.open_ts:
            continue  # memory has that hour itself
        ladder = with_turnover(hour.levels)
        _, bid, ask, _, quote_bid, quote_ask = (int(column.sum()) for column in ladder.T)
        cvd, quote = cvd - (ask - bid), quote - (quote_ask - quote_bid)
        if hour.known_ms:
            known_from = min(known_from, hour.known_from)
    return SessionStart(cvd, quote, known_from)
