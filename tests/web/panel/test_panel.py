"""The panel's parts on a real hub, without a browser."""

from __future__ import annotations

from decimal import Decimal

import pytest

from orderflow_dash.live.view import ViewKey
from orderflow_dash.market import Timeframe, Venue
from orderflow_dash.web.panel.step_options import step_options
from tests.conftest import wait_until


@pytest.fixture
def hub(serve):
    hub = serve(demo=True).hub
    wait_until(hub.instruments)
    return hub


def test_steps_are_offered_as_the_address_writes_them(hub) -> None:
    """Low to high, the own default marked, a step from the address among them."""
    key = ViewKey(Venue.DEMO, "BTCUSDT", Timeframe.M1, Decimal("0.3"))
    view = hub.lease("steps", key)
    options = step_options(view, 970_000)
    values = [option["value"] for option in options]
    assert values == sorted(values, key=float)
    assert "0.3" in values
    assert [option["label"] for option in options if option["label"].endswith(" auto")] == ["0.5 auto"]
    assert len(options) >= 6
    hub.release("steps")
