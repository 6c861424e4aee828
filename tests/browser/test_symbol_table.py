"""The symbol table in a browser: favorites, venues, search, columns, sparklines, streams."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver.common.keys import Keys

from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from tests.browser.conftest import Page, chrome
from tests.conftest import Served, venues_at

STAR = "favorite"


def names(page: Page) -> list[str]:
    """The symbols shown."""
    return page.texts(".symbol-name")


def focus(page: Page) -> tuple[str, str]:
    """Row and column of the focused cell, or the id of another element."""
    return tuple(
        page.js(
            "const e = document.activeElement, cell = e.closest('.ag-cell');"
            "return cell ? [cell.closest('.ag-row').getAttribute('row-id'), cell.getAttribute('col-id')]"
            " : [e.id, '']"
        )
    )


def kept(page: Page, key: str) -> object:
    """The stored value of a key."""
    return json.loads(page.js("return localStorage.getItem(arguments[0])", key) or "null")


def opened(page: Page) -> None:
    """Load the page and wait for its rows."""
    page.open()
    page.wait(lambda: len(names(page)) >= 15, "rows")


def starred(page: Page, row_id: str) -> bool:
    """Whether a row's star is pressed."""
    css = page.row(row_id, STAR) + " button"
    return page.js("return document.querySelector(arguments[0]).getAttribute('aria-pressed')", css) == "true"


def down_to(page: Page, row_id: str) -> None:
    """From the search field to a row by the keyboard."""
    page.press("/", Keys.ARROW_DOWN)
    page.wait(lambda: focus(page)[1] == "symbol", "the grid has the focus")
    for _ in range(15):
        if focus(page)[0] == row_id:
            return
        page.press(Keys.ARROW_DOWN)
    pytest.fail(f"never came to {row_id}")


# -- favorites --------------------------------------------------------------------------------


def test_a_star_is_set_by_keyboard_and_survives_a_reload(page: Page) -> None:
    """Space adds a favorite and removes it; another venue's favorites stay stored."""
    opened(page)
    page.js("localStorage.setItem('symbol-favorites', JSON.stringify(['bybit:AWAYUSDT']))")
    page.driver.refresh()
    page.wait(lambda: len(names(page)) >= 15, "rows")
    down_to(page, "demo:ETHUSDT")
    page.press(Keys.ARROW_LEFT, Keys.SPACE)
    page.wait(lambda: starred(page, "demo:ETHUSDT"), "a star")
    assert focus(page) == ("demo:ETHUSDT", STAR)
    assert not page.count(".orderflow-modal")
    page.driver.refresh()
    page.wait(lambda: len(names(page)) >= 15 and starred(page, "demo:ETHUSDT"), "the star is back")
    assert kept(page, "symbol-favorites") == ["bybit:AWAYUSDT", "demo:ETHUSDT"]
    page.click(page.row("demo:ETHUSDT", STAR))
    page.wait(lambda: not starred(page, "demo:ETHUSDT"), "taken back")
    assert kept(page, "symbol-favorites") == ["bybit:AWAYUSDT"]
    assert not page.count(".orderflow-modal")


def test_the_table_can_show_only_favorites(page: Page) -> None:
    """The toggle filters, is stored, and explains an empty table."""
    opened(page)
    page.click("#only-favorites")
    page.wait(lambda: "Click the star beside a symbol" in page.text("#symbol-none-text"), "how to make one")
    page.click("#symbol-none-reset")
    page.wait(lambda: len(names(page)) >= 15, "all again")
    page.click(page.row("demo:SOLUSDT", STAR))
    page.click("#only-favorites")
    page.wait(lambda: names(page) == ["SOLUSDT"], "the favorite alone")
    assert page.text("#symbol-count") == "1 of 15 symbols"
    page.driver.refresh()
    page.wait(lambda: names(page) == ["SOLUSDT"], "still alone")
    assert page.js("return document.querySelector('#only-favorites').getAttribute('aria-pressed')") == "true"
    down_to(page, "demo:SOLUSDT")
    page.press(Keys.ARROW_LEFT, Keys.ENTER)
    page.wait(lambda: names(page) == [], "none left")
    page.wait(lambda: focus(page)[0] == "only-favorites", "the focus is not lost")


