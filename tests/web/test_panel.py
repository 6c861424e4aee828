"""The panel's callback on a real hub, without a browser."""

from __future__ import annotations

import pytest
from dash import no_update

from orderflow_dash.market import Timeframe, Venue
from orderflow_dash.view import ViewKey
from orderflow_dash.web.panel import PanelContent, leased, new_panel_id, panel_answer
from orderflow_dash.web.panel_options import PanelOptions
from orderflow_dash.web.step_options import step_options

from ..conftest import wait_until

WANTED = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}


@pytest.fixture
def hub(serve):
    hub = serve(demo=True).hub
    wait_until(hub.instruments)
    return hub


def refreshed(hub, holder, wanted, theme, cursor):
    """Content, or None, and status, as a page's panel gets them."""
    answer = panel_answer(hub, {"panel": holder}, wanted, theme, cursor, None)
    content = PanelContent(*answer[: len(PanelContent._fields)])
    return None if content.cursor is no_update else content, answer[len(PanelContent._fields)]


def test_an_unchanged_revision_builds_nothing_and_renews_the_lease(hub) -> None:
    """The browser keeps what it has; the status comes each time."""
    holder = new_panel_id()
    wait_until(lambda: refreshed(hub, holder, WANTED, "dark", None)[0].rows, what="a first candle")

    def unchanged() -> bool:
        content, _ = refreshed(hub, holder, WANTED, "dark", None)
        again, status = refreshed(hub, holder, WANTED, "dark", content.cursor)
        return again is None and status["state"] == "live"

    wait_until(unchanged, what="two looks between two trades")
    assert hub.health()["leases"] == 1
    hub.release(holder)


def test_another_theme_or_view_builds_anew(hub) -> None:
    """The cursor names view, revision and theme."""
    holder = new_panel_id()
    wait_until(lambda: refreshed(hub, holder, WANTED, "dark", None)[0].rows, what="a first candle")
    content, _ = refreshed(hub, holder, WANTED, "dark", None)
    assert refreshed(hub, holder, WANTED, "light", content.cursor)[0] is not None
    assert refreshed(hub, holder, {**WANTED, "tf": "5m"}, "dark", content.cursor)[0] is not None


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({**WANTED, "symbol": "NOSUCH"}, "NOSUCH"),
        ({**WANTED, "step": "0.07"}, "multiple of its tick"),
        ({**WANTED, "exchange": "binance"}, "cannot be reached"),
        ({**WANTED, "tf": ["1m"]}, "is not accepted"),
        (None, "cannot be reached"),
        ("text", "cannot be reached"),
    ],
)
def test_a_view_that_cannot_be_had_is_disconnected_with_its_cause(hub, wanted, said) -> None:
    """Whatever a browser sends, the answer is a status, never a failure."""
    content, status = refreshed(hub, new_panel_id(), wanted, "dark", None)
    assert content is None
    assert status["word"] == "Disconnected"
    assert said in status["cause"]


def test_steps_are_offered_as_the_address_writes_them(hub) -> None:
    """Low to high, the own default marked, a step from the address among them."""
    key = ViewKey(Venue.DEMO, "BTCUSDT", Timeframe.M1, 3)
    view = hub.lease("steps", key)
    options = step_options(view, 970_000)
    values = [option["value"] for option in options]
    assert values == sorted(values, key=float)
    assert "0.3" in values
    assert [option["label"] for option in options if option["label"].endswith(" auto")] == ["0.5 auto"]
    assert len(options) >= 6
    hub.release("steps")


def test_options_travel_in_the_store_and_are_checked_there(hub) -> None:
    """What a browser names is used where it is accepted, and the default where it is not."""
    holder = new_panel_id()
    _, options = leased(hub, holder, {**WANTED, "units": "quote", "rows": "9999", "lookback": ["x"]})
    assert options == PanelOptions(units="quote")
    wait_until(lambda: refreshed(hub, holder, WANTED, "dark", None)[0].rows, what="a first candle")
    cursor = refreshed(hub, holder, WANTED, "dark", None)[0].cursor
    content, _ = refreshed(hub, holder, {**WANTED, "units": "quote"}, "dark", cursor)
    assert content.units == "times in UTC, volumes in USDT"
    hub.release(holder)


def test_a_candle_s_levels_come_with_the_content(hub) -> None:
    """Those of the candle that is named, live; a candle that is not there says so."""
    holder = new_panel_id()
    wait_until(lambda: refreshed(hub, holder, WANTED, "dark", None)[0].rows, what="a first candle")
    open_ts = refreshed(hub, holder, WANTED, "dark", None)[0].rows[0]["id"]
    content, _ = refreshed(hub, holder, {**WANTED, "candle": open_ts}, "dark", None)
    assert content.levels["rows"]
    assert str(content.levels["open_ts"]) == open_ts
    content, _ = refreshed(hub, holder, {**WANTED, "candle": "60000"}, "dark", None)
    assert content.levels["rows"] == []
    assert "at hand" in content.levels["note"]
    hub.release(holder)
