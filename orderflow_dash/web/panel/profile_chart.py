"""The volume profile: bars by price as a plain dict for Plotly, and its figures as text."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import numpy as np

from orderflow_dash.footprint.candle import bucket_levels
from orderflow_dash.footprint.minute import Levels
from orderflow_dash.indicators.profile import Profile
from orderflow_dash.live.session_profile import ProfileKind
from orderflow_dash.market import DAY_MS, Grid, Instrument
from orderflow_dash.web.panel.figure import base_layout
from orderflow_dash.web.panel.options import DEFAULTS, PanelOptions
from orderflow_dash.web.panel.volume_units import VolumeUnits
from orderflow_dash.web.text import axis_margin, clock, day_clock, grouped, rounded
from orderflow_dash.web.theme import Palette

MAX_BARS: Final = 80
WAITING: Final = "Waiting for the first trade…"

_OUTSIDE: Final = 0.4  # opacity of a bar outside the value area
_INSIDE: Final = 0.9
_NOTE_HEIGHT: Final = 30  # px below the bars
_RIGHT_MARGIN: Final = 62  # px, room for prices

Figure = dict[str, Any]


class ProfileTexts(NamedTuple):
    """The figures beside the bars, exact at the instrument's precision."""

    poc: str
    value_high: str
    value_low: str
    vwap: str
    volume: str
    delta: str
    known: str  # "since 09:14, 62 % of the session"
    unit: str  # of volumes, "in BTC"


NO_TEXTS: Final = ProfileTexts("–", "–", "–", "–", "–", "–", "", "")


def profile_texts(
    profile: Profile, instrument: Instrument, kind: ProfileKind, options: PanelOptions = DEFAULTS
) -> ProfileTexts:
    """The figures of a profile; the VWAP is rounded half up to the decimals of a price."""
    price, units = profile.grid.price, VolumeUnits(instrument, options, grid=profile.grid)
    return ProfileTexts(
        poc=grouped(price.text(profile.poc)),
        value_high=grouped(price.text(profile.value_high)),
        value_low=grouped(price.text(profile.value_low)),
        vwap=grouped(rounded(profile.vwap * price.size / 10**price.decimals, price.decimals)),
        volume=units.text(units.profile_volume(profile)),
        delta=units.signed(units.profile_delta(profile)),
        known=known_text(profile, kind),
        unit=f"in {units.name}",
    )


def known_text(profile: Profile, kind: ProfileKind) -> str:
    """The start of the known time and its share in whole percent, rounded down."""
    is_today = profile.known_from // DAY_MS == (profile.end_ts - 1) // DAY_MS
    since = clock(profile.known_from) if is_today else day_clock(profile.known_from)
    percent = 100 * profile.known_ms // profile.elapsed_ms
    share = f"{percent} %" if percent else "under 1 %"
    return f"since {since}, {share} of the {'session' if kind is ProfileKind.SESSION else '24 h'}"


