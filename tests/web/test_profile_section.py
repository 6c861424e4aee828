"""The profile's part of the panel's callback on a real hub, without a browser."""

from __future__ import annotations

import pytest
from dash import no_update

from orderflow_dash.web.panel import new_panel_id
from orderflow_dash.web.profile_section import profile_outputs, profile_refreshed

from ..conftest import wait_until

WANTED = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}


@pytest.fixture
def hub(serve):
    hub = serve(demo=True).hub
    wait_until(hub.instruments)
    return hub


def refreshed(hub, holder, kind="session", rows="2", cursor=None, theme="dark", wanted=WANTED):
    """Figure, texts and cursor as the browser would get them."""
    figure, *texts, cursor = profile_refreshed(hub, holder, wanted, theme, (kind, rows, cursor))
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
    for other in ({"kind": "24h"}, {"rows": "1"}, {"theme": "light"}, {"wanted": {**WANTED, "step": "1"}}):
        assert refreshed(hub, holder, cursor=cursor, **other)[0] is not no_update
    hub.release(holder)


def test_every_figure_stands_in_its_place(hub) -> None:
    """As many answers as outputs; the time known is said of the kind that is chosen."""
    holder = new_panel_id()
    wait_until(lambda: refreshed(hub, holder)[0]["data"], what="a first profile")
    answer = profile_refreshed(hub, holder, WANTED, "dark", ("session", "2", None))
    assert len(answer) == len(profile_outputs(holder))
    assert answer[-2].endswith("of the session")
    assert refreshed(hub, holder, kind="24h")[1][-1].endswith("of the 24 h")
    hub.release(holder)


@pytest.mark.parametrize(
    ("kind", "rows", "wanted"),
    [
        (None, None, WANTED),
        (["x"], {}, WANTED),
        ("session", "2", None),
        ("24h", "1", {**WANTED, "symbol": "NO"}),
    ],
)
def test_whatever_a_browser_sends_is_answered(hub, kind, rows, wanted) -> None:
    """Unknown choices are the defaults; a view that cannot be had changes nothing."""
    holder = new_panel_id()
    answer = profile_refreshed(hub, holder, wanted, "dark", (kind, rows, None))
    assert len(answer) == len(profile_outputs(holder))
    assert (answer[0] is no_update) == (wanted is not WANTED)
    hub.release(holder)
