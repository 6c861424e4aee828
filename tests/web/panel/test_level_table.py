"""The levels of one candle, as the browser gets them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import numpy as np
import pytest

from orderflow_dash.live.view import ViewKey
from orderflow_dash.market import Timeframe, Venue
from orderflow_dash.web.panel.level_table import MOST_LEVELS, level_content
from orderflow_dash.web.panel.options import PanelOptions
from orderflow_dash.web.panel.volume_units import VolumeUnits
from tests.web.conftest import NOON

KEY = ViewKey(Venue.DEMO, "BTCUSDT", Timeframe.M1, Decimal("0.5"))


@pytest.fixture
def shown(candle, instrument):
    """The content of a candle with these levels, (price, bid, ask, n) in ticks and lots."""

    def build(*rows: tuple[int, int, int, int], **options: object):
        levels = np.array(rows, dtype=np.int64).reshape(-1, 4)
        made = replace(
            candle(),
            levels=levels,
            turnover=levels[:, :1] * levels[:, 1:3],
            poc=int(levels[np.argmax(levels[:, 1] + levels[:, 2]), 0]) if len(levels) else 0,
        )
        chosen = PanelOptions(**{"candle": NOON, **options})
        return level_content([made], KEY, VolumeUnits(instrument, chosen), chosen)

    return build


LADDER = ((970_010, 200, 1000, 7), (970_005, 300, 4000, 9), (970_000, 1000, 100, 1_234))


def test_rows_are_exact_from_high_to_low(shown) -> None:
    """Price, bid, ask, delta, trade records, bars against the largest level."""
    content = shown(*LADDER)
    assert content["title"] == "12:00 to 12:01 UTC"
    assert content["unit"] == "BTC"
    assert [row[:7] for row in content["rows"]] == [
        ["97,001.0", "0.200", "1.000", "+0.800", "7", 4.7, 23.3],
        ["97,000.5", "0.300", "4.000", "+3.700", "9", 7.0, 93.0],
        ["97,000.0", "1.000", "0.100", "−0.900", "1,234", 23.3, 2.3],
    ]


def test_poc_value_area_and_imbalances_are_marked(shown) -> None:
    """By the options' ratio, minimum and value area."""
    marks = [row[7].split() for row in shown(*LADDER)["rows"]]
    assert marks == [["va", "buy"], ["poc", "va", "buy"], []]
    assert [row[7].split() for row in shown(*LADDER, ratio=Decimal(4))["rows"]] == [["va"], ["poc", "va"], []]
    assert "buy" not in shown(*LADDER, min=10_000_000)["rows"][1][7]
    climb = [(970_020 - 5 * n, 10, 100, 1) for n in range(5)]
    assert ["stacked-buy" in row[7] for row in shown(*climb)["rows"]] == [True] * 4 + [False]


def test_zero_opposites_count_only_where_they_are_asked_for(shown) -> None:
    """A level without sells below."""
    ladder = ((970_005, 0, 1000, 1), (970_000, 0, 1000, 1))
    assert "buy" not in shown(*ladder)["rows"][0][7]
    assert "buy" in shown(*ladder, zero=True)["rows"][0][7]


def test_quote_units_are_what_was_paid(shown) -> None:
    """0.2 and 1 at 97,001.0."""
    content = shown(*LADDER, units="quote")
    assert content["unit"] == "USDT"
    assert content["rows"][0][1:4] == ["19,400", "97,001", "+77,601"]


def test_far_levels_of_a_long_ladder_are_counted_in_the_note(shown) -> None:
    """Those around the POC stay."""
    rows = [(980_000 - 5 * n, 1, 1 + (n == 900), 1) for n in range(1000)]
    content = shown(*rows)
    assert len(content["rows"]) == MOST_LEVELS
    assert any("poc" in row[7] for row in content["rows"])
    assert "400 levels far from the POC are not shown" in content["note"]


def test_no_candle_and_an_unknown_one(shown) -> None:
    """Nothing is open; or the note says that there is no data."""
    assert shown(*LADDER, candle=None) is None
    content = shown(*LADDER, candle=NOON + 60_000)
    assert content["rows"] == []
    assert "No data" in content["note"]
