"""``/api/panels``: what a page's panels get to show, over HTTP from the whole application."""

from __future__ import annotations

import gzip
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from orderflow_dash.web.panel.compare_query import MOST_PANELS
from orderflow_dash.web.panel.panel import PanelContent
from orderflow_dash.web.panel.profile_chart import ProfileTexts
from tests.conftest import UNREACHABLE, Served, wait_until

WANTED = {"exchange": "demo", "symbol": "BTCUSDT", "tf": "1m", "step": "0.5"}
TICK = "0.1"


@pytest.fixture(scope="module")
def demo() -> Iterator[Served]:
    """The app on the simulated market, which is listed."""
    served = Served(**UNREACHABLE, demo=True, database_url="off", panel_timeout_s=3)
    wait_until(served.hub.instruments)
    yield served
    served.stop()


def post(app: Served, body: object) -> httpx.Response:
    """What the server answers to a body."""
    return httpx.post(f"{app.url}/api/panels", json=body, trust_env=False, timeout=20)


def panel(
    view: object = WANTED,
    holder: str = "tab",
    cursor: object = None,
    profile: object = None,
    tick: object = TICK,
) -> dict:
    """What a page says of one panel."""
    return {"id": holder, "view": view, "cursor": cursor, "profile": profile, "tick": tick}


def asked(app: Served, view: object = WANTED, theme: str = "dark", **shown: Any) -> dict[str, Any]:
    """The answer for one panel."""
    answer = post(app, {"theme": theme, "panels": [panel(view, **shown)]})
    assert answer.status_code == 200
    (told,) = answer.json()
    return told


@pytest.fixture
def trading(demo: Served) -> Served:
    """The app once the symbol has a candle and a profile."""
    wait_until(lambda: asked(demo)["content"]["rows"], what="a first candle")
    wait_until(lambda: asked(demo)["profile"]["figure"]["data"], what="a first profile")
    return demo


def test_what_the_browser_has_is_not_sent_again_and_the_lease_is_renewed(trading: Served) -> None:
    """The status comes each time."""

    def unchanged() -> bool:
        first = asked(trading)
        again = asked(trading, cursor=first["content"]["cursor"], profile=first["profile"]["cursor"])
        return again.keys() == {"status"} and again["status"]["state"] == "live"

    wait_until(unchanged, 30, what="two looks between two trades")
    wait_until(lambda: asked(trading) and trading.hub.health()["leases"] == 1, what="the others' are over")


def test_another_theme_view_or_option_is_built_anew(trading: Served) -> None:
    """The cursors name all of it."""
    first = asked(trading)
    shown = {"cursor": first["content"]["cursor"], "profile": first["profile"]["cursor"]}
    assert asked(trading, theme="light", **shown).keys() == {"status", "content", "profile"}
    assert asked(trading, {**WANTED, "step": "1"}, **shown).keys() == {"status", "content", "profile"}
    assert "content" in asked(trading, {**WANTED, "tf": "5m"}, **shown)
    for option in ({"profile": "24h"}, {"va": "1"}, {"palette": "blue-orange"}):
        assert "profile" in asked(trading, {**WANTED, **option}, **shown)


@pytest.mark.parametrize("tick", ["0.01", "1", ["0.1"]])
def test_the_step_menu_of_another_tick_is_replaced(trading: Served, tick: object) -> None:
    """Steps of the venue's tick come with the next answer, the chosen one among them; then no more."""
    told = asked(trading, {**WANTED, "step": "0.7"}, tick=tick)
    values = [option["value"] for option in told["steps"]["options"]]
    assert values[0] == told["steps"]["tick"] == TICK
    assert "0.7" in values
    assert [Decimal(value) % Decimal(TICK) for value in values] == [0] * len(values)
    assert "steps" not in asked(trading, tick=told["steps"]["tick"])


