"""The panel's options: from an address, and back."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.live.session_profile import ProfileKind
from orderflow_dash.web.panel.options import (
    ACCEPTED,
    DEFAULTS,
    NAMES,
    PanelOptions,
    offered,
    option_args,
    option_text,
    parse_options,
)

all_options = st.builds(
    PanelOptions,
    lookback=st.integers(1, 500),
    rows=st.integers(1, 60),
    units=st.sampled_from(["base", "quote"]),
    anchor=st.sampled_from(["running", "session"]),
    ratio=st.decimals(1, 100, places=2),
    min=st.integers(0, 10**15 - 1),
    zero=st.booleans(),
    va=st.sampled_from([1, 2]),
    profile=st.sampled_from(ProfileKind),
    swap=st.booleans(),
    palette=st.sampled_from(["red-green", "blue-orange"]),
    cells=st.sampled_from(["bid-ask", "delta", "volume", "trades"]),
    color=st.sampled_from(["delta", "volume", "imbalance"]),
    scale=st.sampled_from(["candle", "visible"]) | st.integers(1, 10**15 - 1),
    group=st.booleans(),
    candle=st.none() | st.integers(0, 4_000_000_000_000),
)


@given(all_options)
def test_options_come_back_from_their_address(options):
    """Every option survives, in a fixed order, and a default is not written."""
    args = option_args(options)
    assert parse_options(args) == (options, [])
    assert list(args) == [name for name in NAMES if name in args]
    assert all(text != option_text(DEFAULTS, name) for name, text in args.items())


def test_the_defaults_need_no_address():
    """An address without options is the default panel."""
    assert option_args(DEFAULTS) == {}
    assert parse_options({"exchange": "demo", "symbol": "BTCUSDT"}) == (DEFAULTS, [])


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("lookback", "501", "a whole number from 1 to 500. The panel shows 30."),
        ("lookback", "0", "from 1 to 500"),
        ("lookback", "٣", "from 1 to 500"),
        ("rows", "-8", "from 1 to 60. The panel shows 8."),
        ("units", "btc", "base or quote. The panel shows base."),
        ("ratio", "0.5", "from 1 to 100"),
        ("ratio", "1e1", "from 1 to 100"),
        ("ratio", "nan", "from 1 to 100"),
        ("min", "1.5", "a whole number of the quote currency"),
        ("zero", "yes", "0 or 1"),
        ("va", "3", "2 or 1"),
        ("scale", "big", "candle, visible, or a cut-off: a whole number of the quote currency from 1 to"),
        ("scale", "0", "a cut-off"),
        ("scale", "-5", "a cut-off"),
        ("scale", "1.5", "The panel shows candle."),
        ("scale", "٣", "a cut-off"),
        ("profile", "week", "session or 24h"),
        ("palette", "pink", "red-green or blue-orange"),
        ("candle", "now", "the open of a candle in milliseconds. No candle is open."),
    ],
)
def test_a_bad_value_is_the_default_and_one_sentence(name, value, said):
    """The notice has the option, the value, and what is valid."""
    options, sentences = parse_options({name: value, "swap": "1"})
    assert options == PanelOptions(swap=True)
    (sentence,) = sentences
    assert sentence.startswith(f"{name} “{value}” is not accepted: ")
    assert said in sentence


@given(st.dictionaries(st.sampled_from(NAMES), st.text(max_size=60) | st.integers() | st.none()))
def test_whatever_comes_becomes_options(args):
    """Never an exception; each value is used or in a notice, and a long one is cut there."""
    options, sentences = parse_options(args)
    assert isinstance(options, PanelOptions)
    assert len(sentences) + len([name for name in args if name]) >= len(args)
    assert all(len(sentence) < 300 for sentence in sentences)


def test_a_control_offers_what_is_accepted_and_its_own_value():
    """A value from an address is among the others, in order."""
    for name in NAMES:
        for value in ACCEPTED[name].offered:
            assert parse_options({name: value})[1] == []
    assert list(offered(PanelOptions(lookback=90), "lookback")) == ["30", "60", "90", "120", "240", "500"]
    assert offered(PanelOptions(ratio=Decimal("3.25")), "ratio")["3.25"] == "3.25×"
    assert list(offered(PanelOptions(scale=70_000), "scale"))[:5] == [
        *("candle", "visible", "10000", "50000", "70000"),
    ]
