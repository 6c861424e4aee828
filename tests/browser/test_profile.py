"""The volume profile in a browser: its figures equal those of the socket's levels."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

from orderflow_dash.web.text import MINUS
from tests.browser.conftest import SPEED, Page
from tests.conftest import Served

STEP = Decimal("0.5")
DAY_MS = 86_400_000
FIGURES = ("poc", "value-high", "value-low", "vwap", "volume", "delta")


def shown(page: Page) -> list[Decimal]:
    """The figures beside the bars."""
    texts = [page.text(f".profile-{name} dd") for name in FIGURES]
    return [
        Decimal(text.replace(",", "").replace(MINUS, "-")) if text != "–" else Decimal(0) for text in texts
    ]


def hours_of(market: Served) -> list[dict[str, Any]]:
    """All hours that the socket has, at the tick."""
    query = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1h", "step": "0.1", "lookback": 500}
    with market.socket(**query) as client:
        while (message := json.loads(client.recv(10), parse_float=Decimal))["type"] != "snapshot":
            pass
    return message["candles"]


def counted(candles: list[dict[str, Any]]) -> list[Decimal]:
    """The same figures from the socket's levels, in plain arithmetic."""
    volume: dict[Decimal, Decimal] = defaultdict(Decimal)
    turnover = delta = Decimal(0)
    for level in (level for candle in candles for level in candle["levels"]):
        price, amount = Decimal(level["p"]), level["bid"] + level["ask"]
        volume[(price / STEP + Decimal("0.5")) // 1 * STEP] += amount
        turnover += price * amount
        delta += level["ask"] - level["bid"]
    total, bottom, top = sum(volume.values()), min(volume), max(volume)
    poc = min(volume, key=lambda price: (-volume[price], abs(2 * price - bottom - top), price))
    low = high = poc
    while sum(volume[price] for price in list(volume) if low <= price <= high) * 10 < total * 7:
        above = [price for price in (high + STEP, high + 2 * STEP) if price <= top]
        below = [price for price in (low - STEP, low - 2 * STEP) if price >= bottom]
        more_above, more_below = (sum(volume.get(price, 0) for price in side) for side in (above, below))
        is_nearer = high - poc < poc - low
        if above and (not below or more_above > more_below or (more_above == more_below and is_nearer)):
            high = above[-1]
        else:
            low = below[-1]
    vwap = (turnover / total).quantize(Decimal("0.1"), ROUND_HALF_UP)
    return [poc, high, low, vwap, total, delta]


def test_the_profile_s_figures_equal_the_socket_s(serve, page: Page) -> None:
    """POC, value area, VWAP, volume and delta of the day, recomputed from the socket's levels."""
    market = serve(demo=True, demo_speed=SPEED, history=0)
    page.open("exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5", market.url)
    page.wait(lambda: len(page.footprint()) >= 5, "five minutes")
    market.application.exchange.stop()  # the figures rest
    candles = hours_of(market)
    start = candles[-1]["open_ts"] // DAY_MS * DAY_MS
    expected = counted([candle for candle in candles if candle["open_ts"] >= start])
    page.wait(lambda: shown(page) == expected, f"the figures agree: {expected}")
    assert re.fullmatch(r"since \d\d:\d\d, (\d+|under 1) % of the session", page.text(".profile-known"))


def test_bars_follow_their_options(page: Page) -> None:
    """24 h is named; other value area rows are drawn; there is always a bar chart."""
    page.open("exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5")
    bars = "return document.querySelector('.profile-chart .js-plotly-plot')?.data?.length"
    page.wait(lambda: page.js(bars) == 2, "bid and ask bars")
    page.click(".profile-kind .form-check:nth-child(2) label")
    page.wait(lambda: page.text(".profile-known").endswith("of the 24 h"), "24 h is said")
    page.click(".profile-rows .form-check:nth-child(2) label")
    page.wait(lambda: page.js("return document.querySelector('.profile-rows input:checked').value") == "1")
    assert page.js(bars) == 2