def bar_rows(profile: Profile) -> tuple[Levels, int]:
    """The rows of the bars, shape (k, 4), and their step: the profile's or a 1-2-5 multiple of it."""
    span = int(profile.levels[0, 0] - profile.levels[-1, 0])
    sizes = (profile.step * digit * 10**power for power in range(19) for digit in (1, 2, 5))
    # Rounding to coarser rows can add one row.
    step = next(size for size in sizes if span // size + 2 <= MAX_BARS)
    return bucket_levels([profile.levels], step), step


def profile_figure(
    profile: Profile | None, instrument: Instrument, palette: Palette, options: PanelOptions = DEFAULTS
) -> Figure:
    """Bars of bid and ask volume by price; value area shaded, POC a line, VWAP a dotted one.

    In quote the volume of a bar is taken at the bar's price, and marked as approximate if the bar has several
    prices. Prices and volumes are floats only here.
    """
    if profile is None:
        return {"data": [], "layout": _layout(palette, is_empty=True)}
    rows, step = bar_rows(profile)
    price, units = profile.grid.price.text, VolumeUnits(instrument, options, grid=profile.grid)
    at = [float(price(tick)) for tick in rows[:, 0].tolist()]
    inside = (rows[:, 0] >= profile.value_low - step // 2) & (rows[:, 0] <= profile.value_high + step // 2)
    texts = [_hover(row, step, profile.grid, units) for row in rows.tolist()]
    opacity = np.where(inside, _INSIDE, _OUTSIDE).tolist()
    bars = [
        {
            "type": "bar",
            "orientation": "h",
            "name": name,
            "y": at,
            "x": [units.number(units.at_price(row[0], row[column])) for row in rows.tolist()],
            "width": float(price(step)) * 0.86,
            "marker": {"color": color, "opacity": opacity, "line": {"width": 0}},
            "customdata": texts,
            "hovertemplate": "%{customdata}<extra></extra>",
        }
        for name, column, color in (("Bid", 1, palette.bid), ("Ask", 2, palette.ask))
    ]
    layout = _layout(palette)
    half = float(price(step)) / 2
    layout["yaxis"]["range"] = [at[-1] - half, at[0] + half]
    decimals = _decimals(price(step))
    layout["yaxis"]["tickformat"] = f",.{decimals}f"
    layout["margin"]["r"] = axis_margin([f"{at[0]:,.{decimals}f}"], _RIGHT_MARGIN)
    longest = max(units.at_price(row[0], row[1] + row[2]) for row in rows.tolist())
    layout["xaxis"]["range"] = [0, units.number(longest) * 1.02]
    own = float(price(profile.step)) / 2
    low, high = float(price(profile.value_low)) - own, float(price(profile.value_high)) + own
    vwap = float(profile.vwap) * float(profile.grid.price.value)
    layout["shapes"] = [
        {
            **_across(low, high),
            "type": "rect",
            "line": {"width": 0},
            "fillcolor": palette.line,
            "opacity": 0.55,
        },
        _line(float(price(profile.poc)), palette.text, "solid"),
        _line(vwap, palette.warn, "dot"),
    ]
    if step != profile.step:
        layout["annotations"] = [_bars_note(step, profile, instrument, palette)]
        layout["margin"]["b"] = _NOTE_HEIGHT
    return {"data": bars, "layout": layout}


def _bars_note(step: int, profile: Profile, instrument: Instrument, palette: Palette) -> dict[str, Any]:
    """Explains that bars are coarser than rows, so the POC may not be on the longest bar."""
    price = profile.grid.price.text
    return {
        "text": f"Each bar covers {_plain(price(step))} {instrument.quote};"
        f"<br>POC, VAH and VAL keep the step of {_plain(price(profile.step))}",
        "align": "right",
        "xref": "paper",
        "yref": "paper",
        "x": 1,
        "y": 0,
        "xanchor": "right",
        "yanchor": "top",
        "showarrow": False,
        "font": {"size": 10, "color": palette.muted},
    }


def _hover(row: list[int], step: int, grid: Grid, units: VolumeUnits) -> str:
    price = grid.price.text
    tick, *sides, _ = row
    bid, ask = (units.at_price(tick, lots) for lots in sides)
    mark = "≈ " if units.is_quote and step != 1 else ""
    return (
        f"{grouped(price(tick))}<br>Volume <b>{mark}{units.text(bid + ask)}</b> {units.name}"
        f"<br>Bid {mark}{units.text(bid)}<br>Ask {mark}{units.text(ask)}"
        f"<br>Delta {mark}{units.signed(ask - bid)}<br>Bar of {_plain(price(step))}"
    )


def _plain(text: str) -> str:
    """A step without trailing zeros."""
    return grouped(text.rstrip("0").rstrip(".") if "." in text else text)


def _decimals(text: str) -> int:
    """The decimals of multiples of a step."""
    return len(text.partition(".")[2].rstrip("0"))


def _across(low: float, high: float) -> dict[str, Any]:
    return {"xref": "paper", "x0": 0, "x1": 1, "yref": "y", "y0": low, "y1": high, "layer": "below"}


def _line(price: float, color: str, dash: str) -> dict[str, Any]:
    return {
        **_across(price, price),
        "type": "line",
        "layer": "above",
        "line": {"color": color, "width": 1.25, "dash": dash},
    }


def _layout(palette: Palette, *, is_empty: bool = False) -> dict[str, Any]:
    axis = {"fixedrange": True, "zeroline": False, "ticks": "", "automargin": False, "visible": not is_empty}
    waiting = {
        "text": WAITING,
        "xref": "paper",
        "yref": "paper",
        "x": 0.5,
        "y": 0.5,
        "showarrow": False,
        "font": {"size": 13, "color": palette.muted},
    }
    return {
        **base_layout(palette),
        "margin": {"l": 2, "r": _RIGHT_MARGIN, "t": 4, "b": 16},
        "barmode": "stack",
        "xaxis": {**axis, "showgrid": False, "showticklabels": False},
        "yaxis": {**axis, "side": "right", "showgrid": False, "nticks": 6},
        "annotations": [waiting] if is_empty else [],
        "shapes": [],
    }
