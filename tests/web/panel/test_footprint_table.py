from decimal import Decimal

import pytest

from orderflow_dash.market import Difference, Quality
from orderflow_dash.web.marks import FIRE
from orderflow_dash.web.panel.footprint_table import (
    footprint_columns,
    footprint_rows,
    footprint_table,
    footprint_tooltips,
)
from orderflow_dash.web.panel.options import PanelOptions
from orderflow_dash.web.panel.volume_units import VolumeUnits
from tests.web.conftest import MINUTE, NOON


def test_the_newest_of_the_last_8_candles_is_on_top(candle, instrument) -> None:
    """Eight rows, new to old."""
    rows = footprint_rows([candle(minute) for minute in range(12)], VolumeUnits(instrument))
    assert [row["time"] for row in rows] == [f"12:{minute:02d}" for minute in range(11, 3, -1)]


def test_figures_are_exact(candle, instrument) -> None:
    """Every figure has the lot's own decimals."""
    (row,) = footprint_rows(
        [candle(bid=85_200, ask=1_018_300, cvd=-120_500, levels=42)], VolumeUnits(instrument)
    )
    assert (row["bid"], row["ask"]) == ("85.200", "1,018.300")
    assert (row["delta"], row["cvd"], row["levels"]) == ("+933.100", "−120.500", "42")


@pytest.mark.parametrize(
    ("bid", "ask", "tint"),
    [(10, 30, ""), (10, 31, "ask"), (30, 10, ""), (31, 10, "bid"), (0, 1, "ask"), (1, 0, "bid"), (0, 0, "")],
)
def test_fire_and_tint_mark_an_imbalance_of_more_than_3(candle, instrument, bid, ask, tint) -> None:
    """Strictly more than three times; a zero side against a non-zero one is imbalanced."""
    (row,) = footprint_rows([candle(bid=bid, ask=ask)], VolumeUnits(instrument))
    assert row["tint"] == tint
    assert (FIRE in row["time"]) == bool(tint)


def test_the_delta_bar_is_the_share_of_the_widest_row(candle, instrument) -> None:
    """Percent of the cell, at most half, with the sign of the delta, and visible unless zero."""
    candles = [
        candle(0, bid=0, ask=2000),
        candle(1, bid=1000, ask=0),
        candle(2, bid=0, ask=1),
        candle(3, bid=5, ask=5),
    ]
    bars = [row["bar"] for row in footprint_rows(candles, VolumeUnits(instrument))]
    assert bars == ["0", "1.0", "-25.0", "50.0"]


def test_no_delta_anywhere_draws_no_bar(candle, instrument) -> None:
    """Zero among zeros divides by nothing."""
    assert footprint_rows([candle(bid=5, ask=5)], VolumeUnits(instrument))[0]["bar"] == "0"


def test_quality_is_marked_and_explained(candle, instrument) -> None:
    """Partial, gap and repaired candles carry a mark and a sentence; complete ones neither."""
    kinds = [Quality.COMPLETE, Quality.PARTIAL, Quality.GAP, Quality.REPAIRED]
    candles = [candle(minute, quality=quality) for minute, quality in enumerate(kinds)]
    rows, tips = footprint_rows(candles, VolumeUnits(instrument)), footprint_tooltips(candles)
    marks = [row["time"].partition(" ")[2] for row in rows]
    assert marks == ["↻", "⚠\ufe0e", "◐", ""]
    sentences = [tip["time"].partition(":")[0] for tip in tips]
    assert sentences == ["Backfilled", "Gap", "Partial", ""]


def test_verification_is_marked_and_explained(candle, instrument) -> None:
    """A quiet mark where a candle equals the klines, a clear one with both figures where not, else none."""
    difference = Difference(NOON + MINUTE, "buy_volume", Decimal("1234.500"), Decimal("1234.501"))
    candles = [candle(0, verified=True), candle(1, verified=False, difference=difference), candle(2)]
    rows, tips = footprint_rows(candles, VolumeUnits(instrument)), footprint_tooltips(candles)
    assert [row["time"] for row in rows] == ["12:02", "12:01 ≠", "12:00 ✓"]
    assert [row["verified"] for row in rows] == ["", "no", "yes"]
    assert tips[0]["time"] == ""
    assert "taker-buy volume of 12:01 is 1,234.500 here, 1,234.501 there" in tips[1]["time"]
    assert "equals the exchange's own one-minute klines" in tips[2]["time"]


def test_a_price_that_differs_has_a_tooltip(candle) -> None:
    """Its figures are prices."""
    difference = Difference(NOON, "high", Decimal("97000.1"), Decimal("97000.5"))
    (tip,) = footprint_tooltips([candle(verified=False, difference=difference)])
    assert "high of 12:00 is 97,000.1 here, 97,000.5 there" in tip["time"]


