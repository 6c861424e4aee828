"""The replay's bar: its banner and its controls."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.conftest import Page
from tests.conftest import Served
from tests.replay.recordings import MINUTE, START, binance_file, invented_rows, loaded, state

PANEL = "exchange=binance&symbol=BTCUSDT&tf=1m&step=0.5"


@pytest.fixture
def odd(page: Page, tmp_path: Path, serve: Callable[..., Served]) -> Iterator[Served]:
    """The app on a recording with a wrong time, a duplicate id and hours without a trade."""
    rows = [f"{i},100.5,1,{i},{i},{START + i * 50},true" for i in range(40)]
    rows[20] = f"20,100.5,1,20,20,{START + 10**12},true"
    rows.append(f"39,100.7,2,39,39,{START + 39 * 50},false")
    rows += [f"{i},100.5,1,{i},{i},{START + 275 * MINUTE + i * 50},true" for i in range(40, 80)]
    path = tmp_path / "BTCUSDT-aggTrades-2026-09-15.csv"
    path.write_text("\n".join(rows) + "\n")
    served = serve(replay=json.dumps([str(path)]), replay_speed=1, panel_timeout_s=30)
    loaded(served)
    yield served
    page.driver.get("about:blank")  # its questions end before its server


def test_a_recording_s_defects_are_on_the_page(page: Page, odd: Served) -> None:
    """The damaged row, the duplicate id and, once the clock has passed it, the skipped stretch."""
    page.open(PANEL, odd.url)
    bar = ".orderflow-modal .replay-bar"
    page.wait(lambda: "line 21: its time is far" in page.text(f"{bar} .replay-error"), "the damage")
    page.wait(lambda: "line 41: id 39 of BTCUSDT is another trade" in page.text(f"{bar} .replay-remarks"))
    page.wait(lambda: "No trades from 00:00 to 04:35: skipped" in page.text(f"{bar} .replay-remarks"))


@pytest.fixture
def replayed(page: Page, tmp_path: Path, serve: Callable[..., Served]) -> Iterator[Served]:
    """The app on a small day file, at the speed of its day."""
    path = binance_file(tmp_path, invented_rows(), "8000,1,2,3")
    served = serve(replay=json.dumps([str(path)]), replay_speed=1, panel_timeout_s=30)
    loaded(served)
    yield served
    page.driver.get("about:blank")  # its questions end before its server


def choose_speed(page: Page, place: str, speed: str) -> None:
    """Press one of the speeds."""
    page.click(f'{place} .replay-speeds [data-speed="{speed}"]')


def test_a_replay_has_a_banner(page: Page, replayed: Served) -> None:
    """With the file's name on the page and above the panel, day and clock in UTC, and the damage."""
    page.open(PANEL, replayed.url)
    for place in (".front-page > .replay-bar", ".orderflow-modal .replay-bar"):
        page.wait(lambda place=place: "2026-09-15 00:0" in page.text(f"{place} .replay-clock"), "the clock")
        assert page.text(f"{place} .replay-badge") == "REPLAY"
        assert page.text(f"{place} .replay-files") == "BTCUSDT-aggTrades-2026-09-15.zip"
        assert page.text(f"{place} .replay-clock").endswith(" UTC")
        assert "line 2402: 4 columns instead of 7" in page.text(f"{place} .replay-error")
    assert page.text(".panel-venue") == "Binance"
    assert page.style(".orderflow-modal .replay-progress", "display") == "none"


def test_the_bar_pauses_plays_and_sets_the_speed(page: Page, replayed: Served) -> None:
    """Both bars show the same."""
    page.open(PANEL, replayed.url)
    bar = ".orderflow-modal .replay-bar"
    page.wait(lambda: page.count(f"{bar} .replay-play[aria-label=Pause]"), "the controls")
    page.click(f"{bar} .replay-play")
    page.wait(lambda: state(replayed)["paused"])
    page.wait(lambda: page.count(".replay-play[aria-label=Play]") == 2)
    page.wait(lambda: page.text(f"{bar} .replay-note") == "paused")
    page.wait(lambda: page.text(".orderflow-modal .feed-detail") == "the replay is paused")
    page.wait(lambda: page.text(".orderflow-modal .feed-word") == "Stale", "the word follows")
    choose_speed(page, bar, "0")
    page.wait(lambda: state(replayed)["speed"] == 0)
    page.wait(lambda: page.texts(f"{bar} .replay-speeds .active") == ["max"])
    page.click(f"{bar} .replay-play")
    page.wait(lambda: page.text(f"{bar} .replay-note") == "ended")
    # The file is damaged at its end, so what its last minute lacks is not known.
    page.wait(
        lambda: (
            [row[0] for row in page.footprint()][:1] == ["00:07 \N{WARNING SIGN}\N{VARIATION SELECTOR-15}"]
        )
    )


def test_the_slider_seeks_and_resets_the_panel(page: Page, replayed: Served) -> None:
    """Moved by the keyboard; the panel shows that time and the candles before it."""
    page.open(PANEL, replayed.url)
    bar = ".orderflow-modal .replay-bar"
    page.wait(lambda: page.footprint(), "the first candle")
    slider = page.driver.find_element("css selector", f"{bar} .replay-slider")
    slider.send_keys(Keys.END)
    page.wait(lambda: state(replayed)["clock_ms"] >= START + 7 * MINUTE)
    page.wait(lambda: [row[0].split()[0] for row in page.footprint()][:2] == ["00:07", "00:06"])
    page.wait(lambda: "00:07:" in page.text(f"{bar} .replay-clock"))
    slider.send_keys(Keys.ARROW_LEFT)
    page.wait(lambda: state(replayed)["generation"] == 3)
    page.wait(lambda: [row[0].split()[0] for row in page.footprint()][:2] == ["00:06", "00:05"])


def test_the_bar_fits_a_phone(page: Page, replayed: Served) -> None:
    """At 420 px nothing is cut off and nothing makes the page wider."""
    metrics = {"width": 420, "height": 860, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    try:
        page.open(PANEL, replayed.url)
        page.wait(lambda: page.count(".orderflow-modal .replay-play[aria-label]"), "the controls")
        assert page.js("return document.documentElement.scrollWidth") <= 420
        right = page.js(
            "return Math.max(...[...document.querySelectorAll('.replay-bar :not([hidden])')]"
            ".map(e => e.getBoundingClientRect().right))"
        )
        assert 0 < right <= 420
    finally:
        page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
