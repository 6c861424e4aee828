"""The profile's bars, lines and texts, from profiles by hand."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from orderflow_dash.indicators.profile import Profile
from orderflow_dash.live.session_profile import ProfileKind
from orderflow_dash.web.panel.options import PanelOptions
from orderflow_dash.web.panel.profile_chart import (
    MAX_BARS,
    WAITING,
    bar_rows,
    known_text,
    profile_figure,
    profile_texts,
)
from orderflow_dash.web.theme import DARK, LIGHT, PALETTES
from tests.web.conftest import GRID, MINUTE, NOON

HOUR = 60 * MINUTE
COLORS = PALETTES[DARK]
QUOTE = PanelOptions(units="quote")


@pytest.fixture
def profile() -> Callable[..., Profile]:
    """Makes the profile of rows (price in ticks, bid, ask), high to low, from midnight to noon."""

    def make(*rows: tuple[int, int, int], step: int = 5, **fields: object) -> Profile:
        levels = np.array([(*row, 1) for row in rows], dtype=np.int64)
        made = Profile(
            start_ts=NOON - 12 * HOUR,
            end_ts=NOON,
            grid=GRID,
            step=step,
            levels=levels,
            volume=int(levels[:, 1:3].sum()),
            delta=int(levels[:, 2].sum() - levels[:, 1].sum()),
            poc=rows[0][0],
            value_low=rows[-1][0],
            value_high=rows[0][0],
            vwap=Fraction(rows[0][0]),
            known_from=NOON - 12 * HOUR,
            known_ms=12 * HOUR,
            elapsed_ms=12 * HOUR,
            revision=(1, 0),
        )
        return replace(made, **fields)

    return make


def test_bars_are_bid_and_ask_by_price(profile, instrument) -> None:
    """In quote and base currency, bid first, in the house colors."""
    shown = profile((970_010, 1_500, 2_000), (970_000, 250, 0))
    bid, ask = profile_figure(shown, instrument, COLORS)["data"]
    assert bid["y"] == ask["y"] == [97_001.0, 97_000.0]
    assert (bid["x"], ask["x"]) == ([1.5, 0.25], [2.0, 0.0])
    assert (bid["marker"]["color"], ask["marker"]["color"]) == (COLORS.bid, COLORS.ask)
    assert bid["customdata"][0] == (
        "97,001.0<br>Volume <b>3.500</b> BTC<br>Bid 1.500<br>Ask 2.000<br>Delta +0.500<br>Bar of 0.5"
    )


def test_poc_value_area_and_vwap_are_drawn_where_they_are(profile, instrument) -> None:
    """The shade covers whole rows; bars outside it are paler."""
    shown = profile(
        (970_020, 1, 1), (970_010, 9, 9), (970_000, 5, 5), poc=970_010, value_high=970_010, value_low=970_000,
        vwap=Fraction(1_940_011, 2),
    )  # fmt: skip
    figure = profile_figure(shown, instrument, COLORS)
    shade, poc, vwap = figure["layout"]["shapes"]
    assert (shade["y0"], shade["y1"]) == (96_999.75, 97_001.25)
    assert poc["y0"] == poc["y1"] == 97_001.0
    assert vwap["y0"] == pytest.approx(97_000.55)
    pale, *strong = figure["data"][0]["marker"]["opacity"]
    assert all(pale < each for each in strong)


def test_many_rows_are_drawn_as_fewer_bars_and_it_is_said(profile, instrument) -> None:
    """A coarser multiple of the step; volumes stay, the figures too."""
    shown = profile(*((970_000 - 5 * n, 1, 2) for n in range(1_000)))
    rows, step = bar_rows(shown)
    assert step == 100
    assert len(rows) <= MAX_BARS
    assert rows[:, 1:].sum(axis=0).tolist() == shown.levels[:, 1:].sum(axis=0).tolist()
    (note,) = profile_figure(shown, instrument, COLORS)["layout"]["annotations"]
    assert note["text"] == "Each bar covers 10 USDT;<br>POC, VAH and VAL keep the step of 0.5"
    assert profile_texts(shown, instrument, ProfileKind.SESSION).poc == "97,000.0"


@pytest.mark.parametrize("span", [1, 70, 78, 79, 80, 81, 158, 5_000, 10**9])
def test_there_are_never_too_many_bars(profile, span) -> None:
    """At any span, with rows of the step where they fit."""
    shown = profile((10**10 + 5 * span, 1, 1), (10**10, 1, 1))
    rows, step = bar_rows(shown)
    assert int(rows[0, 0] - rows[-1, 0]) // step + 1 <= MAX_BARS
    assert step % 5 == 0
    if span < 70:
        assert step == 5


def test_figures_are_exact_at_the_instrument_s_precision(profile, instrument) -> None:
    """Grouped decimals; the VWAP rounded to the price's decimals, halves up."""
    shown = profile((970_010, 1_500, 2_000), (970_000, 250, 0), vwap=Fraction(1_940_011, 2))
    texts = profile_texts(shown, instrument, ProfileKind.SESSION)
    assert texts == (
        "97,001.0",
        "97,001.0",
        "97,000.0",
        "97,000.6",
        "3.750",
        "+0.250",
        texts.known,
        "in BTC",
    )