def test_a_stretch_without_data_has_an_edge_and_a_tooltip(candle, instrument) -> None:
    """Only between two adjacent gap rows that do not touch in time."""
    candles = [
        candle(0, quality=Quality.GAP),
        candle(1, quality=Quality.GAP),
        candle(5, quality=Quality.GAP),
        candle(6),
        candle(9),
        candle(11, quality=Quality.GAP),
    ]
    rows, tips = footprint_rows(candles, VolumeUnits(instrument)), footprint_tooltips(candles)
    assert [row["stretch"] for row in rows] == ["", "", "", "below", "", ""]
    assert tips[3]["time"].endswith("Nothing was received from 12:02 to 12:05.")
    assert sum("Nothing was received" in tip["time"] for tip in tips) == 1


def test_an_open_candle_has_a_tooltip(candle, instrument) -> None:
    """The row that still moves is marked as such."""
    candles = [candle(0), candle(1, closed=False)]
    assert [row["state"] for row in footprint_rows(candles, VolumeUnits(instrument))] == ["open", "closed"]
    assert footprint_tooltips(candles)[0]["time"] == "Still open."


def test_the_columns_are_those_of_the_document() -> None:
    """Time, Bid Vol, Ask Vol, Delta, CVD, Levels, in this order."""
    table = footprint_table({"type": "t"}, [], []).children
    names = [column["name"] for column in table.columns]
    assert names == ["Time", "Bid Vol", "Ask Vol", "Delta", "CVD", "Levels"]


def test_styles_follow_the_row_and_use_the_page_s_colors() -> None:
    """Bid is red, ask is green, delta goes by its sign, and every color is a token of the page."""
    rules = footprint_table({"type": "t"}, [], []).children.style_data_conditional
    by_condition = {
        (rule["if"].get("column_id"), rule["if"].get("filter_query")): {k: rule[k] for k in rule if k != "if"}
        for rule in rules
    }
    assert by_condition["bid", None] == {"color": "var(--of-bid)"}
    assert by_condition["ask", None] == {"color": "var(--of-ask)"}
    assert by_condition["delta", '{side} = "bid"']["color"] == "var(--of-bid)"
    assert by_condition["delta", '{side} = "ask"']["color"] == "var(--of-ask)"
    assert by_condition[None, '{tint} = "ask"'] == {"backgroundColor": "var(--of-ask-tint)"}
    assert not any("#" in str(rule) for rule in rules)


def rows_with(candles, instrument, **options) -> list[dict[str, str]]:
    """The rows under some options."""
    chosen = PanelOptions(**options)
    return footprint_rows(candles, VolumeUnits(instrument, chosen), options=chosen)


def test_rows_ratio_and_minimum_are_chosen(candle, instrument) -> None:
    """The chosen number of rows, a ratio that must be exceeded to the last digit, a minimum turnover."""
    candles = [candle(minute, bid=100, ask=251) for minute in range(20)]
    assert len(rows_with(candles, instrument, rows=16)) == 16
    assert rows_with(candles, instrument, ratio=Decimal("2.5"))[0]["tint"] == "ask"
    assert rows_with(candles, instrument, ratio=Decimal("2.51"))[0]["tint"] == ""
    paid = candle(bid=0, ask=1, turnover=[[0, 970_000]])  # 0.001 at 97,000.0 is 97 in quote
    assert rows_with([paid], instrument, min=97)[0]["tint"] == "ask"
    assert rows_with([paid], instrument, min=98)[0]["tint"] == ""


def test_quote_units_are_sums_of_what_was_paid(candle, instrument) -> None:
    """Rounded where they are written, halves up, and not before."""
    paid = candle(bid=3, ask=5, turnover=[[4_999, 10_000], [1, 5_000]], quote_cvd=-15_000)
    (row,) = rows_with([paid], instrument, units="quote")
    assert (row["bid"], row["ask"], row["delta"], row["cvd"]) == ("1", "2", "+1", "−2")


def test_swapping_exchanges_two_columns_and_nothing_else() -> None:
    """Ask stands where bid stood."""
    names = [column["id"] for column in footprint_columns(PanelOptions(swap=True))]
    assert names == ["time", "ask", "bid", "delta", "cvd", "levels"]


def test_the_open_candle_s_row_is_marked(candle, instrument) -> None:
    """And no other."""
    rows = rows_with([candle(0), candle(1)], instrument, candle=NOON)
    assert [row["picked"] for row in rows] == ["", "yes"]


def test_a_delta_bar_is_a_strip_of_its_side_s_color() -> None:
    """A variable of the row has its ends; without one there is no strip."""
    rules = footprint_table({"type": "t"}, [], []).children.style_data_conditional
    for side in ("ask", "bid"):
        (strip,) = (
            rule["backgroundImage"]
            for rule in rules
            if rule["if"] == {"column_id": "delta", "filter_query": f'{{side}} = "{side}"'}
        )
        lit = f"var(--of-{side}-bar) var(--of-bar-start, 50%) var(--of-bar-end, 50%)"
        assert f"transparent var(--of-bar-start, 50%), {lit}" in strip


def test_the_rules_are_few() -> None:
    """The table tries each of them on each row each second."""
    assert len(footprint_table({"type": "t"}, [], []).children.style_data_conditional) < 20