def test_a_step_that_no_longer_fits_comes_with_those_that_do(trading: Served) -> None:
    """The tick became coarser: the panel is disconnected, and its menu has what may be chosen."""
    told = asked(trading, {**WANTED, "step": "0.05"}, tick="0.01")
    assert told["status"]["state"] == "disconnected"
    assert told["steps"]["tick"] == TICK
    assert {"label": "0.5 auto", "value": "0.5"} in told["steps"]["options"]


def test_a_page_without_a_tick_gets_no_step_menu(trading: Served) -> None:
    """It was loaded from an older version of the app."""
    assert "steps" not in asked(trading, tick=None)


@pytest.mark.parametrize(
    ("units", "step", "unit"),
    [("quote", "0.5", "≈ in USDT"), ("quote", TICK, "in USDT"), ("base", "5", "in BTC")],
)
def test_the_chart_says_where_quote_volumes_are_not_exact(
    trading: Served, units: str, step: str, unit: str
) -> None:
    """A row of several ticks is multiplied by one price; the table takes each trade at its own."""
    texts = asked(trading, {**WANTED, "units": units, "step": step})["content"]["texts"]
    assert texts["chart_unit"] == unit
    assert "≈" not in texts["unit"]


def test_options_are_used_where_they_are_accepted(trading: Served) -> None:
    """And the default where they are not."""
    texts = asked(trading, {**WANTED, "units": "quote", "rows": "9999", "lookback": ["x"]})["content"][
        "texts"
    ]
    assert texts["units"] == "times in UTC, volumes in USDT"


def test_an_answer_has_every_part(trading: Served) -> None:
    """As the page's JavaScript reads it."""
    told = asked(trading)
    assert told["status"].keys() == {"state", "word", "cause", "age", "latency"}
    assert told["content"].keys() == set(PanelContent._fields)
    assert list(told["profile"]["texts"]) == list(ProfileTexts._fields)
    assert told["profile"]["texts"]["known"].endswith("of the session")
    day = asked(trading, {**WANTED, "profile": "24h"})["profile"]
    assert day["texts"]["known"].endswith("of the 24 h")


def test_a_candle_s_levels_come_with_the_content(trading: Served) -> None:
    """Those of the candle that is named, live; a candle that is not there says so."""
    open_ts = asked(trading)["content"]["rows"][0]["id"]
    levels = asked(trading, {**WANTED, "candle": open_ts})["content"]["levels"]
    assert levels["rows"]
    assert str(levels["open_ts"]) == open_ts
    levels = asked(trading, {**WANTED, "candle": "60000"})["content"]["levels"]
    assert levels["rows"] == []
    assert "at hand" in levels["note"]


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({**WANTED, "symbol": "NOSUCH"}, "NOSUCH"),
        ({**WANTED, "step": "0.07"}, "multiple of the tick"),
        ({**WANTED, "exchange": "binance"}, "cannot be reached"),
        ({**WANTED, "tf": ["1m"]}, "Invalid tf"),
        ({}, "cannot be reached"),
    ],
)
def test_a_view_that_cannot_be_had_is_disconnected_with_its_cause(demo: Served, wanted, said) -> None:
    """The answer is a status, never a failure."""
    told = asked(demo, wanted)
    assert told.keys() == {"status"}
    assert told["status"]["word"] == "Disconnected"
    assert said in told["status"]["cause"]


def test_the_panels_of_a_page_come_in_one_answer_in_their_order(trading: Served) -> None:
    """One that cannot be had leaves the others alone."""
    bad = {**WANTED, "symbol": "NOSUCH"}
    panels = [panel(bad, "a"), panel(WANTED, "b"), panel({**WANTED, "tf": "5m"}, "c")]
    body = {"theme": "dark", "panels": panels}
    first, second, third = post(trading, body).json()
    assert first["status"]["state"] == "disconnected"
    assert second["content"]["cursor"][2] != third["content"]["cursor"][2]
    wait_until(lambda: post(trading, body) and trading.hub.health()["leases"] == 2, what="b and c alone")


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {"panels": None},
        {"panels": ["text"]},
        {"panels": [{"id": "a"}]},
        {"panels": [{"id": "a", "view": "text"}]},
        {"panels": [panel()] * (MOST_PANELS + 1)},
    ],
)
def test_what_is_no_question_is_refused_in_a_line(demo: Served, body: object) -> None:
    """400, and what is missing."""
    answer = post(demo, body)
    assert answer.status_code == 400
    assert answer.text.startswith(("the body must be", "a panel must be", "more than 6 panels"))


