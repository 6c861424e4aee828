"""One view: what the past gives it, next to what the series knows."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from orderflow_dash.feeds.sequencing import Known
from orderflow_dash.feeds.stream import StreamStatus, TradeSink
from orderflow_dash.footprint.candle import Candle
from orderflow_dash.live.stream import SeriesStream, StoredSeries
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import MINUTE_MS, Instrument, Quality, State, Timeframe, Venue
from orderflow_dash.store.candles import stored_candles
from orderflow_dash.store.minutes import StoredMinute, restore
from tests.store.market import BTC, START, minute


class Nothing:
    """A venue that gives no trades."""

    def subscribe(self, symbol: str, sink: TradeSink, known: Known | None = None) -> None:
        """Nothing comes."""

    def unsubscribe(self, symbol: str) -> None:
        """Nothing came."""

    def status(self, symbol: str) -> StreamStatus:
        return StreamStatus(State.LIVE, "", None)

    def health(self) -> dict[str, object]:
        return {}


class Stored:
    """Minutes that are kept."""

    def __init__(self, kept: Sequence[StoredMinute]) -> None:
        self._kept = kept

    def read_older(
        self,
        instrument: Instrument,
        timeframe: Timeframe,
        step: int,
        since: int,
        until: int,
        adopt: Callable[[Sequence[Candle]], None],
    ) -> None:
        adopt(stored_candles([each for each in self._kept if since <= each.open_ts < until], timeframe, step))


def test_stored_candles_get_the_quality_the_series_knows() -> None:
    """A candle in which the series starts is partial; one that a gap reaches back to is a gap."""
    older = [minute(index, verified=True) for index in (*range(12, 35), 38)]
    live = [restore(minute(index)) for index in range(60, 75)]
    stream = SeriesStream(BTC, Nothing(), 500)
    gap = START + 39 * MINUTE_MS, START + 60 * MINUTE_MS + 5
    known = Known(live[-1].end_ts, 1)
    stream.start(StoredSeries(BTC.grid, live, [gap], START + 12 * MINUTE_MS, [], known))
    view = View(ViewKey(Venue.BINANCE, "BTCUSDT", Timeframe.M15, BTC.tick), stream, Stored(older))
    view.request_older(5)
    found = [
        ((candle.open_ts - START) // MINUTE_MS, candle.quality, candle.verified) for candle in view.candles(5)
    ]
    assert found == [
        (0, Quality.PARTIAL, None),
        (15, Quality.COMPLETE, True),
        (30, Quality.GAP, None),
        (60, Quality.GAP, None),
    ]
