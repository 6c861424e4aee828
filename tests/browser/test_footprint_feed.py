"""The chart's client of the socket: exact figures, revisions, reconnecting, sharing."""

from __future__ import annotations

from decimal import Decimal

import pytest

from tests.browser.conftest import OPEN_CONNECTIONS
from tests.browser.footprint_page import ChartPage, Source, candle

# A socket that the test plays: it records what is opened and says what the test wants.
_FAKE = """
window.sockets = [];
window.WebSocket = class {
  constructor(url) { this.url = url; this.readyState = 1; window.sockets.push(this); }
  close(code) { this.readyState = 3; this.closedWith = code; }
};
Math.random = () => 0;
"""

CLOSE = "window.sockets.at(-1).onclose({code: arguments[0]})"
SAY = "window.sockets.at(-1).onmessage({data: arguments[0]})"


@pytest.fixture
def played(chart: ChartPage) -> ChartPage:
    """A chart on a socket that the test controls."""
    chart.page.js(_FAKE)
    chart.mount(exchange="demo", symbol="TESTUSDT", tf="1m", lookback=3)
    return chart


def opened(chart: ChartPage) -> int:
    return chart.page.js("return window.sockets.length")


@pytest.mark.parametrize(
    ("tick", "lot", "price", "volume"),
    [
        ("0.1", "0.001", 3, 300),
        ("0.00000001", "0.00000001", 1_234, 30_000_001),
        ("1", "1", 97_000, 999_999_999_999),
        ("0.0000001", "10", 412, 7),
        ("0.05", "0.1", 10_247, 2**52),
    ],
)
def test_every_figure_is_the_socket_s_decimal(
    chart: ChartPage, tick: str, lot: str, price: int, volume: int
) -> None:
    """From tiny prices to huge volumes: no digit is lost or added."""
    chart.mount([Source(tick, lot).snapshot(candle(0, [(price, volume // 3, volume - volume // 3, 9)]))])
    shown = chart.readout()
    tick_size, lot_size = Decimal(tick), Decimal(lot)
    assert Decimal(shown["close"]) == price * tick_size
    assert Decimal(shown["volume"]) == volume * lot_size
    assert Decimal(shown["bid"]) == volume // 3 * lot_size
    assert Decimal(shown["delta"]) == (volume - 2 * (volume // 3)) * lot_size
    assert not {"e", "E"} & set(shown["close"] + shown["volume"])


def test_sums_show_no_binary_fractions(chart: ChartPage) -> None:
    """0.1 and 0.2 make 0.3."""
    chart.mount([Source(lot="0.1").snapshot(candle(0, [(100, 1, 2, 2)]))])
    assert chart.readout()["volume"] == "0.3"


def test_an_unreadable_candle_is_counted_and_not_shown(chart: ChartPage) -> None:
    """The others stay."""
    source = Source()
    good = source.delta(candle(1))
    broken = [
        good.replace('"close":10.0', '"close":null'),
        good.replace('"bid":0.002,"ask":0.003,"n"', '"bid":null,"ask":0.003,"n"'),
        good.replace('"open_ts":', '"opened":'),
        good.replace('"levels":[', '"levels":[{},'),
        good.replace('"cvd":0.001', '"cvd":0.00105'),
        good.replace('"levels":', '"rows":'),
    ]
    chart.mount([source.snapshot(candle(0))])
    for count, message in enumerate(broken, 1):
        assert message != good
        chart.take(message)
        assert chart.visible()["candles"] == 1
        assert f"cannot be read: {count}" in chart.badge()


def test_a_lost_connection_freezes_the_chart_with_a_badge(played: ChartPage) -> None:
    """The next snapshot removes the badge."""
    played.page.js(SAY, Source().snapshot(candle(0)))
    played.follow()
    assert played.badge() == ""
    before = played.readout()
    played.page.js(CLOSE, 1006)
    played.follow()
    assert played.badge().startswith("Connection lost at ")
    assert played.readout() == before
    assert played.colors() > 3
    played.page.wait(lambda: opened(played) == 2, "a second attempt")
    played.page.js(SAY, Source().snapshot(candle(0), candle(1)))
    played.follow()
    assert played.badge() == ""
    assert played.visible()["candles"] == 2


def test_a_malformed_message_reconnects(played: ChartPage) -> None:
    """Garbage, and a delta of another step, close the connection; a snapshot recovers."""
    for nonsense in ("{", Source(step=7).delta(candle(1, [(700, 1, 1, 1)]))):
        played.page.js(SAY, Source().snapshot(candle(0)))
        count = opened(played)
        played.page.js(SAY, nonsense)
        played.follow()
        assert played.page.js("return window.sockets[arguments[0] - 1].closedWith", count) == 1000
        assert "malformed message" in played.badge()
        played.page.wait(lambda count=count: opened(played) > count, "another attempt")


def test_a_refused_view_shows_why_and_does_not_retry(played: ChartPage) -> None:
    """A wrong parameter stays wrong."""
    played.page.js(SAY, '{"type":"error","code":"bad_parameter","param":"step","message":"step is wrong"}')
    played.page.js(CLOSE, 1008)
    played.follow()
    assert played.badge() == "step is wrong"
    assert played.page.js("return window.chart && !window.sockets.at(-1).reopened")
    assert opened(played) == 1


def test_a_full_server_shows_why_and_is_retried(played: ChartPage) -> None:
    """1013 is not final, and its cause is on screen."""
    played.page.js(
        SAY, '{"type":"error","code":"too_many_clients","param":null,"message":"all places are taken"}'
    )
    played.page.js(CLOSE, 1013)
    played.follow()
    assert "all places are taken" in played.badge()
    assert "Reconnecting" in played.badge()


def test_the_stream_s_state_is_on_the_chart(played: ChartPage) -> None:
    played.page.js(SAY, Source().snapshot(candle(0)))
    played.page.js(SAY, '{"type":"status","state":"stale","detail":"no trade for 40 s"}')
    played.follow()
    assert played.badge() == "Stale: no trade for 40 s"
    played.page.js(SAY, '{"type":"status","state":"live","detail":""}')
    played.follow()
    assert played.badge() == ""


def test_charts_of_one_view_share_a_connection(played: ChartPage) -> None:
    """The last one closes it."""
    options = {"exchange": "demo", "symbol": "TESTUSDT", "tf": "1m", "lookback": 3}
    played.page.js(
        "const other = document.createElement('div'); document.body.append(other);"
        "window.second = window.orderflow.footprintChart(other, arguments[0])",
        options,
    )
    assert opened(played) == 1
    played.page.js("window.chart.destroy()")
    assert played.page.js("return window.sockets[0].closedWith") is None
    played.page.js("window.second.destroy()")
    assert played.page.js("return window.sockets[0].closedWith") == 1000
    assert played.page.module(*OPEN_CONNECTIONS) == 0


def test_another_view_has_another_connection(played: ChartPage) -> None:
    """A changed step opens its own socket and closes the old one; a changed coloring does neither."""
    played.set(coloring="volume")
    assert opened(played) == 1
    played.set(step="0.5")
    assert played.page.js("return window.sockets[0].closedWith") == 1000
    assert played.page.js("return new URL(window.sockets[1].url).search") == (
        "?exchange=demo&symbol=TESTUSDT&tf=1m&step=0.5&lookback=3"
    )
