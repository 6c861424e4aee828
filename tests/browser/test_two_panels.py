"""Several panels on one page."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from dash import html
from werkzeug.serving import make_server

from orderflow_dash.live.view import ViewKey
from orderflow_dash.market import Timeframe, Venue
from orderflow_dash.settings import load_settings
from orderflow_dash.web.api.panel_updates import panel_polling
from orderflow_dash.web.api.socket import register_socket
from orderflow_dash.web.pages.app import create_dash
from orderflow_dash.web.panel.panel import new_panel_id, panel
from orderflow_dash.web.theme import DARK, theme_store, theme_switch
from tests.browser.conftest import Page
from tests.conftest import Served


@pytest.fixture
def two_panels(market: Served) -> Iterator[str]:
    """A page with two panels, BTCUSDT 1m and ETHUSDT 5m."""
    hub = market.hub
    btc = ViewKey(Venue.DEMO, "BTCUSDT", Timeframe.M1, Decimal("0.5"))
    eth = ViewKey(Venue.DEMO, "ETHUSDT", Timeframe.M5, Decimal("0.5"))
    app = create_dash(hub, load_settings())
    app.layout = lambda: html.Div(
        [
            theme_store(),
            theme_switch(),
            *panel_polling(),
            html.Div(panel(hub, new_panel_id(), btc, DARK), id="one"),
            html.Div(panel(hub, new_panel_id(), eth, DARK), id="two"),
        ]
    )
    register_socket(app.server, hub, load_settings())  # the charts read it
    server = make_server("127.0.0.1", 0, app.server, threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()
    thread.join()


def test_two_panels_are_independent(page: Page, two_panels: str) -> None:
    """Each shows its own series, and a control of one leaves the other as it is."""
    page.open(root=two_panels)
    for place in ("#one", "#two"):
        page.wait(lambda place=place: page.chart(place)[0] and page.footprint(place), f"{place} has candles")
    assert page.texts(".panel-symbol") == ["BTCUSDT", "ETHUSDT"]
    page.wait(lambda: all(time % 300_000 == 0 for time in page.chart("#two")[0]), "five minutes below")
    page.wait(lambda: any(time % 300_000 for time in page.chart("#one")[0]), "one minute above")
    page.click("#two .timeframe-choice .form-check:nth-child(4) label")
    page.wait(lambda: all(time % 3_600_000 == 0 for time in page.chart("#two")[0]), "an hour below")
    checked = "return [...document.querySelectorAll('.timeframe-choice input:checked')].map(e => e.value)"
    assert page.js(checked) == ["1m", "1h"]
    before = page.footprint("#one")
    page.wait(lambda: page.footprint("#one") != before, "the first goes on")
    assert any(time % 300_000 for time in page.chart("#one")[0])
