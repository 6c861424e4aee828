"""One closed candle in five places: socket, footprint table, level table, chart readout, CSV."""

from __future__ import annotations

import csv
import json
from decimal import Decimal
from typing import Any

import httpx

from tests.browser.conftest import Page
from tests.browser.test_level_table import levels, opened
from tests.conftest import Served

VIEW = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "5"}
QUERY = "&".join(f"{name}={value}" for name, value in VIEW.items())

# Another chart of the panel leads the crosshair: the readout then shows that candle.
_LEAD = """
document.querySelector('.orderflow-panel').dispatchEvent(
  new CustomEvent('orderflow:crosshair', {detail: {open_ts: arguments[0], source: 'a test'}}));
"""
_READOUT = """
return Object.fromEntries([...document.querySelectorAll('.footprint-readout dl:first-of-type > div')]
  .map((place) => [place.querySelector('dt').textContent, place.querySelector('dd').textContent]));
"""


def number(text: str) -> Decimal:
    """A figure as the page writes it."""
    return Decimal(text.replace(",", "").replace("−", "-").replace("+", ""))


def sent_by_socket(market: Served, open_ts: int) -> dict[str, Any]:
    with market.socket(**VIEW, lookback=60) as client:
        while (message := json.loads(client.recv(10), parse_float=Decimal))["type"] != "snapshot":
            pass
    return next(candle for candle in message["candles"] if candle["open_ts"] == open_ts)


def exported(market: Served, rows: str, open_ts: int) -> list[dict[str, str]]:
    query = {**VIEW, "lookback": 60, "rows": rows}
    text = httpx.get(f"{market.url}/api/export.csv", params=query, trust_env=False).raise_for_status().text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return [row for row in csv.DictReader(lines) if row["open_ts"] == str(open_ts)]


def test_every_view_shows_the_same_closed_candle(page: Page, market: Served) -> None:
    """Volumes, delta, CVD, POC, trades and every level, to the last digit."""
    open_ts = int(opened(page, 1, QUERY))
    row = next(cells for cells in page.footprint() if cells[0].startswith(clock(open_ts)))
    level_rows = [[number(cell) for cell in cells] for cells in levels(page)]
    page.wait(lambda: page.count(".footprint-readout"), "the chart")
    page.wait(
        lambda: (page.js(_LEAD, open_ts), clock(open_ts) in page.js(_READOUT)["Candle"])[1], "its candle"
    )
    readout = page.js(_READOUT)
    sent = sent_by_socket(market, open_ts)
    (line,), level_lines = exported(market, "candles", open_ts), exported(market, "levels", open_ts)

    assert [number(cell) for cell in row[1:5]] == [sent[name] for name in ("bid", "ask", "delta", "cvd")]
    assert int(row[5]) == len(sent["levels"]) == int(line["levels"])
    for name in (
        "open",
        "high",
        "low",
        "close",
        "bid",
        "ask",
        "delta",
        "cvd",
        "min_delta",
        "max_delta",
        "n",
        "poc",
    ):
        assert Decimal(line[name]) == sent[name], name
    shown = {"Open": "open", "High": "high", "Low": "low", "Close": "close", "Bid": "bid", "Ask": "ask"}
    shown |= {"Delta": "delta", "CVD": "cvd", "Min delta": "min_delta", "Max delta": "max_delta"}
    for label, name in {**shown, "Trades": "n", "POC": "poc"}.items():
        assert number(readout[label]) == sent[name], label
    assert number(readout["Volume"]) == sent["bid"] + sent["ask"]
    expected = [
        [level["p"], level["bid"], level["ask"], level["ask"] - level["bid"], level["n"]]
        for level in sent["levels"]
    ]
    assert level_rows == expected
    columns = ("price", "bid", "ask", "delta", "n")
    assert [[Decimal(each[name]) for name in columns] for each in level_lines] == expected


def clock(open_ts: int) -> str:
    """UTC as the page writes it."""
    minutes = open_ts // 60_000
    return f"{minutes // 60 % 24:02d}:{minutes % 60:02d}"


def test_the_chart_s_options_are_in_the_address(page: Page) -> None:
    """A control, a key of the chart and a reload agree."""
    page.open(f"{QUERY}&cells=delta&color=volume")
    page.wait(lambda: page.count(".footprint-readout"), "the chart")
    assert page.js("return document.querySelector('select.option-cells').value") == "delta"
    assert page.js("return document.querySelector('select.option-color').value") == "volume"
    page.choose("select.option-scale", "100000")
    page.wait(lambda: page.query.get("scale") == "100000", "a cut-off is in the address")
    assert "from 100,000 USDT" in page.text("select.option-scale option:checked")
    page.choose("select.option-scale", "visible")
    page.wait(lambda: page.query.get("scale") == "visible", "the address")
    page.js("document.querySelector('.footprint-stage').focus()")
    page.press("c")
    page.wait(lambda: page.query.get("cells") == "volume", "the address follows the key")
    assert page.js("return document.querySelector('select.option-cells').value") == "volume"


def test_a_closed_modal_closes_its_socket(page: Page, market: Served) -> None:
    """The chart ends with its panel, and so does its stream."""
    page.open(QUERY)
    page.wait(lambda: page.count(".footprint-readout"), "the chart")
    page.wait(lambda: market.hub.health()["views"] >= 1, "a view")
    page.close_modal()
    page.wait(lambda: market.hub.health()["views"] == 0, "no viewer is left")


def test_the_share_menu_exports_the_panel_s_view(page: Page) -> None:
    """With its lookback."""
    page.open(f"{QUERY}&lookback=60")
    page.click(".panel-share summary")
    for rows in ("candles", "levels"):
        link = "return document.querySelector(arguments[0]).href", f".export-{rows}"
        page.wait(lambda link=link: page.js(*link), "the link")
        href = page.js(*link)
        answer = httpx.get(href, trust_env=False).raise_for_status()
        assert f"rows={rows}" in href
        assert "lookback=60" in href
        assert "# symbol: BTCUSDT" in answer.text
