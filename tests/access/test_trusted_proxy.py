"""Which peers may say who a user is."""

from __future__ import annotations

import pytest

from orderflow_dash.access.trusted_proxy import parse_proxies, peer_address


@pytest.mark.parametrize(
    ("setting", "peer", "is_trusted"),
    [
        ("10.1.2.0/24", "10.1.2.255", True),
        ("10.1.2.0/24", "10.1.3.0", False),
        ("10.1.2.0/24", "::ffff:10.1.2.3", True),
        ("10.1.2.0/24", "::10.1.2.3", False),
        ("10.1.2.3", "10.1.2.3", True),
        ("fd00::/8, 10.1.2.3", "fd12::1", True),
        ("fe80::/10", "fe80::1%eth0", True),
        ("10.0.0.0/8", "", False),
        ("10.0.0.0/8 unix", "", True),
        ("unix", "10.0.0.1", False),
        ("10.0.0.0/8", "10.0.0.1, 10.0.0.2", False),
        ("10.0.0.0/8", "unix", False),
        ("", "127.0.0.1", False),
    ],
)
def test_a_peer_is_trusted_by_its_network(setting: str, peer: str, is_trusted: bool) -> None:
    """And one of a unix socket, which has no address, by the word alone."""
    assert parse_proxies(setting).trusts(peer) is is_trusted


@pytest.mark.parametrize("setting", ["10.1.2.3/24", "proxy", "10.1.2.0/33", "0.0.0.0/0", "10.0.0.1 ::/0"])
def test_an_invalid_network_of_proxies_is_refused(setting: str) -> None:
    """A typing error must not trust anybody."""
    with pytest.raises(ValueError, match="networks"):
        parse_proxies(setting)


def test_the_peer_is_who_connected_whatever_headers_say() -> None:
    """What werkzeug's ProxyFix replaced is still known."""
    assert peer_address({"REMOTE_ADDR": "192.0.2.1"}) == "192.0.2.1"
    fixed = {"REMOTE_ADDR": "10.9.9.9", "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": "192.0.2.1"}}
    assert peer_address(fixed) == "192.0.2.1"
    assert peer_address({"REMOTE_ADDR": "10.9.9.9", "werkzeug.proxy_fix.orig": {"REMOTE_ADDR": None}}) == ""
    assert peer_address({}) == ""