def test_malformed_and_oversize_bodies_are_refused(demo: Served) -> None:
    """Before anything is read of them."""
    url, headers = f"{demo.url}/api/panels", {"Content-Type": "application/json"}
    for body, status in (
        (b"{", 400),
        (b'{"panels":[{"view":{"tf":' + 1000 * b"[" + 1000 * b"]" + b"}}]}", 400),
        (b'{"panels":[{"view":{"tf":[["1m"]]}}]}', 400),
        (b'{"panels":[{"view":{"tf":{"a":{}}}}]}', 400),
        (b'{"panels":[{"view":{},"id":' + 900 * b"[" + 900 * b"]" + b"}]}", 400),
        (b'{"panels":[{"view":{},"cursor":' + 900 * b"[" + 900 * b"]" + b"}]}", 400),
        (b'{"panels":[{"view":{},"profile":[{}]}]}', 400),
        (b"\xff\xfe", 400),
        (b"", 400),
        (b" " * 40_000, 413),
    ):
        answer = httpx.post(url, content=body, headers=headers, trust_env=False)
        assert answer.status_code == status, body[:10]
        assert "Traceback" not in answer.text


def test_viewers_who_look_alike_are_sent_what_was_built_once(trading: Served, monkeypatch) -> None:
    """Twenty panels that ask together cost one building; one that looks otherwise has its own."""
    built = []
    build = PanelContent._asdict
    monkeypatch.setattr(PanelContent, "_asdict", lambda self: (built.append(self), build(self))[1])
    begun = time.monotonic()
    answers = [asked(trading, holder=f"tab {number}") for number in range(20)]
    assert len(built) <= (time.monotonic() - begun) / 0.5 + 1
    assert len({each["content"]["cursor"][4] for each in answers}) <= len(built) + 1  # one was there before
    asked(trading, {**WANTED, "units": "quote"})
    assert built[-1].texts["units"] == "times in UTC, volumes in USDT"


@pytest.mark.parametrize("encoding", ["zstd", "gzip", "identity"])
def test_an_answer_is_compressed_as_the_client_takes_it(trading: Served, encoding: str) -> None:
    """And says so."""
    headers = {"Accept-Encoding": encoding, "Content-Type": "application/json"}
    request = httpx.Request("POST", f"{trading.url}/api/panels", json={"panels": [panel()]}, headers=headers)
    with httpx.Client(trust_env=False) as client:
        answer = client.send(request, stream=True)
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("Content-Encoding", "identity") == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    starts = {"zstd": b"\x28\xb5\x2f\xfd", "gzip": b"\x1f\x8b", "identity": b"[{"}
    assert raw.startswith(starts[encoding])
    if encoding == "gzip":
        assert gzip.decompress(raw).startswith(b'[{"status"')


def test_an_answer_tells_how_long_it_took_and_the_servers_clock(demo: Served) -> None:
    """Both in ms: by them a browser knows how far its own clock is off."""
    before = time.time() * 1000
    answer = post(demo, {"theme": "dark", "panels": [panel()]})
    told = re.fullmatch(r'app;dur=([\d.]+), clock;desc="(\d+)"', answer.headers["Server-Timing"])
    assert told is not None
    assert 0 <= float(told[1]) < 10_000
    assert before - 1 <= int(told[2]) <= time.time() * 1000
