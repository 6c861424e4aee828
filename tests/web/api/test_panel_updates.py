"""The callback that refreshes the panels of a page, over HTTP from the whole application."""

from __future__ import annotations

import gzip
import json
import re
import time
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import httpx
import pytest

from benchmarks.page_client import PATH, panel_poll, panels_of
from orderflow_dash.web.api import panel_updates
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


def post(app: Served, body: object, **headers: str) -> httpx.Response:
    """The server's answer to a poll."""
    return httpx.post(f"{app.url}/{PATH}", json=body, headers=headers, trust_env=False, timeout=20)


def poll(
    app: Served, view: object = WANTED, theme: str = "dark", holder: str = "tab", **shown: Any
) -> dict[str, Any]:
    """The answer for one panel that shows this; empty without news."""
    answer = post(app, panel_poll([view], [holder], [{"tick": TICK, **shown}], theme))
    if answer.status_code == 204:
        return {}
    assert answer.status_code == 200
    (panel,) = panels_of(answer.content)
    assert panel is not None
    return panel


def cursors(panel: dict[str, Any]) -> dict[str, Any]:
    """What a panel shows after an answer with every part."""
    return {name: panel[name]["cursor"] for name in ("status", "content", "profile")}


@pytest.fixture
def trading(demo: Served) -> Served:
    """The app once the symbol has a candle and a profile."""
    wait_until(lambda: poll(demo)["content"]["rows"], what="a first candle")
    wait_until(lambda: poll(demo)["profile"]["figure"]["data"], what="a first profile")
    return demo


def test_a_panel_without_news_gets_no_content(trading: Served) -> None:
    """204, and its lease is renewed."""
    wait_until(lambda: not poll(trading, **cursors(poll(trading))), 30, what="two polls between two trades")
    wait_until(lambda: poll(trading) and trading.hub.health()["leases"] == 1, what="other leases expire")


def test_a_changed_status_is_news(trading: Served) -> None:
    """It comes alone if nothing else changed; the age is counted by the browser."""

    def is_alone() -> bool:
        shown = cursors(poll(trading)) | {"status": ["connecting", "", None]}
        return poll(trading, **shown).keys() == {"status"}

    wait_until(is_alone, 30, what="two polls between two trades")
    assert isinstance(poll(trading)["status"]["age_ms"], int)


def test_another_theme_view_or_option_is_news(trading: Served) -> None:
    """The cursors name all of it."""
    shown = cursors(poll(trading))
    assert poll(trading, theme="light", **shown).keys() == {"status", "content", "profile"}
    assert poll(trading, {**WANTED, "step": "1"}, **shown).keys() == {"status", "content", "profile"}
    assert "content" in poll(trading, {**WANTED, "tf": "5m"}, **shown)
    for option in ({"profile": "24h"}, {"va": "1"}, {"palette": "blue-orange"}):
        assert "profile" in poll(trading, {**WANTED, **option}, **shown)


@pytest.mark.parametrize("tick", ["0.01", "1", ["0.1"]])
def test_the_step_menu_of_another_tick_is_replaced(trading: Served, tick: object) -> None:
    """Steps of the venue's tick come with the next answer, the chosen one among them, and only once."""
    steps = poll(trading, {**WANTED, "step": "0.7"}, tick=tick)["steps"]
    values = [option["value"] for option in steps["options"]]
    assert values[0] == steps["tick"] == TICK
    assert "0.7" in values
    assert [Decimal(value) % Decimal(TICK) for value in values] == [0] * len(values)
    assert "steps" not in poll(trading, tick=steps["tick"])


def test_a_step_that_no_longer_fits_comes_with_those_that_do(trading: Served) -> None:
    """The tick became coarser: the panel is disconnected, and its menu has what may be chosen."""
    panel = poll(trading, {**WANTED, "step": "0.05"}, tick="0.01")
    assert panel["status"]["state"] == "disconnected"
    assert panel["steps"]["tick"] == TICK
    assert {"label": "0.5 auto", "value": "0.5"} in panel["steps"]["options"]


@pytest.mark.parametrize(
    ("units", "step", "unit"),
    [("quote", "0.5", "≈ in USDT"), ("quote", TICK, "in USDT"), ("base", "5", "in BTC")],
)
def test_the_chart_marks_quote_volumes_that_are_not_exact(
    trading: Served, units: str, step: str, unit: str
) -> None:
    """A row of several ticks is multiplied by one price; the table takes each trade at its own."""
    texts = poll(trading, {**WANTED, "units": units, "step": step})["content"]["texts"]
    assert texts["chart_unit"] == unit
    assert "≈" not in texts["unit"]


