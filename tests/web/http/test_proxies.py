"""Which forwarding headers of a request are trusted."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from flask import Flask, jsonify, request

from orderflow_dash.web.grant import client_address
from orderflow_dash.web.http.proxies import trust_proxies

FORGED = {
    "X-Forwarded-For": "203.0.113.9",
    "X-Forwarded-Proto": "https",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Port": "8443",
    "X-Forwarded-Prefix": "/evil",
    "Forwarded": "for=203.0.113.9;proto=https;host=evil.example",
}


def seen(hops: int, headers: dict[str, str], peer: str = "192.0.2.1", proxies: str = "") -> dict[str, Any]:
    """What the app takes a request for."""
    server = Flask("proxied")
    trust_proxies(server, hops, proxies)

    @server.get("/")
    def origin() -> Any:
        return jsonify(client=client_address(), url=request.url, root=request.script_root)

    answer: dict[str, Any] = (
        server.test_client()
        .get("/", headers={"Host": "app.example", **headers}, environ_base={"REMOTE_ADDR": peer})
        .json
    )
    return answer


def test_without_a_proxy_no_header_is_believed() -> None:
    """Address, scheme, host, port and prefix are those of the connection, whatever a client claims."""
    plain = seen(0, {})
    assert plain == {"client": "192.0.2.1", "url": "http://app.example/", "root": ""}
    assert seen(0, FORGED) == plain


def test_one_proxy_sets_address_scheme_and_host() -> None:
    """It does not set the prefix."""
    forwarded = seen(1, FORGED)
    assert forwarded == {"client": "203.0.113.9", "url": "https://evil.example:8443/", "root": ""}
    assert seen(1, {"X-Forwarded-Proto": "https"})["url"] == "https://app.example/"


@pytest.mark.parametrize(
    ("hops", "client"), [(0, "192.0.2.1"), (1, "198.51.100.7"), (2, "203.0.113.9"), (3, "192.0.2.1")]
)
def test_only_as_many_values_are_believed_as_there_are_proxies(hops: int, client: str) -> None:
    """What a client put before them does not count; where values lack, the connection's address does."""
    assert seen(hops, {"X-Forwarded-For": "203.0.113.9, 198.51.100.7"})["client"] == client


@pytest.mark.parametrize(
    ("address", "client"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("no:address", "no:address"),
        ("x" * 500, "x" * 64),
    ],
)
def test_an_address_is_one_client(address: str, client: str) -> None:
    """Of IPv6 a network of 64 bits; whatever else a proxy says is taken as it is, and not at any length."""
    assert seen(1, {"X-Forwarded-For": address})["client"] == client


def test_only_peers_in_the_networks_of_the_proxies_are_believed() -> None:
    """Where the networks are known, a client that reaches the app directly cannot choose its address."""
    assert seen(1, FORGED, proxies="10.1.2.0/24") == seen(0, {})
    assert seen(1, FORGED, peer="10.1.2.3", proxies="10.1.2.0/24") == seen(1, FORGED)
    assert seen(1, FORGED, peer="", proxies="unix") == seen(1, FORGED)


def test_an_untrusted_proxy_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    """The log names the setting, and only once."""
    server = Flask("proxied")
    trust_proxies(server, 0)
    client = server.test_client()
    with caplog.at_level(logging.WARNING):
        client.get("/")
        assert not caplog.records
        for _ in range(3):
            client.get("/", headers={"X-Forwarded-For": "203.0.113.9"})
    assert ["ORDERFLOW_PROXY_HOPS" in record.getMessage() for record in caplog.records] == [True]


def test_outside_a_request_there_is_no_client() -> None:
    """Not an error: a panel may be built without a browser."""
    assert client_address() == ""
