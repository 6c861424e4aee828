import re

import pytest

from orderflow_dash.indicators.session_cvd import SessionStart
from orderflow_dash.market import Quality, Timeframe
from orderflow_dash.web.panel.cvd_chart import CONFIG, current_value, cvd_figure, value_axis
from orderflow_dash.web.panel.options import PanelOptions
from orderflow_dash.web.panel.volume_units import VolumeUnits
from orderflow_dash.web.theme import BLUE_ORANGE, DARK, LIGHT, PALETTES
from tests.web.conftest import MINUTE, NOON

COLORS = PALETTES[DARK]


def test_the_line_is_the_cvd_of_the_last_30_candles(candle, instrument) -> None:
    """One point a candle, at its open, exact to the lot."""
    candles = [candle(minute, cvd=minute * 7 - 100) for minute in range(40)]
    trace = cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS)["data"][0]
    assert trace["x"] == [NOON + minute * MINUTE for minute in range(10, 40)]
    assert trace["y"] == [(minute * 7 - 100) / 1000 for minute in range(10, 40)]
    longer = cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS, PanelOptions(lookback=40))
    assert len(longer["data"][0]["y"]) == 40


def test_the_line_is_green_at_zero_and_red_below(candle, instrument) -> None:
    """The color goes by the current value alone."""
    for cvd, color in ((0, COLORS.ask), (1, COLORS.ask), (-1, COLORS.bid)):
        candles = [candle(0, cvd=-cvd * 5), candle(1, cvd=cvd)]
        assert (
            cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS)["data"][0]["line"]["color"]
            == color
        )


def test_the_current_value_is_exact(candle, instrument) -> None:
    """Signed, grouped; that of the newest candle whose CVD is known."""
    units = VolumeUnits(instrument)
    assert current_value([candle(0), candle(1, cvd=-1_234_567)], units) == "−1,234.567"
    assert current_value([], units) == ""


def test_the_newest_has_a_dot_and_what_is_not_whole_a_mark(candle, instrument) -> None:
    """Hollow and in a color of its own where trades are missing; the line itself carries none."""
    whole = cvd_figure([candle(0), candle(1)], VolumeUnits(instrument), Timeframe.M1, COLORS)
    line, marks = whole["data"]
    assert (line["mode"], "marker" in line) == ("lines", False)
    assert (marks["x"], marks["y"]) == (line["x"][-1:], line["y"][-1:])
    assert (marks["marker"]["color"], marks["marker"]["line"]) == ([COLORS.ask], {"width": [0]})
    candles = [candle(0, quality=Quality.PARTIAL), candle(1), candle(2, quality=Quality.REPAIRED), candle(3)]
    marks = cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS)["data"][-1]
    assert [(ts - NOON) // MINUTE for ts in marks["x"]] == [0, 3]
    assert marks["marker"]["color"] == [COLORS.muted, COLORS.ask]
    assert marks["marker"]["line"] == {"width": [1.5, 0]}


def test_the_y_range_holds_all_that_is_visible_and_little_else(candle, instrument) -> None:
    """Candles that scrolled out have no say in the range."""
    candles = [candle(0, cvd=9_000_000), *(candle(minute, cvd=5000 + minute) for minute in range(1, 31))]
    low, high = cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS)["layout"]["yaxis"]["range"]
    assert 4.9 < low < 5.001
    assert 5.03 < high < 5.1


def test_a_flat_line_is_seen_with_zero() -> None:
    """A range is never empty."""
    low, high = value_axis([0.0])["range"]
    assert low < 0 < high
    low, high = value_axis([3.0, 3.0])["range"]
    assert low <= 0 < 3 < high
    low, high = value_axis([-3.0])["range"]
    assert low < -3 < 0 <= high


def test_the_y_range_rests_while_the_value_moves_a_little() -> None:
    """A value that moves inside the range leaves the axis where it is."""
    assert (
        value_axis([0.0, 100.0])["range"]
        == value_axis([0.0, 100.4])["range"]
        == value_axis([-0.3, 99.8])["range"]
    )


