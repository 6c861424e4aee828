"""The words everyone uses: exact decimals above all."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.market import DecimalUnit, Instrument, Quality, State, Timeframe, Venue, parse_decimal

UNITS = [
    "0.1",
    "0.05",
    "0.5",
    "1",
    "10",
    "100",
    "0.25",
    "0.3",
    "0.0000001",
    "2.5",
    "1E+2",
    "0." + "0" * 17 + "1",
]


def plain(value: Decimal) -> str:
    """A decimal as a venue writes it."""
    return f"{value:f}"


@given(st.sampled_from(UNITS), st.integers(-(10**12), 10**12))
def test_units_survive_text_and_back(unit, units):
    """Any number of units has a text that means exactly that number of units."""
    grid = DecimalUnit(Decimal(unit))
    text = grid.text(units)
    assert Decimal(text) == units * Decimal(unit)
    if len(text.split(".")[0].lstrip("-")) <= 18:
        assert grid.units(text) == units


@given(st.sampled_from(UNITS), st.integers(-(10**9), 10**9))
def test_every_text_of_a_unit_has_the_units_own_decimals(unit, units):
    """Texts of one instrument line up: never an exponent, always the same number of decimals."""
    text = DecimalUnit(Decimal(unit)).text(units)
    decimals = max(0, -Decimal(unit).normalize().as_tuple().exponent)
    assert len(text.partition(".")[2]) == decimals
    assert "e" not in text.lower()
    assert float(text) == float(units * Decimal(unit))


@pytest.mark.parametrize(
    ("unit", "units", "text"),
    [
        ("0.05", 3, "0.15"),
        ("0.05", -1, "-0.05"),
        ("10", 7, "70"),
        ("0.0000001", 12_345, "0.0012345"),
        ("0.1", 3, "0.3"),
        ("0.001", 0, "0.000"),
        ("2.5", 3, "7.5"),
    ],
)
def test_awkward_units_print_exactly(unit, units, text):
    """No 0.30000000000000004, no 1E-7, no missing zeros."""
    assert DecimalUnit(Decimal(unit)).text(units) == text


@given(st.sampled_from(UNITS), st.decimals(-(10**9), 10**9, places=9))
def test_a_text_off_the_grid_is_refused(unit, value):
    """A text is whole units or no units at all, by decimal arithmetic."""
    grid = DecimalUnit(Decimal(unit))
    quotient, rest = divmod(value, Decimal(unit))
    if rest:
        with pytest.raises(ValueError, match="whole multiple"):
            grid.units(plain(value))
    else:
        assert grid.units(plain(value)) == int(quotient)


HOSTILE = [
    "", " ", "1 ", " 1", "+1", "1.", ".5", "1e3", "1E-3", "nan", "NaN", "inf", "-inf", "0x10", "1_000",
    "1,000", "--1", "-", "1.2.3", "٣", "１", "1\n", "\x00", "9" * 19, "0." + "0" * 19, "9" * 10_000, "²",
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_not_a_number(text):
    """Only plain ASCII decimals of sane length are numbers; the complaint quotes a short piece."""
    with pytest.raises(ValueError, match="not a plain decimal") as caught:
        parse_decimal(text)
    assert len(str(caught.value)) < 100


@given(st.text(max_size=12))
def test_any_text_is_a_finite_number_or_an_error(text):
    """Nothing but ValueError comes out, and never a value that is not finite."""
    try:
        assert parse_decimal(text).is_finite()
    except ValueError:
        assert not text.isdecimal() or not text.isascii()


@pytest.mark.parametrize("value", ["0", "-1", "NaN", "Infinity", "1E+18", "1E-19", "0.0"])
def test_what_cannot_be_a_unit_is_refused(value):
    """A tick or lot is positive, finite and of sane size."""
    with pytest.raises(ValueError, match="not a usable unit"):
        DecimalUnit(Decimal(value))


def test_an_instrument_counts_in_its_tick_and_lot():
    """Price units are ticks, quantity units are lots."""
    instrument = Instrument(Venue.BYBIT, "X", "X", "USDT", Decimal("0.05"), Decimal(10))
    assert instrument.grid.price.units("1.15") == 23
    assert instrument.grid.quantity.text(3) == "30"


def test_names_are_the_contract():
    """The values are the names in URLs and on the socket."""
    assert [venue.value for venue in Venue] == ["binance", "bybit", "demo"]
    assert [timeframe.value for timeframe in Timeframe] == ["1m", "5m", "15m", "1h"]
    assert [timeframe.ms for timeframe in Timeframe] == [60_000, 300_000, 900_000, 3_600_000]
    assert {quality.value for quality in Quality} == {"complete", "repaired", "partial", "gap"}
    assert {state.value for state in State} == {"connecting", "live", "stale", "repairing", "disconnected"}
    assert "simulated" in Venue.DEMO.label