def test_tabs_share_favorites(page: Page) -> None:
    """A star of one tab appears in the other."""
    opened(page)
    first = page.driver.current_window_handle
    page.driver.switch_to.new_window("tab")
    opened(page)
    page.click(page.row("demo:XRPUSDT", STAR))
    page.wait(lambda: starred(page, "demo:XRPUSDT"), "here")
    page.driver.close()
    page.driver.switch_to.window(first)
    page.wait(lambda: starred(page, "demo:XRPUSDT"), "and there")


def test_favorites_are_limited_and_validated(page: Page) -> None:
    """200 at most, with a message beyond; invalid stored values are ignored."""
    opened(page)
    full = [f"binance:COIN{n}USDT" for n in range(200)]
    page.js("localStorage.setItem('symbol-favorites', JSON.stringify(arguments[0]))", full)
    page.driver.refresh()
    page.wait(lambda: len(names(page)) >= 15, "rows")
    page.click(page.row("demo:BTCUSDT", STAR))
    page.wait(lambda: "Limit of 200 favorites" in page.text("#symbol-count"), "the message")
    assert not starred(page, "demo:BTCUSDT")
    page.js(
        "localStorage.setItem('symbol-favorites', JSON.stringify([1, null, 'x', 'demo:ETHUSDT', {}]));"
        "localStorage.setItem('symbol-columns', '{\"wide\": 7}');"
        "localStorage.setItem('symbol-venue', '{nonsense')"
    )
    page.driver.refresh()
    page.wait(lambda: len(names(page)) >= 15 and starred(page, "demo:ETHUSDT"), "the readable one")


# -- venues ------------------------------------------------------------------------------------


@pytest.fixture
def two_venues(serve: Callable[..., Served]) -> Iterator[str]:
    """An application whose Binance and Bybit both answer."""
    with SimulatedExchange(SyntheticMarket(3)) as exchange:
        yield serve(**venues_at(exchange)).url


# The server first: it must outlive the page, which asks it once a second.
def test_a_venue_chip_shows_only_that_venue(two_venues: str, page: Page) -> None:
    """A chip for each venue; the choice survives a reload."""
    page.open(root=two_venues)
    page.wait(lambda: page.text("#symbol-count") == "30 symbols", "both venues' symbols")
    assert page.texts(".venue-chip") == ["All", "Binance", "Bybit"]
    for venue in ("bybit", "binance"):
        page.click(f'.venue-chip[data-venue="{venue}"]')
        page.wait(lambda: page.text("#symbol-count") == "15 of 30 symbols", "filtered")
        page.wait(lambda v=venue: set(page.texts(".venue-cell")) == {v.capitalize()}, venue)
    page.driver.refresh()
    page.wait(lambda: set(page.texts(".venue-cell")) == {"Binance"}, "kept")
    assert page.texts('.venue-chip[aria-pressed="true"]') == ["Binance"]
    page.press("/", "eth bybit")
    page.wait(lambda: "“eth bybit” at Binance" in page.text("#symbol-none-text"), "names the venue")


def test_a_venue_without_symbols_is_explained(page: Page) -> None:
    """An unreachable venue leaves no empty table without a text."""
    opened(page)
    page.click('.venue-chip[data-venue="bybit"]')
    page.wait(lambda: "Bybit has not listed its symbols yet" in page.text("#symbol-none-text"), "the message")
    page.click("#symbol-none-reset")
    page.wait(lambda: len(names(page)) >= 15, "all again")


# -- search and keyboard -----------------------------------------------------------------------


def test_enter_in_the_search_opens_the_first_row(page: Page) -> None:
    """Slash, a name, Enter: the panel. Escape: the search again. Escape: all symbols."""
    opened(page)
    page.press("/")
    page.press("link", Keys.ENTER)
    page.wait(lambda: page.text(".panel-symbol") == "LINKUSDT", "open")
    page.press("/")
    assert page.js("return !!document.activeElement.closest('.modal')")
    page.close_modal()
    page.wait(lambda: focus(page)[0] == "symbol-search", "back in the search")
    assert names(page) == ["LINKUSDT"]
    page.press(Keys.ESCAPE)
    page.wait(lambda: len(names(page)) >= 15, "all symbols")
    assert page.js("return document.activeElement.value") == ""
    page.press("a/b")
    assert page.js("return document.activeElement.value") == "a/b"


