"""The HTTP API that controls a replay."""

from __future__ import annotations

import json
from collections.abc import Callable

import httpx
import pytest
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderflow_dash.application import Application
from orderflow_dash.settings import load_settings
from tests.conftest import Served
from tests.replay.recordings import (
    START,
    binance_file,
    invented_rows,
)


def test_without_a_replay_the_api_returns_404(serve: Callable[..., Served]) -> None:
    """404, and no bar on the page."""
    served = serve()
    for method in ("GET", "POST"):
        answer = httpx.request(method, f"{served.url}/api/replay", json={"paused": True}, trust_env=False)
        assert answer.status_code == 404
        assert "replay" in answer.json()["error"]
    assert "replay-bar" not in httpx.get(f"{served.url}/_dash-layout", trust_env=False).text


@pytest.fixture(scope="module")
def loading(tmp_path_factory: pytest.TempPathFactory) -> FlaskClient:
    """A client of a replay before loading."""
    folder = tmp_path_factory.mktemp("replay")
    path = binance_file(folder, invented_rows(10))
    application = Application(load_settings(replay=str(path), demo=False))
    application.exchange = application.replay.exchange if application.replay else None
    return application.server.test_client()


def test_a_seek_before_loading_returns_409(loading: FlaskClient) -> None:
    """409; speed and pause can be set, and progress is reported."""
    state = loading.get("/api/replay").json
    assert (state["phase"], state["clock_ms"], state["loaded_bytes"]) == ("loading", None, 0)
    assert state["total_bytes"] > 0
    assert loading.post("/api/replay", json={"seek_ms": START}).status_code == 409
    assert loading.post("/api/replay", json={"paused": True, "speed": 7.5}).json["speed"] == 7.5


anything = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)

wishes = st.dictionaries(st.sampled_from(["paused", "speed", "seek_ms", "x"]), anything, max_size=3)


@given(st.one_of(st.binary(max_size=60), wishes.map(lambda wish: json.dumps(wish).encode())))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_bodies_are_refused(loading: FlaskClient, body: bytes) -> None:
    """The response is JSON and never a 500; an error names the valid values."""
    answer = loading.post("/api/replay", data=body, content_type="application/json")
    assert answer.status_code in (200, 400, 409)
    assert answer.status_code == 200 or answer.json["error"]


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b'{"paused":1}', "application/json", 400),
        (b'{"speed":true}', "application/json", 400),
        (b'{"speed":1001}', "application/json", 400),
        (b'{"speed":-0.001}', "application/json", 400),
        (b'{"speed":1e400}', "application/json", 400),
        (b'{"seek_ms":1.5}', "application/json", 400),
        (b'{"seek_ms":"1"}', "application/json", 400),
        (b"{}", "application/json", 400),
        (b'{"paused":true,"volume":11}', "application/json", 400),
        (b"[" * 1000, "application/json", 400),
        (b"[" * 5000, "application/json", 413),
        (b'{"paused":true}', "text/plain", 415),
        (b"paused=true", "application/x-www-form-urlencoded", 415),
    ],
)
def test_an_invalid_body_returns_its_status_and_an_error(
    loading: FlaskClient, body: bytes, kind: str, status: int
) -> None:
    """Each bad body has its status and an error in words."""
    answer = loading.post("/api/replay", data=body, content_type=kind)
    assert answer.status_code == status
    assert len(answer.json["error"]) > 10
