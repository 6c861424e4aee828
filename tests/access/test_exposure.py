"""Whether the app stands open to strangers."""

from __future__ import annotations

import pytest

from orderflow_dash.access.exposure import exposure_warning


@pytest.mark.parametrize(
    ("address", "is_open"),
    [
        (("127.0.0.1", 8050), False),
        (("127.8.8.8", 8050), False),
        (("::1", 8050, 0, 0), False),
        ("/run/orderflow.sock", False),
        (b"/run/orderflow.sock", False),
        (("0.0.0.0", 8050), True),  # noqa: S104
        (("::", 8050, 0, 0), True),
        (("192.168.1.5", 8050), True),
        (("fe80::1%eth0", 8050, 0, 2), True),
    ],
)
def test_an_address_that_others_reach_is_warned_of(address: object, is_open: bool) -> None:
    """Unless access is controlled."""
    assert (exposure_warning([("127.0.0.1", 1), address], "none") is not None) is is_open
    assert exposure_warning([address], "basic") is None
    assert exposure_warning([address], "proxy") is None


def test_the_warning_says_where_and_what_to_do() -> None:
    """One sentence that leads on."""
    warning = exposure_warning([("0.0.0.0", 8050), ("127.0.0.1", 1)], "none")  # noqa: S104
    assert warning is not None
    assert "0.0.0.0:8050" in warning
    assert "ORDERFLOW_AUTH" in warning
    assert "127.0.0.1" not in warning