def test_a_row_is_opened_and_returned_to_by_keyboard(page: Page) -> None:
    """ArrowDown goes into the grid, Enter opens, Escape returns to the same row, Enter opens it again."""
    opened(page)
    down_to(page, "demo:DOGEUSDT")
    for _ in range(2):
        page.press(Keys.ENTER)
        page.wait(lambda: page.text(".panel-symbol") == "DOGEUSDT", "open")
        page.close_modal()
        page.wait(lambda: focus(page) == ("demo:DOGEUSDT", "symbol"), "back on the row")
    page.press("/")
    page.wait(lambda: focus(page)[0] == "symbol-search", "in the search")


def test_the_focus_returns_to_a_row_that_was_sorted_away(page: Page) -> None:
    """It scrolls to the symbol, even if the row was not drawn any more."""
    size = {"width": 1400, "height": 320, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    page.open()
    page.wait(lambda: page.count(page.row("demo:XRPUSDT", "symbol")), "rows")
    down_to(page, "demo:XRPUSDT")
    page.press(Keys.ENTER)
    page.wait(lambda: page.text(".panel-symbol") == "XRPUSDT", "open")
    page.js(
        "dash_ag_grid.getApi('symbols')"
        ".applyColumnState({state: [{colId: 'symbol', sort: 'asc'}], defaultState: {sort: null}})"
    )
    page.wait(lambda: not page.count(page.row("demo:XRPUSDT", "symbol")), "far down, not drawn")
    page.close_modal()
    page.wait(lambda: focus(page) == ("demo:XRPUSDT", "symbol"), "back on the row")


def test_a_search_without_a_match_is_explained(page: Page) -> None:
    """The empty table names the search and the way back; Enter opens nothing."""
    opened(page)
    page.press("/")
    page.press("nosuch", Keys.ENTER)
    page.wait(lambda: "“nosuch”" in page.text("#symbol-none-text"), "the message")
    assert "Esc" in page.text("#symbol-none-text")
    assert not page.count(".orderflow-modal")
    page.press(Keys.ESCAPE)
    page.wait(lambda: len(names(page)) >= 15, "all symbols")
    assert page.style("#symbol-none", "display") == "none"


def test_a_tick_moves_no_row_under_the_focus(page: Page) -> None:
    """A row keeps its place, and moves once the table is not in use."""
    opened(page)
    down_to(page, "demo:ETHUSDT")
    # The market's own ticks take the change back, so it is made again with each look.
    place = (
        "const grid = dash_ag_grid.getApi('symbols'), node = grid.getRowNode('demo:YFIUSDT');"
        "grid.applyTransaction({update: [{...node.data, volume: 1e15}]});"
        "return node.rowIndex"
    )
    assert page.js(place) > 1
    assert focus(page)[0] == "demo:ETHUSDT"
    page.press("/")
    page.wait(lambda: page.js(place) == 0, "sorted again")


# -- columns -----------------------------------------------------------------------------------


def heads(page: Page) -> set[str]:
    """The columns shown."""
    return set(
        page.js("return [...document.querySelectorAll('.ag-header-cell')].map(e => e.getAttribute('col-id'))")
    )


def test_columns_are_chosen_by_keyboard_and_stored(page: Page) -> None:
    """The menu opens with Enter, Space removes a column, Escape closes and returns."""
    opened(page)
    assert {"venue_name", "last", "change", "day", "volume", "funding", "interest"} < heads(page)
    page.js("document.querySelector('.column-menu summary').focus()")
    page.press(Keys.ENTER)
    page.wait(lambda: page.count(".column-menu[open]"), "open")
    page.press(Keys.TAB, Keys.SPACE)
    page.wait(lambda: "venue_name" not in heads(page), "the first column is gone")
    page.press(Keys.ESCAPE)
    page.wait(lambda: not page.count(".column-menu[open]"), "closed")
    assert page.js("return document.activeElement.tagName") == "SUMMARY"
    page.driver.refresh()
    page.wait(lambda: len(names(page)) >= 15 and "venue_name" not in heads(page), "kept")
    assert "funding" in heads(page)


@pytest.fixture
def phone(page: Page) -> Iterator[Page]:
    """The page on a screen of 420 px."""
    size = {"width": 420, "height": 860, "deviceScaleFactor": 1, "mobile": False}
    page.driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    yield page
    page.driver.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})


