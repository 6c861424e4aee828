"""The profile's part of the panel's callback on a real hub, without a browser."""

from __future__ import annotations

import pytest
from dash import no_update

from orderflow_dash.web.panel import leased, new_panel_id
from orderflow_dash.web.profile_section import profile_outputs, profile_refreshed

from ..conftest import wait_until

WANTED = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}


@pytest.fixture
def hub(serve):
    hub = serve(demo=True).hub
    wait_until(hub.instruments)
    return hub


def refreshed(hub, holder, cursor=None, theme="dark", wanted=WANTED, **chosen):
    """Figure, texts and cursor as the browser would get them."""
    view, options = leased(hub, holder, {**wanted, **chosen})
    figure, *texts, cursor = profile_refreshed(view, theme, options, cursor)
    return figure, texts, cursor


def test_what_the_browser_has_is_not_sent_again(hub) -> None:
    """A choice or another theme builds anew, an unchanged profile nothing."""
    holder = new_panel_id()
    wait_until(lambda: refreshed(hub, holder)[0]["data"], what="a first profile")

    def rests() -> bool:
        cursor = refreshed(hub, holder)[2]
        answer = refreshed(hub, holder, cursor=cursor)
        return answer == (no_update, [no_update] * 7, no_update)

    wait_until(rests, what="two looks between two trades")
    cursor = refreshed(hub, holder)[2]
    for other in (
        {"profile": "24h"},
        {"va": "1"},
        {"palette": "blue-orange"},
        {"theme": "light"},
        {"wanted": {**WANTED, "step": "1"}},
    ):
        assert refreshed(hub, holder, cursor=cursor, **other)[0] is not no_update
    hub.release(holder)


def test_every_figure_stands_in_its_place(hub) -> None:
    """As many answers as outputs; the time known is said of the kind that is chosen."""
    holder = new_panel_id()
    wait_until(lambda: refreshed(hub, holder)[0]["data"], what="a first profile")
    figure, texts, cursor = refreshed(hub, holder)
    assert len([figure, *texts, cursor]) == len(profile_outputs(holder))
    assert texts[-1].endswith("of the session")
    assert refreshed(hub, holder, profile="24h")[1][-1].endswith("of the 24 h")
    hub.release(holder)