@pytest.mark.parametrize(
    ("values", "texts"),
    [
        ([0.0, 3.1e9], ["0", "1B", "2B", "3B"]),
        ([-2.1e9, 0.3e9], ["−2.0B", "−1.0B", "0"]),
        ([1.0, 1.5e6], ["0", "0.4M", "0.8M", "1.2M", "1.6M"]),
        ([100_010.0, 100_050.0], ["100.01k", "100.02k", "100.03k", "100.04k", "100.05k"]),
        ([-3e-9, 3e-9], ["−0.000000002", "0", "0.000000002"]),
        ([0.0, 4e12], ["0", "1T", "2T", "3T", "4T"]),
    ],
)
def test_the_axis_writes_amounts_as_the_whole_page_does(values: list[float], texts: list[str]) -> None:
    """k, M, B and T; no other letter, no exponent; each tick has a text of its own."""
    axis = value_axis(values)
    assert set(texts) <= set(axis["ticktext"])
    assert len(set(axis["ticktext"])) == len(axis["ticktext"]) == len(axis["tickvals"])
    assert 3 <= len(axis["ticktext"]) <= 8
    assert all(re.fullmatch("−?[0-9.]+[kMBT]?", text) for text in axis["ticktext"])
    assert axis["range"][0] <= min(axis["tickvals"]) <= max(axis["tickvals"]) <= axis["range"][1]


def test_incomplete_candles_are_marked(candle, instrument) -> None:
    """A gap has a band and a hollow mark, a partial candle a hollow mark, and both a sentence."""
    candles = [
        candle(0, quality=Quality.PARTIAL),
        candle(1),
        candle(2, quality=Quality.GAP),
        candle(3, quality=Quality.REPAIRED),
    ]
    figure = cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS)
    trace, marks = figure["data"][0], figure["data"][-1]
    assert marks["marker"]["symbol"] == ["circle-open", "diamond-open", "circle"]
    notes = [point[3] for point in trace["customdata"]]
    assert "Partial" in notes[0]
    assert notes[1] == ""
    assert "missing" in notes[2]
    assert "from before the stream started, or missed by it" in notes[3]
    (band,) = figure["layout"]["shapes"]
    assert (band["x0"], band["x1"]) == (NOON + 2 * MINUTE - 30_000, NOON + 2 * MINUTE + 30_000)