def test_a_phone_shows_price_change_and_volume(phone: Page) -> None:
    """They fit into 420 px; its columns are stored apart from the wide ones."""
    opened(phone)
    phone.wait(lambda: heads(phone) == {STAR, "symbol", "last", "change", "volume"}, "five columns")
    right = (
        "return Math.max(...[...document.querySelectorAll(arguments[0])]"
        ".map(e => e.getBoundingClientRect().right))"
    )
    phone.wait(lambda: phone.js(right, ".ag-cell") <= 420, "all cells on the screen")
    cut = (
        "return [...document.querySelectorAll('.ag-cell')].filter(e => e.scrollWidth > e.clientWidth).length"
    )
    assert phone.js(cut) == 0
    assert phone.js(right, ".table-bar .chip") <= 420
    assert phone.js("return document.documentElement.scrollWidth") <= 420
    venue = phone.js(
        "const cell = document.querySelector('.ag-row .symbol-venue').getBoundingClientRect(),"
        " row = document.querySelector('.ag-row').getBoundingClientRect();"
        "return [cell.top - row.top, row.bottom - cell.bottom]"
    )
    assert min(venue) >= 0
    phone.click(".column-menu summary")
    phone.click('.column-choice input[value="funding"]')
    phone.wait(lambda: "funding" in heads(phone), "one more")
    assert kept(phone, "symbol-columns") == {
        "wide": None,
        "narrow": ["last", "change", "volume", "funding"],
    }


# -- the day, and what streams -----------------------------------------------------------------


def test_rows_in_view_get_sparklines(page: Page) -> None:
    """A line for each row, drawn through the hours of a day."""
    opened(page)
    page.wait(lambda: page.count(".day-line path") == len(names(page)), "a line for every row", 30)
    points = page.js(
        "return [...document.querySelectorAll('.day-line path')]"
        ".map(p => p.getAttribute('d').split(/[ML]/).length - 1)"
    )
    assert set(points) <= {23, 24}  # just after a full hour the newest close of some is still to come
    assert points


def test_a_streaming_symbol_has_a_dot(page: Page, market: Served) -> None:
    """It appears with the first viewer, here a program, and goes with the stream."""
    dot = page.row("demo:AVAXUSDT", "symbol") + " .live-dot"
    opened(page)
    page.wait(lambda: page.style(dot, "visibility") == "hidden", "no dot")
    with market.socket(exchange="demo", symbol="AVAXUSDT"):
        page.wait(lambda: page.style(dot, "visibility") == "visible", "a dot")
        assert "streams" in page.js("return document.querySelector(arguments[0]).title", dot)
    page.wait(lambda: page.style(dot, "visibility") == "hidden", "the stream has ended")


@pytest.fixture
def classic(market: Served) -> Iterator[Page]:
    """A page in a narrow window of a browser whose scroll bars take room."""
    for driver in chrome(has_scroll_bars=True):
        metrics = {"width": 420, "height": 600, "deviceScaleFactor": 1, "mobile": False}
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        yield Page(driver, market.url)


def test_a_narrow_table_leaves_room_for_its_scroll_bar(classic: Page) -> None:
    """The last figures stand beside it, not under it."""
    classic.open()
    classic.wait(lambda: classic.count(classic.row("demo:BTCUSDT", "volume")), "rows")

    def edge(css: str, side: str) -> float:
        place = "return document.querySelector(arguments[0]).getBoundingClientRect()[arguments[1]]"
        return float(classic.js(place, css, side))

    bar = ".symbol-table .ag-body-vertical-scroll"
    classic.wait(lambda: 0 < edge(bar, "left") < 420, "a scroll bar")
    last = '.ag-header-cell[col-id="volume"]'
    classic.wait(lambda: edge(last, "right") <= edge(bar, "left"), "the last column ends before it")
