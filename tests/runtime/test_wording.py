"""Words for an invalid value."""

from __future__ import annotations

from orderflow_dash.runtime.wording import invalid_value, join_or, quoted


def test_an_invalid_value_is_named_with_what_is_valid() -> None:
    valid = join_or(["1m", "5m", "15m"])
    assert invalid_value("tf", "2'm", valid) == """Invalid tf "2'm": use 1m, 5m, or 15m"""


def test_choices_are_joined_by_or() -> None:
    assert join_or(["a"]) == "a"
    assert join_or(["a", "b"]) == "a or b"
    assert join_or(["a", "b", "c"]) == "a, b, or c"


def test_a_long_value_is_cut() -> None:
    """After forty characters, with a mark."""
    assert quoted("x" * 41) == '"' + "x" * 40 + '…"'
    assert quoted("") == '""'


def test_control_characters_are_replaced() -> None:
    unshown = "\N{REPLACEMENT CHARACTER}"
    assert quoted("A\r\nB") == f'"A{unshown}{unshown}B"'
