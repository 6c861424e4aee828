"""Names of this server, and names that others give it."""

from __future__ import annotations

import socket

import pytest

from orderflow_dash.access.hosts import ServerNames, check_allowed_hosts

NAMES = ServerNames("flow.lan Desk_1", "https://portal.example:8443 null http://[2001:db8::1]")


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "LOCALHOST:8050",
        "localhost.:80",
        "app.localhost:8050",
        "127.0.0.1:8050",
        "127.1.2.3",
        "[::1]:8050",
        "[::1]",
        "192.0.2.7:8050",
        "[2001:db8::7]",
        "flow.lan",
        "Flow.Lan:8050",
        "desk_1:8050",
        "portal.example",
        "portal.example:9",
        socket.gethostname(),
    ],
)
def test_names_of_this_server(host: str) -> None:
    """Loopback, addresses, the machine and what the settings name; case and port do not matter."""
    assert NAMES.include(host)


@pytest.mark.parametrize(
    "host",
    [
        "evil.example",
        "evil.example:8050",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "evil.flow.lan",
        "null",
        "",
        ":8050",
        "localhost:x",
        "localhost:80:80",
        "localhost@evil.example",
        "user@localhost",
        "evil.example, localhost",
        "localhost evil.example",
        "localhost/",
        "[evil.example]",
        "[::1",
        "[::1]x",
        "::1",
        "0x7f000001.example",
        "évil.example",
    ],
)
def test_other_names_do_not_belong_to_this_server(host: str) -> None:
    """Other hosts, and text that is not a host."""
    assert not NAMES.include(host)


@pytest.mark.parametrize("value", ["https://flow.lan", "flow.lan:80", "*", "*.flow.lan", "a..b", "a/b", "-a"])
def test_a_setting_with_an_invalid_name_is_refused(value: str) -> None:
    """The error names a valid form."""
    with pytest.raises(ValueError, match="host names such as"):
        check_allowed_hosts(value)
