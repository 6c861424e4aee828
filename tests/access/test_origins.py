"""Which pages a browser may send from."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.access.origins import Origins


@pytest.mark.parametrize(
    ("origin", "host", "is_accepted"),
    [
        ("http://flow.example", "flow.example", True),
        ("https://flow.example", "flow.example", True),  # a proxy ended the TLS
        ("https://flow.example", "flow.example:443", True),
        ("https://flow.example:443", "flow.example", True),
        ("http://flow.example:8050", "flow.example:8050", True),
        ("http://FLOW.example", "flow.EXAMPLE", True),
        ("http://[::1]:8050", "[::1]:8050", True),
        ("http://127.0.0.1:8050", "127.0.0.1:8050", True),
        ("https://flow.example:8443", "flow.example", False),
        ("https://flow.example", "flow.example:8443", False),
        ("http://127.0.0.1:8051", "127.0.0.1:8050", False),
        ("https://evil.example", "flow.example", False),
        ("https://flow.example.evil.example", "flow.example", False),
        ("https://evilflow.example", "flow.example", False),
        ("https://flow.example@evil.example", "flow.example", False),
        ("https://evil.example/flow.example", "flow.example", False),
        ("https://evil.example#flow.example", "flow.example", False),
        ("https://flow.example, https://evil.example", "flow.example", False),
        ("https://evil.example https://flow.example", "flow.example", False),
        ("file://flow.example", "flow.example", False),
        ("chrome-extension://flow.example", "flow.example", False),
        ("flow.example", "flow.example", False),
        ("//flow.example", "flow.example", False),
        ("null", "flow.example", False),
        ("null", "null", False),
        ("", "", False),
        ("https://", "", False),
        ("http://x", "", False),
        ("https://flow.example:0x1bb", "flow.example", False),
        ("https://[::1", "flow.example", False),
    ],
)
def test_an_origin_is_accepted_by_host_and_port(origin: str, host: str, is_accepted: bool) -> None:
    """Whatever the scheme; nothing that only looks like it."""
    assert Origins().accept(origin, host) is is_accepted


@pytest.mark.parametrize(
    ("origin", "is_accepted"),
    [
        ("https://portal.example", True),
        ("https://PORTAL.example:443", True),
        ("http://portal.example", False),
        ("https://portal.example:8443", False),
        ("https://sub.portal.example", False),
        ("http://desk.example:3000", True),
        ("http://desk.example", False),
        ("null", True),
    ],
)
def test_a_setting_allows_others_exactly(origin: str, is_accepted: bool) -> None:
    """With scheme and port, and sandboxed frames by their word."""
    origins = Origins("https://portal.example http://desk.example:3000 null")
    assert origins.accept(origin, "flow.example") is is_accepted


@pytest.mark.parametrize(
    ("site", "is_accepted"),
    [
        (None, True),
        ("same-origin", True),
        ("none", True),
        ("same-site", False),
        ("cross-site", False),
        ("?", False),
    ],
)
def test_without_an_origin_the_site_decides(site: str | None, is_accepted: bool) -> None:
    """Programs send neither; a browser that leaves one out has the other."""
    assert Origins().accept(None, "flow.example", site) is is_accepted


@pytest.mark.parametrize(
    "setting",
    ["portal.example", "https://portal.example/", "https://*.example", "https://a@b", "ftp://a", "*"],
)
def test_an_invalid_origin_is_refused(setting: str) -> None:
    """Wildcards too: name each page."""
    with pytest.raises(ValueError, match="origins such as"):
        Origins(setting)


@given(origin=st.text(max_size=40), host=st.text(max_size=40))
def test_any_text_is_answered(origin: str, host: str) -> None:
    """Headers are a stranger's."""
    assert Origins().accept(origin, host) in (True, False)
    assert Origins().accept(f"https://{origin}", host) in (True, False)