def test_an_invalid_option_falls_back_to_its_default(trading: Served) -> None:
    """The valid ones beside it count."""
    view = {**WANTED, "units": "quote", "rows": "9999", "lookback": "x"}
    texts = poll(trading, view)["content"]["texts"]
    assert texts["units"] == "times in UTC, volumes in USDT"


def test_a_first_answer_has_every_part(trading: Served) -> None:
    """As the page's JavaScript reads it."""
    panel = poll(trading)
    assert panel["status"].keys() == {"state", "word", "cause", "age_ms", "latency", "cursor"}
    assert panel["content"].keys() == set(PanelContent._fields)
    assert list(panel["profile"]["texts"]) == list(ProfileTexts._fields)
    assert panel["profile"]["texts"]["known"].endswith("of the session")
    day = poll(trading, {**WANTED, "profile": "24h"})["profile"]
    assert day["texts"]["known"].endswith("of the 24 h")


def test_a_candle_s_levels_come_with_the_content(trading: Served) -> None:
    """Those of the candle that is named; a note says so if it has none."""
    open_ts = poll(trading)["content"]["rows"][0]["id"]
    levels = poll(trading, {**WANTED, "candle": open_ts})["content"]["levels"]
    assert levels["rows"]
    assert str(levels["open_ts"]) == open_ts
    levels = poll(trading, {**WANTED, "candle": "60000"})["content"]["levels"]
    assert levels["rows"] == []
    assert levels["note"] == "No data for this candle at this timeframe."


@pytest.mark.parametrize(
    ("view", "cause"),
    [
        ({**WANTED, "symbol": "NOSUCH"}, "NOSUCH"),
        ({**WANTED, "step": "0.07"}, "multiple of the tick"),
        ({**WANTED, "exchange": "binance"}, "cannot be reached"),
        ({**WANTED, "tf": "2m"}, "2m"),
        ({}, "cannot be reached"),
    ],
)
def test_an_unavailable_view_is_disconnected_with_its_cause(
    demo: Served, view: dict[str, str], cause: str
) -> None:
    """The answer is a status, once, and never a failure."""
    panel = poll(demo, view)
    assert panel.keys() == {"status"}
    assert panel["status"]["word"] == "Disconnected"
    assert cause in panel["status"]["cause"]
    assert poll(demo, view, status=panel["status"]["cursor"]) == {}


def test_one_answer_refreshes_all_panels_in_their_order(trading: Served) -> None:
    """An unavailable one leaves the others alone, and one without news is null."""
    views = [{**WANTED, "symbol": "NOSUCH"}, WANTED, {**WANTED, "tf": "5m"}]
    body = panel_poll(views, ["a", "b", "c"])
    first, second, third = panels_of(post(trading, body).content)
    assert first is not None
    assert second is not None
    assert third is not None
    assert first["status"]["state"] == "disconnected"
    assert second["content"]["cursor"][2] != third["content"]["cursor"][2]
    shown = [{"status": first["status"]["cursor"]}, {}, {}]
    assert panels_of(post(trading, panel_poll(views, ["a", "b", "c"], shown)).content)[0] is None
    assert [first["panel"], second["panel"], third["panel"]] == ["a", "b", "c"]
    assert "panel" not in poll(trading)  # nothing of one page in a body that several share
    wait_until(lambda: post(trading, body) and trading.hub.health()["leases"] == 2, what="b and c alone")


def test_a_page_without_panels_gets_no_content(demo: Served) -> None:
    """As every page before a panel opens."""
    assert post(demo, panel_poll([], [])).status_code == 204


def without(body: dict[str, Any], state: int) -> dict[str, Any]:
    """A poll whose values of one state are missing."""
    body["state"][state] = []
    return body


