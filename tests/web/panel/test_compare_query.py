"""The address of ``/compare``."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.web.panel.compare_query import MOST_PANELS, completed, panel_args, parse_compare_query
from tests.conftest import wait_until

VIEW = {"exchange": "bybit", "symbol": "X", "tf": "1m", "step": "0.5"}


def test_an_address_names_panels_and_links() -> None:
    """In their order, percent signs or not."""
    query = parse_compare_query("?panel=binance:BTCUSDT:1m:0.5&panel=demo%3AETHUSDT&link=time,crosshair")
    assert query.panels == ["binance:BTCUSDT:1m:0.5", "demo:ETHUSDT"]
    assert query.links == ["crosshair", "time"]
    assert query.notices == []
    assert parse_compare_query("") == ([], [], [])


def test_surplus_and_unknown_parts_give_notices() -> None:
    """More than six panels, and a link that does not exist."""
    links = "&link=color,color&link=color"
    query = parse_compare_query("?" + "&".join(f"panel=demo:X{n}" for n in range(8)) + links)
    assert len(query.panels) == MOST_PANELS
    assert len(query.notices) == 2
    assert query.notices[0].startswith("link “color” is not accepted: crosshair or time. It is")
    assert query.notices[1].startswith("The address has 8 panels; a page shows the first 6.")


@pytest.mark.parametrize(
    ("text", "args"),
    [
        ("bybit:X:1m:0.5:units=quote:ratio=4", {**VIEW, "units": "quote", "ratio": "4"}),
        ("demo:ETHUSDT", {"exchange": "demo", "symbol": "ETHUSDT"}),
        ("demo:ETHUSDT:rows=4", {"exchange": "demo", "symbol": "ETHUSDT", "rows": "4"}),
        ("demo:ETHUSDT::0.5", {"exchange": "demo", "symbol": "ETHUSDT", "tf": "0.5"}),
        ("bybit:X:1m:0.5:more:symbol=Y:rows=4:rows=5", {**VIEW, "rows": "4"}),
        ("", {}),
    ],
)  # fmt: skip
def test_a_panel_s_text_is_a_query(text: str, args: dict[str, str]) -> None:
    """Places by position, options by name; no option takes the place of one."""
    assert panel_args(text) == args


@given(st.text(max_size=200))
def test_any_text_is_read(text: str) -> None:
    """Never an exception."""
    parse_compare_query(text)
    panel_args(text)


def test_a_symbol_alone_is_completed(serve) -> None:
    """By the first venue that lists it; what names a venue or nothing stays."""
    hub = serve(demo=True).hub
    wait_until(hub.instruments)
    assert completed(" ethusdt ", hub) == "demo:ETHUSDT"
    assert completed("ETHUSDT:5m", hub) == "demo:ETHUSDT:5m"
    assert completed("bybit:ETHUSDT", hub) == "bybit:ETHUSDT"
    assert completed("nothing", hub) == "nothing"
