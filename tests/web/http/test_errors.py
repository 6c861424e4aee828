"""What arrives at the server's edge and must end there."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderflow_dash.web.assets import assets_folder
from tests.conftest import Served

JSON = {"Content-Type": "application/json"}


@pytest.fixture
def edge(serve: Callable[..., Served]) -> httpx.Client:
    """A client of the app, whose venues are out of reach."""
    return httpx.Client(base_url=serve().url, trust_env=False, timeout=10)


def callback(output: str, inputs: list[Any], state: list[Any]) -> bytes:
    """A request of the page for one of its callbacks."""
    return json.dumps(
        {
            "output": output,
            "outputs": [
                {"id": part.split(".")[0], "property": part.split(".")[1]}
                for part in output.strip(".").split("...")
            ],
            "inputs": inputs,
            "state": state,
            "changedPropIds": [f"{each['id']}.{each['property']}" for each in inputs],
        }
    ).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b"{}",
        b"{",
        b'{"output":"nosuch.children"}',
        b'{"output":' + b"[" * 100_000,
        b'{"output":"' + b"A" * 500_000 + b'"}',
        b'{"output":{"id":1},"inputs":"x","changedPropIds":7}',
        b'{"output":"\\ud800"}',
    ],
    ids=range(11),
)
def test_a_malformed_callback_is_a_400_and_a_short_line(
    edge: httpx.Client, caplog: pytest.LogCaptureFixture, body: bytes
) -> None:
    """No 500, no traceback, and the log does not repeat what was sent."""
    with caplog.at_level(logging.WARNING):
        answer = edge.post("/_dash-update-component", content=body, headers=JSON)
    assert 400 <= answer.status_code < 500
    assert "Traceback" not in answer.text
    assert all(len(record.getMessage()) < 600 and not record.exc_info for record in caplog.records)


def test_a_large_body_is_refused_unread(edge: httpx.Client) -> None:
    """No page sends more than 64 KiB, which could cost minutes of work: 413."""
    for length in (70_000, 3 << 20):
        body = b'{"output":"' + b"A" * length + b'"}'
        assert edge.post("/_dash-update-component", content=body, headers=JSON).status_code == 413


junk = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


def own_callbacks(value: Any, state: Any) -> list[bytes]:
    """Requests of the page's own callbacks that take what a browser says."""
    panel_view = {"panel": "p", "type": "panel-view"}
    return [
        callback(
            "..modal.is_open...modal-body.children...notice.children...address-retry.data..",
            [{"id": "address", "property": "data", "value": value}],
            [
                [{"id": panel_view, "property": "id", "value": state}],
                {"id": "theme", "property": "data", "value": state},
            ],
        ),
        callback(
            "..symbols.rowData...symbols.rowTransaction...venue-strip.children...table-cursor.data..",
            [{"id": "page-interval", "property": "n_intervals", "value": value}],
            [
                {"id": "table-cursor", "property": "data", "value": state},
                {"id": "rows-in-view", "property": "data", "value": state},
            ],
        ),
    ]


def test_our_callbacks_answer_a_page(edge: httpx.Client) -> None:
    """What the page itself asks is answered: the test below reaches the same callbacks."""
    for body in own_callbacks({"search": ""}, {}):
        assert edge.post("/_dash-update-component", content=body, headers=JSON).status_code == 200


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=junk, state=junk)
def test_our_callbacks_survive_any_value(edge: httpx.Client, value: Any, state: Any) -> None:
    """Whatever JSON a stranger sends for the page's own inputs, it is never a 500."""
    for body in own_callbacks(value, state):
        assert edge.post("/_dash-update-component", content=body, headers=JSON).status_code < 500


@pytest.mark.parametrize("page", ["compare", "embed", ""])
def test_an_address_that_a_page_makes_up_is_no_longer_than_one_can_be(edge: httpx.Client, page: str) -> None:
    """A long one would be a sentence for each of its parts, and many times as much to send."""
    outputs = {
        "compare": "..compare-grid.children...compare-link.value...notice.children..",
        "embed": "..embed-panel.children...embed-retry.disabled..",
        "": "..modal.is_open...modal-body.children...notice.children...address-retry.data..",
    }
    search = "?panel=x&link=" + ",".join(f"{n:x}" for n in range(10_000))
    wish = [{"id": "address", "property": "data", "value": {"search": search}}]
    view = {"id": {"panel": "p", "type": "panel-view"}, "property": "id", "value": None}
    body = callback(outputs[page], wish, [[view], {"id": "theme", "property": "data", "value": "dark"}])
    answer = edge.post(f"{page}/_dash-update-component", content=body, headers=JSON)
    assert answer.status_code == 200
    assert len(answer.content) < 2 * len(body)


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/embed/nope",
        "/compare/x/y",
        "/embedded",
        "/metrics/x",
        "/ws/orderflow/x",
        "/health/x",
        "/assets/nope.css",
        "/../etc/passwd",
        "/_nope",
        "/_dash-nope",
        "/_dash-layout/",
        "/_dash-update-component",  # by GET
        "/embed/_x",
        "/compare/_dash-layout/x",
        "/embed//",
        "/help/x",
        "/favicon.ico/x",
    ],
)
def test_an_unknown_path_is_a_404(edge: httpx.Client, path: str) -> None:
    """A monitor that asks for what is not there is not fooled by the page."""
    assert edge.get(path).status_code == 404