@pytest.mark.parametrize(
    ("body", "cause"),
    [
        (panel_poll(["text"], ["a"]), "must be objects"),
        (panel_poll([None], ["a"]), "must be objects"),
        (panel_poll([WANTED], ["a"], [[]]), "must be an object"),
        (panel_poll([{"tf": ["1m"]}], ["a"]), "must be plain"),
        (panel_poll([{"tf": {"a": {}}}], ["a"]), "must be plain"),
        (panel_poll([WANTED], [["a"]]), "must be plain"),  # type: ignore[list-item]
        (without(panel_poll([WANTED], ["a"]), 0), "must have the same length"),
        (without(panel_poll([WANTED], ["a"]), 1), "must be an object"),
        (panel_poll([WANTED] * (MOST_PANELS + 1), ["a"] * (MOST_PANELS + 1)), "a page has at most 6"),
    ],
)
def test_a_malformed_poll_is_refused_in_a_line(demo: Served, body: object, cause: str) -> None:
    """400, and what is wrong."""
    answer = post(demo, body)
    assert answer.status_code == 400
    assert cause in answer.text
    assert answer.text.count("\n") == 1


def test_malformed_and_oversize_bodies_are_refused(demo: Served) -> None:
    """Before anything is read of them."""
    whole = json.dumps(panel_poll([WANTED], ["a"])).encode()
    for body, statuses in (
        (b"{", {400}),
        (b'{"output":' + 1000 * b"[" + 1000 * b"]" + b"}", {400}),
        (whole.replace(b'"BTCUSDT"', 900 * b"[" + 900 * b"]"), {400}),
        (
            whole.replace(b'"shown", "value": {}', b'"shown", "value": {"a":' + 900 * b"[" + 900 * b"]}"),
            {200, 400},
        ),
        (b"\xff\xfe", {400}),
        (b"", {400}),
        (b" " * 70_000, {413}),
    ):
        headers = {"Content-Type": "application/json"}
        answer = httpx.post(f"{demo.url}/{PATH}", content=body, headers=headers, trust_env=False)
        assert answer.status_code in statuses, body[:10]
        assert "Traceback" not in answer.text


def test_viewers_who_look_alike_share_one_body(trading: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Twenty panels that poll together cost one build and one compression; another variant has its own."""
    built, compressed = [], []
    build, compress = PanelContent._asdict, panel_updates.encoded
    monkeypatch.setattr(PanelContent, "_asdict", lambda self: (built.append(self), build(self))[1])
    monkeypatch.setattr(
        panel_updates, "encoded", lambda *parts: (compressed.append(parts), compress(*parts))[1]
    )
    start = time.monotonic()
    answers = [poll(trading, holder=f"tab {number}") for number in range(20)]
    most = (time.monotonic() - start) / 0.5 + 1
    assert len(built) <= most
    assert len(compressed) <= most
    assert len({each["content"]["cursor"][4] for each in answers}) <= len(built) + 1  # one was there before
    poll(trading, {**WANTED, "units": "quote"})
    assert built[-1].texts["units"] == "times in UTC, volumes in USDT"


@pytest.mark.parametrize("count", [1, 2])
@pytest.mark.parametrize("encoding", ["zstd", "gzip", "identity"])
def test_an_answer_has_an_encoding_that_the_client_accepts(
    trading: Served, encoding: str, count: int
) -> None:
    """Whether its body is shared or not."""
    body = panel_poll([WANTED] * count, [str(number) for number in range(count)])
    request = httpx.Request("POST", f"{trading.url}/{PATH}", json=body, headers={"Accept-Encoding": encoding})
    with httpx.Client(trust_env=False) as client:
        answer = client.send(request, stream=True)
        raw = b"".join(answer.iter_raw())
    assert answer.headers.get("Content-Encoding", "identity") == encoding
    assert answer.headers["Vary"] == "Accept-Encoding"
    assert answer.headers["Content-Length"] == str(len(raw))
    starts = {"zstd": b"\x28\xb5\x2f\xfd", "gzip": b"\x1f\x8b", "identity": b'{"multi":true'}
    assert raw.startswith(starts[encoding])
    if encoding == "gzip":
        assert len(panels_of(gzip.decompress(raw))) == count


def test_every_poll_has_its_duration_and_the_servers_time(trading: Served) -> None:
    """Both in ms, also without news: a browser computes from them how far its clock is off."""

    def timed(shown: dict[str, Any]) -> int:
        before = time.time() * 1000
        answer = post(trading, panel_poll([WANTED], ["a"], [shown]))
        found = re.fullmatch(r'app;dur=([\d.]+), clock;desc="(\d+)"', answer.headers["Server-Timing"])
        assert found is not None
        assert 0 <= float(found[1]) < 10_000
        assert before - 1 <= int(found[2]) <= time.time() * 1000
        return answer.status_code

    assert timed({}) == 200
    wait_until(lambda: timed({"tick": TICK, **cursors(poll(trading))}) == 204, 30, what="a poll without news")
