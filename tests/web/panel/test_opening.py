"""Opening the panel of an address: at its venue, or at one that is reachable."""

from __future__ import annotations

import pytest
from dash.development.base_component import Component

from orderflow_dash.market import Venue
from orderflow_dash.web.panel.opening import open_panel
from tests.conftest import Served, wait_until


@pytest.fixture
def served(serve) -> Served:
    """Both real venues are out of reach, the demo is not."""
    served = serve(demo=True)
    wait_until(lambda: any(each.reachable for each in served.hub.venues()), 10, "the demo")
    return served


def notices(panel: Component | None) -> list[str]:
    """The sentences above an opened panel."""
    assert panel is not None
    return [each.children for each in panel.children if getattr(each, "class_name", "") == "notice"]


def test_a_venue_that_is_not_named_is_one_that_can_be_reached(served: Served) -> None:
    """The demo, with a sentence that says which venue could not be reached and why."""
    for query in ({}, {"symbol": "ETHUSDT"}):
        opened = open_panel(served.hub, query, "dark")
        assert notices(opened.panel) == [
            "Binance cannot be reached: 127.0.0.1: connection refused. Demo (simulated) is shown."
        ]
    assert served.hub.default_venue().venue is Venue.DEMO


def test_a_venue_that_is_named_is_not_exchanged(served: Served) -> None:
    """Nothing is shown for it, and it may be asked again."""
    opened = open_panel(served.hub, {"exchange": "binance"}, "dark")
    assert opened == (None, "Binance cannot be reached: 127.0.0.1: connection refused", True)


def test_names_are_accepted_in_any_case(served: Served) -> None:
    """Of venues as of symbols, and the panel's own name is the usual one."""
    opened = open_panel(served.hub, {"exchange": "DEMO", "symbol": "btcUSDT"}, "dark")
    assert opened.panel is not None
    assert notices(opened.panel) == []
    assert opened.panel.children[0].data["exchange"] == "demo"


def test_a_step_that_is_not_possible_is_replaced(served: Served) -> None:
    """The panel opens with the step that suits, and says so."""
    opened = open_panel(served.hub, {"exchange": "demo", "symbol": "BTCUSDT", "step": "0.07"}, "dark")
    (notice,) = notices(opened.panel)
    assert "multiple of its tick 0.1" in notice
    assert notice.endswith("Step 0.5 is shown.")
    assert opened.panel is not None
    assert opened.panel.children[0].data["step"] == "0.5"


def test_the_first_venue_is_named_if_none_is_reachable(serve) -> None:
    """Without a demo there is nothing else to show."""
    opened = open_panel(serve(demo=False).hub, {"symbol": "BTCUSDT"}, "dark")
    assert opened.panel is None
    assert opened.cause == "Binance cannot be reached: 127.0.0.1: connection refused"
    assert opened.is_retryable
