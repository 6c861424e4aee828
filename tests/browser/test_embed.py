"""The page ``/embed`` alone and in a frame, and the share menu that links it."""

from __future__ import annotations

from urllib.parse import parse_qsl, urlsplit

from tests.browser.conftest import Page
from tests.browser.test_themes import brightness

QUERY = "exchange=demo&symbol=BTCUSDT&tf=1m&step=0.5"


def embedded(page: Page, query: str = QUERY) -> None:
    """Load the page and wait for a first candle."""
    page.driver.get(f"{page.root}/embed?{query}")
    page.wait(lambda: page.footprint() and page.chart()[0], "a first candle")


def test_the_page_is_one_live_panel(page: Page) -> None:
    """No table, head or share menu; its address survives a reload with all options."""
    embedded(page, QUERY + "&theme=light&rows=4&units=quote")
    assert page.count(".orderflow-panel") == 1
    assert not page.count(".symbol-table, .page-head, .orderflow-modal")
    assert page.style(".panel-share", "display") == "none"
    before = page.footprint()[0]
    page.wait(lambda: page.footprint()[0] != before, "it moves")
    page.click(".timeframe-choice .form-check:nth-child(2) label")
    page.wait(lambda: page.query["tf"] == "5m", "the address follows")
    page.driver.refresh()
    page.wait(lambda: page.footprint(), "rows")
    assert page.query == {
        **dict(parse_qsl(QUERY)), "tf": "5m", "rows": "4", "units": "quote", "theme": "light",
    }  # fmt: skip


def test_the_theme_is_the_address_s_or_the_system_s(page: Page) -> None:
    """Light, dark, and auto; the choice on the front page does not count."""
    page.open()
    page.js("localStorage.setItem('theme', JSON.stringify('light'))")
    for theme, is_dark in (("dark", True), ("light", False)):
        embedded(page, f"{QUERY}&theme={theme}")
        assert (brightness(page.style("body", "backgroundColor")) < 60) == is_dark
    for scheme, is_dark in (("dark", True), ("light", False)):
        feature = {"name": "prefers-color-scheme", "value": scheme}
        page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
        embedded(page, f"{QUERY}&theme=auto")
        line = page.js("return document.querySelector('.cvd-chart .js-plotly-plot').data[0].line.color")
        assert line in ({"#36c48f", "#f46a78"} if is_dark else {"#08704a", "#bb2233"})
        assert (brightness(page.style("body", "backgroundColor")) < 60) == is_dark
    page.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def test_invalid_addresses_show_a_notice(page: Page) -> None:
    """An unknown theme opens with a notice; an unknown symbol names the valid ones."""
    embedded(page, QUERY + "&theme=neon")
    assert "dark, light, or auto" in page.text(".notice")
    page.driver.get(f"{page.root}/embed?exchange=demo&symbol=NOSUCH")
    page.wait(lambda: "NOSUCH" in page.text(".notice"), "the notice")


def test_the_embedding_page_gets_state_and_height(page: Page) -> None:
    """The share menu's snippet, pasted into a page, shows the panel and fits its height."""
    page.open(QUERY + "&rows=12")
    page.wait(lambda: len(page.footprint()) > 3, "rows")
    page.click(".panel-share summary")
    snippet = page.js("return document.querySelector('.share-embed textarea').value")
    link = page.js("return document.querySelector('.share-link input').value")
    assert dict(parse_qsl(urlsplit(link).query)) == page.query
    page.driver.execute_cdp_cmd(
        "Page.setBypassCSP", {"enabled": True}
    )  # what a portal allows is its own affair
    page.driver.get(f"{page.root}/help-is-elsewhere-404")
    page.console_may_complain = True  # of the 404 that this blank page is
    page.js(
        "window.messages = []; addEventListener('message', e => messages.push(e.data));"
        "document.body.replaceChildren(document.createRange().createContextualFragment(arguments[0]))",
        snippet,
    )
    page.wait(lambda: page.js("return messages.some(m => m.type === 'size' && m.height > 300)"), "its height")
    page.wait(
        lambda: page.js("return messages.some(m => m.type === 'state' && m.state === 'live')"), "its state"
    )
    state = page.js("return messages.findLast(m => m.type === 'state')")
    assert state["view"] == {**dict(parse_qsl(QUERY)), "rows": "12"}
    page.wait(
        lambda: page.js(
            "const frame = document.querySelector('iframe');"
            "const panel = frame.contentDocument.querySelector('.embed-page');"
            "return Math.abs(frame.clientHeight - panel.scrollHeight)"
        ) <= 2,
        "as high as its panel",
    )  # fmt: skip


def test_a_copied_link_is_confirmed(page: Page) -> None:
    page.open(QUERY)
    page.wait(lambda: page.footprint(), "rows")
    page.driver.execute_cdp_cmd(
        "Browser.grantPermissions",
        {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": page.root},
    )
    page.click(".panel-share summary")
    page.click(".share-link .share-copy")
    page.wait(lambda: page.count(".share-copy[data-copied]"), "Copied")
    assert page.driver.execute_async_script("navigator.clipboard.readText().then(arguments[0])") == page.js(
        "return document.querySelector('.share-link input').value"
    )
