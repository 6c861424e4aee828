from decimal import Decimal
from fractions import Fraction

import pytest

from orderflow_dash.web.text import axis_margin, axis_texts, clock, day_clock, grouped, rounded, signed
from tests.web.conftest import NOON


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.001", "0.001"),
        ("1234567.8900", "1,234,567.8900"),
        ("-12345.670", "−12,345.670"),
        ("999", "999"),
        ("-1000", "−1,000"),
        ("0.0000001", "0.0000001"),
        ("123456789012345678.123456789", "123,456,789,012,345,678.123456789"),
    ],
)
def test_grouping_keeps_every_digit(text: str, expected: str) -> None:
    """Thousands are marked and no digit is lost."""
    assert grouped(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("32.8", "+32.8"), ("-66.9", "−66.9"), ("0.000", "0.000"), ("0", "0"), ("0.001", "+0.001")],
)
def test_a_sign_stands_before_all_but_zero(text: str, expected: str) -> None:
    """Above zero is a plus, below a minus, zero has none."""
    assert signed(text) == expected


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        (["0"], ["0"]),
        (["-0.0"], ["0"]),
        (["1e-9", "2e-9"], ["0.000000001", "0.000000002"]),
        (["-1e-6", "0", "1e-6"], ["−0.000001", "0", "0.000001"]),
        (["0.5", "1"], ["0.5", "1.0"]),
        (["999"], ["999"]),
        (["0", "500", "1000"], ["0", "0.5k", "1.0k"]),
        (["-1500", "1500"], ["−1.5k", "1.5k"]),
        (["1e6", "2e6"], ["1M", "2M"]),
        (["-5e8", "0", "1e9"], ["−0.5B", "0", "1.0B"]),
        (["1e12", "3e12"], ["1T", "3T"]),
        (["1e15"], ["1,000T"]),
    ],
)
def test_an_axis_is_written_short(values: list[str], texts: list[str]) -> None:
    """One letter for all of its values, from 10^-9 on; zero is plain and has no sign."""
    assert axis_texts([Decimal(value) for value in values]) == texts


def test_times_are_utc() -> None:
    """Clock texts do not follow the zone of the machine."""
    assert clock(NOON) == "12:00"
    assert day_clock(NOON) == "01 Jan 12:00"


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (Fraction(1, 2), 0, "1"),
        (Fraction(1, 3), 4, "0.3333"),
        (Fraction(5, 1_000), 2, "0.01"),
        (Fraction(4_999, 1_000_000), 2, "0.00"),
        (Fraction(10**30 + 1, 2), 1, "5" + "0" * 29 + ".5"),
        (Fraction(123), 3, "123.000"),
    ],
)
def test_a_fraction_is_rounded_exactly(value, decimals, text) -> None:
    """Halves round up, whatever the size of the fraction."""
    assert rounded(value, decimals) == text


def test_an_axis_has_room_for_its_longest_text() -> None:
    """Short texts keep the usual margin."""
    assert axis_margin(["0", "1.5k"], 54) == 54
    assert axis_margin([], 54) == 54
    assert axis_margin(["0", "−0.0000001"], 54) > 54