def test_a_query_that_is_not_utf_8_is_a_400(serve: Callable[..., Served]) -> None:
    """Browsers escape such bytes; a client that sends them raw gets the error on every path."""
    client = serve().application.server.test_client()
    for path in ("/", "/embed", "/help", "/health", "/api/export.csv", "/assets/js/main.mjs", "/nope"):
        answer = client.get(path, environ_overrides={"QUERY_STRING": "a=\x80"}, buffered=True)
        assert (answer.status_code, answer.text) == (400, "query is not valid UTF-8\n"), path


@pytest.mark.parametrize("path", ["/assets/nope.js", "/assets/" + "a" * 3000, "/assets/js/main.mjs"])
def test_options_of_a_file_are_answered_without_reading_it(edge: httpx.Client, path: str) -> None:
    """Even with a version in the query, which only an existing file has."""
    assert edge.options(f"{path}?v=1").status_code == 200


@pytest.mark.parametrize("page", ["/", "/embed/", "/compare/"])
def test_what_a_page_asks_dash_for_is_answered(edge: httpx.Client, page: str) -> None:
    """Every path of Dash's own, of every page: its layout, its callbacks, its scripts."""
    document = edge.get(page, follow_redirects=True).text
    scripts = re.findall(rf'src="({re.escape(page)}_dash-component-suites/[^"]+)"', document)
    assert len(scripts) > 5
    for path in (
        *scripts,
        *(f"{page}_{name}" for name in ("dash-layout", "dash-dependencies", "reload-hash")),
    ):
        answer = edge.get(path)
        assert (answer.status_code, "<html" in answer.text[:200]) == (200, False), path


@pytest.mark.parametrize("page", ["/embed", "/compare", "/help"])
def test_a_page_has_one_address(edge: httpx.Client, page: str) -> None:
    """With a slash more it leads to the page, with the query as it came, and to no other host."""
    assert edge.get(page).status_code == 200
    query = "panel=demo%3ABTCUSDT%3A1m%3A10&panel=x&theme=%22%3E&u=%C3%A4"
    for asked, location in ((f"{page}/", page), (f"{page}/?{query}", f"{page}?{query}")):
        answer = edge.get(asked)
        assert (answer.status_code, answer.headers["Location"]) == (308, location)


def test_a_browser_finds_an_icon_at_the_default_address(edge: httpx.Client) -> None:
    """A response that is not a page, such as a 404, names no icon, so browsers request ``/favicon.ico``."""
    answer = edge.get("/favicon.ico")
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "image/svg+xml; charset=utf-8")
    assert answer.content == (assets_folder() / "favicon.svg").read_bytes()
    assert "max-age=" in answer.headers["Cache-Control"]


def test_a_plain_request_of_the_socket_says_what_it_is(edge: httpx.Client) -> None:
    """Without an upgrade the socket's path answers 426."""
    answer = edge.get("/ws/orderflow")
    assert answer.status_code == 426
    assert answer.headers["Upgrade"] == "websocket"


@pytest.mark.parametrize(
    "path", ["/_dash-component-suites/os/x.py", "/_dash-component-suites/dash/../../../etc/passwd"]
)
def test_a_component_that_is_not_served_is_refused(edge: httpx.Client, path: str) -> None:
    """No file of the machine and no 500."""
    assert 400 <= edge.get(path).status_code < 500


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    query=st.dictionaries(
        st.sampled_from(["exchange", "symbol", "tf", "step", "lookback", "x"]), st.text(max_size=30)
    )
)
def test_any_query_of_the_page_is_answered(edge: httpx.Client, query: dict[str, str]) -> None:
    """The page opens whatever its address says; what it names is looked at later."""
    assert edge.get("/", params=query).status_code == 200


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=junk, state=junk)
def test_the_other_pages_callbacks_survive_any_value(edge: httpx.Client, value: Any, state: Any) -> None:
    """Opening an embedded panel, and all panels of a comparison, and adding one to it."""
    view = {"id": {"panel": "p", "type": "panel-view"}, "property": "id", "value": state}
    theme = {"id": "theme", "property": "data", "value": state}
    wish = [{"id": "address", "property": "data", "value": value}]
    cells = {"id": {"panel": "p", "type": "compare-cell"}, "property": "id", "value": state}
    click = {"id": "compare-add-button", "property": "n_clicks", "value": 1}
    typed = {"id": "compare-add", "property": "value", "value": value}
    added = callback(
        "..compare-grid.children@x...notice.children@x...compare-add.value..",
        [click, {**click, "id": "compare-add", "property": "n_submit"}],
        [typed, [cells], theme],
    )
    outputs = json.loads(edge.get("/compare/_dash-dependencies").text)
    name = next(each["output"] for each in outputs if "compare-add.value" in each["output"])
    bodies = [
        ("embed", callback("..embed-panel.children...embed-retry.disabled..", wish, [[view], theme])),
        (
            "compare",
            callback(
                "..compare-grid.children...compare-link.value...notice.children..", wish, [[view], theme]
            ),
        ),
        ("compare", json.dumps({**json.loads(added), "output": name}).encode()),
    ]
    for page, body in bodies:
        answer = edge.post(f"/{page}/_dash-update-component", content=body, headers=JSON)
        assert answer.status_code < 500