def test_the_line_is_never_drawn_across_a_gap(candle, instrument) -> None:
    """It has a break at a marked candle; the pointer finds each candle."""
    gap = Quality.GAP
    candles = [candle(0), candle(1), candle(2, quality=gap), candle(3, quality=gap), candle(4), candle(5)]
    met, *lines, hatch, marks = cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS)["data"]
    assert (met["mode"], met["marker"]) == ("markers", {"opacity": 0})
    assert len(met["x"]) == len(met["customdata"]) == 6
    assert [(ts - NOON) // MINUTE for ts in marks["x"]] == [2, 3, 5]
    starts = [[(ts - NOON) // MINUTE for ts in line["x"]] for line in lines]
    assert starts == [[0, 1], [4, 5]]
    assert all(line["fill"] == "tozeroy" for line in lines)
    assert hatch["fillpattern"]["fgcolor"] == COLORS.warn


def test_a_candle_alone_between_gaps_is_a_dot(candle, instrument) -> None:
    """A line of one point would show nothing."""
    gap = Quality.GAP
    candles = [candle(0, quality=gap), candle(1), candle(2, quality=gap), candle(3), candle(4)]
    _, alone, line, _, _ = cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS)["data"]
    assert (alone["mode"], line["mode"]) == ("markers", "lines")
    assert alone["marker"]["color"] == COLORS.ask


def test_a_missing_stretch_is_one_band_over_all_of_it(candle, instrument) -> None:
    """Over the time in which nothing came too, and no further; separate gaps have bands of their own."""
    gap = Quality.GAP
    candles = [candle(0), candle(1, quality=gap), candle(7, quality=gap), candle(8), candle(9, quality=gap)]
    figure = cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS)
    bands = [
        ((band["x0"] - NOON) / MINUTE, (band["x1"] - NOON) / MINUTE) for band in figure["layout"]["shapes"]
    ]
    assert bands == [(0.5, 7.5), (8.5, 9.5)]
    assert figure["data"][-2]["x"].count(None) == 2


def test_a_whole_series_is_one_line(candle, instrument) -> None:
    """Without gaps nothing is cut."""
    figure = cvd_figure([candle(0), candle(3), candle(4)], VolumeUnits(instrument), Timeframe.M1, COLORS)
    line, _ = figure["data"]
    assert (line["mode"], line["fill"]) == ("lines", "tozeroy")
    assert len(line["x"]) == 3


def test_without_candles_the_chart_says_that_it_waits(instrument) -> None:
    """An empty chart names its reason."""
    figure = cvd_figure([], VolumeUnits(instrument), Timeframe.M1, COLORS)
    assert figure["data"] == []
    assert "first trade" in figure["layout"]["annotations"][0]["text"]
    assert not figure["layout"]["xaxis"]["visible"]
    assert not figure["layout"]["yaxis"]["visible"]


def test_a_light_chart_has_light_colors(candle, instrument) -> None:
    """The palette decides every color."""
    figure = cvd_figure([candle()], VolumeUnits(instrument), Timeframe.M1, PALETTES[LIGHT])
    assert figure["data"][0]["line"]["color"] == PALETTES[LIGHT].ask
    assert COLORS.line not in str(figure)


def test_the_cvd_of_a_session_starts_at_midnight(candle, instrument) -> None:
    """Each session counts from its start; the line has a break between two, and an unknown one is missing."""
    midnight = NOON + 12 * 60 * MINUTE
    options = PanelOptions(anchor="session")
    candles = [candle(718, cvd=700), candle(719, cvd=800), candle(720, cvd=900), candle(721, cvd=500)]
    starts = {NOON - 12 * 60 * MINUTE: SessionStart(300, 0, 0), midnight: SessionStart(850, 0, midnight)}
    units = VolumeUnits(instrument, options, starts)
    met, *lines, _ = cvd_figure(candles, units, Timeframe.M1, COLORS, options)["data"]
    assert met["y"] == [0.4, 0.5, 0.05, -0.35]
    assert [line["y"] for line in lines] == [[0.4, 0.5], [0.05, -0.35]]
    del starts[NOON - 12 * 60 * MINUTE]
    trace, _ = cvd_figure(candles, units, Timeframe.M1, COLORS, options)["data"]
    assert trace["y"] == [0.05, -0.35]


def test_the_other_palette_colors_the_chart(candle, instrument) -> None:
    """Blue for buying."""
    colors = BLUE_ORANGE[DARK]
    figure = cvd_figure([candle()], VolumeUnits(instrument), Timeframe.M1, colors)
    assert figure["data"][0]["line"]["color"] == colors.ask != COLORS.ask


def test_no_chart_offers_to_send_data_away() -> None:
    """Plotly's upload button is off."""
    assert CONFIG["showSendToCloud"] is False
    assert CONFIG["displayModeBar"] is False


def test_the_band_of_an_absence_starts_after_the_candle_before(candle, instrument) -> None:
    """After a restart the first candle alone says that trades are missing: the time before it lacks them."""
    candles = [candle(0), candle(1), candle(20, quality=Quality.GAP), candle(21)]
    (band,) = cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS)["layout"]["shapes"]
    assert ((band["x0"] - NOON) / MINUTE, (band["x1"] - NOON) / MINUTE) == (1.5, 20.5)


def test_what_lies_behind_a_long_absence_does_not_squeeze_the_chart(candle, instrument) -> None:
    """Yesterday's candles are not among the current minutes."""
    candles = [candle(0), candle(1), candle(900, quality=Quality.GAP), candle(901)]
    trace = cvd_figure(candles, VolumeUnits(instrument), Timeframe.M1, COLORS)["data"][0]
    assert trace["x"] == [NOON + minute * MINUTE for minute in (900, 901)]
