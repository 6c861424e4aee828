"""The footprint table shows each figure, whether it was redrawn or only written to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import Page

COLUMNS = ("bid", "ask", "delta", "cvd", "levels")

# Shows rows in the panel's table and looks at it two frames later.
SHOW = """
const [rows] = arguments;
const panel = document.querySelector('.orderflow-panel');
const id = { type: 'panel-table', panel: panel.dataset.panel };
const drawn = window.dash_clientside.set_props;
let times = 0;
window.dash_clientside.set_props = (...args) => { times += args[0].type === id.type; drawn(...args); };
module.showRows(panel, id, rows, rows.map(() => ({ time: 'Still open.' })));
window.dash_clientside.set_props = drawn;
return new Promise((shown) => setTimeout(() => requestAnimationFrame(() => requestAnimationFrame(() => {
  const found = [...panel.querySelectorAll('.footprint-rows tr')].filter((row) => row.querySelector('td'));
  shown([times, found.map((row) => [...row.cells].map((cell) => cell.innerText.trim())),
        found.map((row) => row.style.getPropertyValue('--of-bar-end'))]);
})), 100));
"""


def row(open_ts: int, side: str, bar: str, *figures: str) -> dict[str, str]:
    """A row as the server sends it."""
    look = {"side": side, "tint": "", "cvd_side": "ask", "picked": "", "state": "open", "stretch": ""}
    known = {"quality": "complete", "verified": ""}
    texts = dict(zip(COLUMNS, figures, strict=True))
    return {"id": str(open_ts), "time": "00:00", "bar": bar, **texts, **look, **known}


@pytest.fixture
def show(page: Page) -> Any:
    """Puts rows into the table of a panel that no longer polls: redraws, texts, ends of bars."""
    page.open("exchange=demo&symbol=BTCUSDT&tf=1m&step=10")
    page.wait(lambda: len(page.footprint()) > 1, "rows")
    page.js("window.fetch = () => new Promise(() => {})")
    page.driver.set_script_timeout(10)
    return lambda *rows: page.module("panel/footprint-table.mjs", SHOW, list(rows))


def test_changed_figures_are_written_into_the_cells(show: Any) -> None:
    """The table is redrawn only for a row that looks different, and shows the same either way."""
    first = ["1.0", "2.0", "+1.0", "+1.0", "3"]
    moved = ["1.0", "2.5", "+1.5", "+1.5", "4"]
    assert show(row(0, "ask", "20.0", *first))[1:] == [[["00:00", *first]], ["70%"]]
    assert show(row(0, "ask", "30.0", *moved)) == [0, [["00:00", *moved]], ["80%"]]


def test_written_figures_do_not_outlive_their_row(show: Any) -> None:
    """A redrawn row may have the figures that the table drew last, over which others were written."""
    first = ["1.0", "2.0", "+1.0", "+1.0", "3"]
    show(row(0, "ask", "20.0", *first))
    show(row(0, "ask", "20.0", "1.0", "9.0", "+8.0", "+8.0", "7"))
    drawn, texts, _ = show(row(60_000, "bid", "20.0", *first))
    assert drawn == 1
    assert texts == [["00:00", *first]]
