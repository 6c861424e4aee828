"""The latency that the server reports to a panel."""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal

from orderflow_dash.feeds.clock import ClockReading
from orderflow_dash.feeds.feed import Timeliness
from orderflow_dash.feeds.latency import LagMeter, LagReading
from orderflow_dash.live.stream import SeriesStream
from orderflow_dash.live.view import View, ViewKey
from orderflow_dash.market import MINUTE_MS, Timeframe, Venue
from orderflow_dash.web.latency import latency_report
from tests.conftest import Served, wait_until
from tests.exchanges.frames import instrument

KEY = ViewKey(Venue.BINANCE, "BTCUSDT", Timeframe.M1, Decimal("0.1"))


class Trades:
    """A feed with a timeliness that the test sets."""

    def __init__(self, timeliness: Timeliness | None) -> None:
        self._timeliness = timeliness

    def timeliness(self, symbol: str) -> Timeliness | None:
        return self._timeliness

    def lags(self) -> LagMeter | None:
        return None


class Bench:
    """A view whose trades the test gives, with ages."""

    def __init__(self, timeliness: Timeliness | None = None) -> None:
        self.stream = SeriesStream(instrument("BTCUSDT", "0.1", "0.001"), Trades(timeliness), 500)  # type: ignore[arg-type]
        self.view = View(KEY, self.stream)
        self.order = 0
        self.revision = -1

    def trade(self, age_ms: int) -> None:
        """One that the exchange made so long ago."""
        self.order += 1
        self.stream.on_trades([(int(time.time() * 1000) - age_ms, self.order, 1_000, 5)])

    def emit(self) -> None:
        """What a client's turn does."""
        _, self.revision = self.view.deltas(self.revision, 0)


def test_each_delta_with_a_new_trade_reports_its_age() -> None:
    """The first is only the baseline; the age is taken at encoding, under the delta's ``server_ts``."""
    bench = Bench()
    for age in (900, 500, 200):
        bench.trade(age)
        bench.emit()
    now = int(time.time() * 1000)
    sent = bench.view.sent_since(0)
    assert [each.age_ms // 100 for each in sent] == [5, 2]
    assert all(now - 1_000 < each.server_ts <= now for each in sent)
    assert bench.view.sent_since(now + 1) == []


def test_a_change_without_a_new_trade_has_no_age() -> None:
    """A verdict on a minute, or a late trade, is sent too, but does not measure latency."""
    bench = Bench()
    for age in (900, 500):
        bench.trade(age)
        bench.emit()
    bench.trade(700)
    bench.emit()
    bench.stream.series.verify({bench.stream.series.oldest_open: True})
    bench.emit()
    assert len(bench.view.sent_since(0)) == 1


def test_clients_of_one_view_add_nothing() -> None:
    """A delta is encoded once, for all its clients."""
    bench = Bench()
    for age in (900, 500):
        bench.trade(age)
        for _ in range(5):
            bench.view.deltas(-1, 0)
    assert len(bench.view.sent_since(0)) == 1


def test_only_the_newest_are_kept() -> None:
    """However long it streams."""
    bench = Bench()
    for age in range(MINUTE_MS, MINUTE_MS - 100, -1):
        bench.trade(age - 50_000)
        bench.emit()
    assert len(bench.view.sent_since(0)) <= 32


def test_a_panel_gets_lag_clock_and_the_sent_deltas() -> None:
    """Short, because every poll carries it."""
    bench = Bench(Timeliness(LagReading(61, 150, 900), ClockReading(-12, 20)))
    report = latency_report(bench.view)
    assert report == {
        "venue": "Binance",
        "series": "binance BTCUSDT 60000",
        "received": [61, 150],
        "clock": [-12, 20],
        "sent": [],
    }


def test_an_unknown_latency_is_none() -> None:
    """Not zero."""
    report = latency_report(Bench(Timeliness(None, None)).view)
    assert report is not None
    assert (report["received"], report["clock"]) == (None, None)
    assert latency_report(Bench().view) is None


def test_recorded_trades_have_no_latency(serve: Callable[..., Served], tmp_path) -> None:
    """Neither the panel nor /health reports one."""
    path = tmp_path / "BTCUSDT-aggTrades-2026-01-01.csv"
    rows = [f"{n},100.0,1.0,{n},{n},{1_767_225_600_000 + n * 10},true" for n in range(1, 500)]
    path.write_text("\n".join(rows) + "\n")
    app = serve(replay=str(path), replay_speed=20)
    wait_until(lambda: app.hub.instruments(), 20)
    view = app.hub.lease("tab", KEY)
    wait_until(lambda: view.candles(1), 20)
    assert latency_report(view) is None
    assert app.health("binance")["lag"] is None
