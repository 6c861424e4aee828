"""``/api/export.csv``: limits of exports, clients and slow readers."""

from __future__ import annotations

import socket
import struct

import pytest
from werkzeug.test import TestResponse

from orderflow_dash.web.api.export import MAX_EXPORT_S, MAX_EXPORTS, within_time
from tests.live.hub_bench import HubBench
from tests.web.api.export_client import QUERY, URL, client_of, key_of


def test_a_full_hub_answers_503() -> None:
    """At the limit of streamed symbols."""
    setting = HubBench(series=1)
    setting.hub.lease("somebody", key_of(setting))
    answer = client_of(setting).get(URL, query_string={**QUERY, "symbol": "ETHUSDT"})
    assert (answer.status_code, "Symbol limit (1) reached: " in answer.text) == (503, True)
    assert f"try again in {answer.headers['Retry-After']} s." in answer.text


def test_exports_are_limited_and_release_their_place(setting: HubBench) -> None:
    """An export beyond them is 503; one that ends, read or not, frees its place and its view."""
    client = client_of(setting)

    def get(last: int, **query: str) -> TestResponse:
        return client.get(
            URL, query_string={**QUERY, **query}, environ_base={"REMOTE_ADDR": f"192.0.2.{last}"}
        )

    seconds = [get(number // 2, tf="5m") for number in range(MAX_EXPORTS)]
    assert setting.counts == (1, 2, 1)
    refused = get(99)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
    assert f"Export limit ({MAX_EXPORTS}) reached: try again in 3 s." in refused.text
    for answer in seconds:
        answer.close()
    assert setting.counts == (1, 1, 1)
    for _ in range(2 * MAX_EXPORTS):
        unread = client.head(URL, query_string=QUERY)
        assert unread.status_code == 200
        unread.close()
        client.get(URL, query_string={"tf": "no"}).close()
    assert setting.counts == (1, 1, 1)


def test_one_client_runs_a_quarter_of_the_exports(setting: HubBench) -> None:
    """The next one of its address is rejected with the limit."""
    client = client_of(setting)
    held = [client.get(URL, query_string=QUERY) for _ in range(MAX_EXPORTS // 4)]
    refused = client.get(URL, query_string=QUERY)
    assert (refused.status_code, refused.headers["Retry-After"]) == (503, "3")
    assert f"Export limit per client ({len(held)}) reached: try again in 3 s." in refused.text
    for answer in held:
        answer.close()
    assert client.get(URL, query_string=QUERY).status_code == 200


def test_a_stalled_reader_is_disconnected(setting: HubBench) -> None:
    """The send timeout is set during the response only."""

    def seconds(end: socket.socket) -> int:
        return struct.unpack("ll", end.getsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, 16))[0]

    server_end, client_end = socket.socketpair()
    with server_end, client_end:
        served = {"gunicorn.socket": server_end}
        answer = client_of(setting).get(URL, query_string=QUERY, environ_overrides=served)
        assert 0 < seconds(server_end) <= 20
        answer.close()
        assert seconds(server_end) == 0


def test_a_slow_reader_is_disconnected() -> None:
    """The response ends without HTTP's final chunk, so a part is never taken for the whole."""
    now = [0.0]
    lines = within_time(["a", "b", "c"], lambda: now[0])
    assert next(lines) == "a"
    now[0] = MAX_EXPORT_S
    assert next(lines) == "b"
    now[0] += 1
    with pytest.raises(ConnectionResetError, match="within 180 s"):
        next(lines)
