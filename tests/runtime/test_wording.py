"""What is not accepted is told in plain words."""

from __future__ import annotations

from orderflow_dash.runtime.wording import either, not_accepted, quoted


def test_a_value_is_told_with_its_name_and_what_would_do() -> None:
    """In quotation marks as people write them."""
    assert not_accepted("tf", "2'm", either(["1m", "5m", "15m"])) == "tf “2'm” is not accepted: 1m, 5m or 15m"
    assert either(["a"]) == "a"
    assert either(["a", "b"]) == "a or b"


def test_a_long_value_is_told_by_its_beginning() -> None:
    """Forty characters and a mark that more came."""
    assert quoted("x" * 41) == f"“{'x' * 40}…”"
    assert quoted("") == "“”"


def test_what_would_break_the_line_does_not() -> None:
    """Control characters are told as what cannot be shown."""
    unshown = "\N{REPLACEMENT CHARACTER}"
    assert quoted("A\r\nB") == f"“A{unshown}{unshown}B”"