def test_in_quote_each_trade_counts_at_its_own_price(profile, instrument) -> None:
    """Volume by the VWAP, exact; the delta where a row is one price, and a dash where it is several."""
    rows = (970_011, 1_500, 2_000), (970_000, 250, 0)
    vwap = Fraction(970_011 * 3_500 + 970_000 * 250, 3_750)
    texts = profile_texts(profile(*rows, vwap=vwap, step=1), instrument, ProfileKind.SESSION, QUOTE)
    assert (texts.volume, texts.delta, texts.unit) == ("363,754", "+24,251", "in USDT")
    coarse = profile_texts(profile(*rows, vwap=vwap), instrument, ProfileKind.SESSION, QUOTE)
    assert (coarse.volume, coarse.delta) == (texts.volume, "–")


def test_bars_in_quote_take_the_price_of_the_row(profile, instrument) -> None:
    """And say so where a row is several prices."""
    shown = profile((970_010, 1_500, 2_000), (970_000, 250, 0))
    bid, ask = profile_figure(shown, instrument, COLORS, QUOTE)["data"]
    assert (bid["x"], ask["x"]) == ([145_501.5, 24_250.0], [194_002.0, 0.0])
    assert "Volume <b>≈ 339,504</b> USDT<br>Bid ≈ 145,502<br>" in bid["customdata"][0]
    exact = profile_figure(replace(shown, step=1), instrument, COLORS, QUOTE)["data"][0]["customdata"][0]
    assert "≈" not in exact


def test_the_known_share_of_a_profile_is_never_overstated(profile) -> None:
    """The text has the start and whole percent, rounded down; a day other than the newest is named."""
    nine = NOON - 3 * HOUR + 14 * MINUTE
    some = profile((1, 1, 1), known_from=nine, known_ms=12 * HOUR * 629 // 1_000)
    assert known_text(some, ProfileKind.SESSION) == "since 09:14, 62 % of the session"
    nearly = profile((1, 1, 1), known_ms=12 * HOUR - 1)
    assert known_text(nearly, ProfileKind.SESSION) == "since 00:00, 99 % of the session"
    assert known_text(profile((1, 1, 1)), ProfileKind.SESSION) == "since 00:00, 100 % of the session"
    little = profile((1, 1, 1), known_ms=1)
    assert known_text(little, ProfileKind.SESSION) == "since 00:00, under 1 % of the session"
    day = profile((1, 1, 1), known_from=NOON - 24 * HOUR)
    assert known_text(day, ProfileKind.DAY) == "since 31 Dec 12:00, 100 % of the 24 h"


def test_without_a_profile_a_plain_sentence_stands(instrument) -> None:
    """And no axis."""
    figure = profile_figure(None, instrument, COLORS)
    assert figure["data"] == []
    assert figure["layout"]["annotations"][0]["text"] == WAITING
    assert not figure["layout"]["yaxis"]["visible"]


def test_a_light_profile_has_light_colors(profile, instrument) -> None:
    """The palette decides every color."""
    figure = profile_figure(profile((1, 1, 1)), instrument, PALETTES[LIGHT])
    assert figure["data"][1]["marker"]["color"] == PALETTES[LIGHT].ask
    assert COLORS.line not in str(figure)
