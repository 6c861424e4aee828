"""``/help``: its figures, its anchors, and that it is self-contained."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from decimal import Decimal
from html.parser import HTMLParser
from itertools import pairwise

import httpx
import pytest
from dash.development.base_component import Component
from flask import Flask
from flask.testing import FlaskClient

from orderflow_dash.footprint.candle import Candle, CandleBuilder
from orderflow_dash.footprint.measures import IMBALANCE_RATIO, default_step, is_imbalanced
from orderflow_dash.footprint.series import Series
from orderflow_dash.live.view import ViewKey
from orderflow_dash.market import Instrument, Timeframe, Trade, Venue
from orderflow_dash.web.assets import assets_folder
from orderflow_dash.web.help_links import ANCHORS, help_href, help_link
from orderflow_dash.web.marks import FIRE, quality_legend
from orderflow_dash.web.pages import help_example as example
from orderflow_dash.web.pages.help import help_html, register_help
from orderflow_dash.web.panel.level_table import LEGEND
from orderflow_dash.web.panel.panel import panel
from orderflow_dash.web.status import WORDS
from orderflow_dash.web.symbols.table import symbol_table
from orderflow_dash.web.text import MINUS, grouped, signed
from tests.conftest import Served, wait_until
from tests.footprint.reference import START
from tests.web.test_theme import contrast, over, rgba, tokens

ASKED_FOR = re.findall(
    r"\S+",
    """delta cvd imbalance diagonal stacked poc value-area vwap quality verified states session-profile step
    min-max-delta units cvd-from absorption exhaustion cvd-divergence breakout iceberg imbalance-run marks
    keys glossary aggressor taker aggtrade rpi kline perpetual funding open-interest""",
)

ABC = Instrument(Venue.DEMO, "ABCUSDT", "ABC", "USDT", Decimal(example.TICK), Decimal(example.LOT))
FIGURES = example.FIGURES


class Document(HTMLParser):
    """A page as its parts: elements with their attributes, the words, and the rows of each table."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.tables: dict[str, list[list[str]]] = {}
        self._rows: list[list[str]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "table":
            self._rows = self.tables[dict(attrs).get("id") or str(len(self.tables))] = []
        if tag == "tr":
            self._rows.append([])
        if tag == "td":
            self._rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "table":
            self._rows = []

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._rows and self._rows[-1]:
            self._rows[-1][-1] += data.strip()

    @property
    def text(self) -> str:
        """All words, separated by single spaces."""
        return " ".join(" ".join(self.words).split())

    def values(self, name: str) -> list[str]:
        """An attribute of all elements that have it."""
        return [value for _, attributes in self.elements if (value := attributes.get(name)) is not None]

    def rows(self, table: str) -> list[list[str]]:
        """The body of a table."""
        return [row for row in self.tables[table] if row]


@pytest.fixture(scope="module")
def page() -> Document:
    """The page."""
    return Document(help_html())


@pytest.fixture(scope="module")
def candle() -> Candle:
    """The candle of the page's own trades, as the product counts them."""
    trades: list[Trade] = [
        (
            START + 1000 * trade.second,
            number,
            ABC.grid.price.units(trade.price),
            ABC.grid.quantity.units(trade.quantity) * (1 if trade.aggressor == "bought" else -1),
        )
        for number, trade in enumerate(example.TRADES, 1)
    ]
    series = Series(grid=ABC.grid)
    series.apply(trades)
    return CandleBuilder(series, Timeframe.M1, Decimal(example.STEP)).build(START)


def test_the_example_s_trades_and_levels_are_those_of_the_page(page: Document, candle: Candle) -> None:
    """The page shows the trades with their running delta, and the levels that the product makes of them."""
    assert page.rows("example-trades") == [
        [f"12:00:{trade.second:02}", trade.aggressor, trade.price, trade.quantity, trade.running]
        for trade in example.TRADES
    ]
    price, quantity = ABC.grid.price.text, ABC.grid.quantity.text
    assert [row[:3] for row in page.rows("example-levels")] == [
        [price(p), quantity(bid), quantity(ask)] for p, bid, ask, _ in candle.levels.tolist()
    ]
    running = 0
    for trade in example.TRADES:
        lots = ABC.grid.quantity.units(trade.quantity)
        running += lots if trade.aggressor == "bought" else -lots
        assert trade.running == signed(quantity(running))


def test_the_example_s_figures_are_the_product_s(candle: Candle) -> None:
    """Open to POC, as the code has them."""
    price, quantity = ABC.grid.price.text, ABC.grid.quantity.text
    for name in ("open", "high", "low", "close", "poc"):
        assert FIGURES[name] == price(getattr(candle, name)), name
    for name in ("delta", "min_delta", "max_delta"):
        assert FIGURES[name] == signed(quantity(getattr(candle, name))), name
    assert (FIGURES["bid"], FIGURES["ask"]) == (quantity(candle.bid), quantity(candle.ask))
    assert FIGURES["volume"] == quantity(candle.bid + candle.ask)
    assert FIGURES["trades"] == str(candle.n)
    assert FIGURES["ratio"] == f"{candle.ask / candle.bid:.2f}"
    assert is_imbalanced(candle.bid, candle.ask)


def test_the_example_s_marks_follow_the_definitions(page: Document) -> None:
    """Diagonal and stacked imbalances, written out plainly; no sell imbalance is there."""
    bid = {Decimal(level.price): Decimal(level.bid) for level in example.LEVELS}
    ask = {Decimal(level.price): Decimal(level.ask) for level in example.LEVELS}
    step = Decimal(example.STEP)
    for level in example.LEVELS:
        price = Decimal(level.price)
        buys = price != min(ask) and ask[price] > IMBALANCE_RATIO * bid[price - step]
        sells = price != max(bid) and bid[price] > IMBALANCE_RATIO * ask[price + step]
        assert (level.buy, sells) == (buys, False)
    marked = [Decimal(level.price) for level in example.LEVELS if level.buy]
    assert len(marked) == 3
    assert all(above - below == step for above, below in pairwise(marked))
    marks = {row[0]: row[3] for row in page.rows("example-levels")}
    assert [price for price, mark in marks.items() if "buy imbalance" in mark] == [
        str(price) for price in marked
    ]
    assert [price for price, mark in marks.items() if "POC" in mark] == [FIGURES["poc"]]


def value_area(rows: int) -> tuple[str, str, str]:
    """Low, high and volume by the definition, for a ladder without holes whose tops never tie."""
    prices = [level.price for level in example.LEVELS]
    volumes = [Decimal(level.bid) + Decimal(level.ask) for level in example.LEVELS]
    first = last = prices.index(FIGURES["poc"])
    while 10 * sum(volumes[first : last + 1]) < 7 * sum(volumes):
        above, below = sum(volumes[max(first - rows, 0) : first]), sum(volumes[last + 1 : last + 1 + rows])
        assert above != below
        if above > below:
            first = max(first - rows, 0)
        else:
            last = min(last + rows, len(volumes) - 1)
    return prices[last], prices[first], str(sum(volumes[first : last + 1]))


def test_the_example_s_value_area_and_vwap_follow_the_definitions() -> None:
    """By two rows and by one; VWAP of the trades' own prices."""
    assert value_area(2) == tuple(FIGURES[f"value_{name}"] for name in ("low", "high", "volume"))
    assert value_area(1) == tuple(FIGURES[f"one_row_{name}"] for name in ("low", "high", "volume"))
    best = max(Decimal(level.bid) + Decimal(level.ask) for level in example.LEVELS)
    assert FIGURES["poc_volume"] == str(best)
    turnover = sum(Decimal(trade.price) * Decimal(trade.quantity) for trade in example.TRADES)
    assert FIGURES["turnover"] == grouped(str(turnover.quantize(Decimal("0.1"))))
    assert turnover / Decimal(FIGURES["volume"]) == Decimal(FIGURES["vwap"])


def test_what_the_words_calculate_is_right(page: Document) -> None:
    """The figures inside the sentences, too."""
    volume = Decimal(FIGURES["volume"])
    level = {each.price: each for each in example.LEVELS}
    quote = Decimal(level["102.0"].ask) * Decimal("102.0")

    def both(*prices: str) -> Decimal:
        return sum((Decimal(level[price].bid) + Decimal(level[price].ask) for price in prices), Decimal(0))

    for sentence in (
        f"Delta %: {100 * Decimal(FIGURES['delta']) / volume:+.0f} %",
        f"70 % of {volume} is {volume * 7 / 10:.1f}",
        f"The POC has {both('102.0')}. Above there is only {both('102.5')} (102.5), "
        f"below {both('101.5', '101.0')} (101.5 and 101.0): {both('102.0', '101.5', '101.0')}. "
        f"Then {both('102.5')} against {both('100.5', '100.0')} (100.5 and 100.0)",
        f"{level['102.0'].ask} at the level 102.0 is {grouped(f'{quote:.1f}')} in the quote currency",
    ):
        assert sentence in page.text


def plain(text: str) -> str:
    """A figure of the page as a machine writes it."""
    return text.lstrip("+").replace(MINUS, "-")


def test_the_example_s_candles_and_steps_are_the_product_s(page: Document) -> None:
    """CVD adds up, fires follow the ratio, and steps are those that are chosen."""
    series = Series()
    for minute, (delta, _) in enumerate(example.CVD):
        series.apply([(START + 60_000 * minute, minute, 1_000, ABC.grid.quantity.units(plain(delta)))])
    sums = [signed(ABC.grid.quantity.text(minute.cvd)) for minute in series.minutes()]
    assert sums == [cvd for _, cvd in example.CVD]
    assert page.rows("example-cvd") == [list(row) for row in example.CVD]
    for rows, cvd in ((example.MOMENTUM, Decimal(0)), (example.ABSORPTION, Decimal("-53.6"))):
        for row in rows:
            bid, ask = ABC.grid.quantity.units(row.bid), ABC.grid.quantity.units(row.ask)
            cvd += Decimal(row.ask) - Decimal(row.bid)
            assert row == (
                row.bid,
                row.ask,
                signed(ABC.grid.quantity.text(ask - bid)),
                signed(str(cvd)),
                row.fire,
            )
            assert row.fire == is_imbalanced(bid, ask)
    for price, tick, step in example.STEPS:
        symbol = Instrument(Venue.DEMO, "X", "X", "USDT", Decimal(tick), Decimal(1))
        assert default_step(symbol.tick, Decimal(price.replace(",", ""))) == Decimal(step)


def parts_of(component: object) -> Iterator[Component]:
    """A component and all that it holds."""
    if isinstance(component, Component):
        yield component
        yield from parts_of(getattr(component, "children", None))
    elif isinstance(component, list | tuple):
        for each in component:
            yield from parts_of(each)


def words_of(component: object) -> str:
    """All that a component says."""
    if isinstance(component, Component):
        return words_of(getattr(component, "children", None))
    if isinstance(component, list | tuple):
        return "".join(words_of(each) for each in component)
    return component if isinstance(component, str) else ""


def shown_labels(served: Served) -> set[str]:
    """What the panel and the symbol table call their figures."""
    key = ViewKey(Venue.DEMO, "BTCUSDT", Timeframe.M1, Decimal("0.5"))
    labels: set[str] = {mark for mark, _ in (*quality_legend(), *LEGEND)} | {FIRE}
    for part in parts_of(panel(served.hub, "help", key, "dark")):
        kind, own = type(part).__name__, getattr(part, "children", None)
        if kind in ("H3", "Dt"):
            labels.add(words_of(own))
        if kind == "Label":
            labels.add(words_of(own[0]))
        if getattr(part, "className", "") == "control-label":
            labels.add(words_of(own))
        if kind == "DataTable":
            labels |= {column["name"] for column in part.columns}
    table = [part for each in symbol_table([], [Venue.DEMO]) for part in parts_of(each)]
    grid = next(part for part in table if type(part).__name__ == "AgGrid")
    return labels | {column["headerName"] for column in grid.columnDefs}


def test_every_label_of_the_panel_is_explained(page: Document, serve: Callable[..., Served]) -> None:
    """Each has an anchor, and each anchor is on the page."""
    served = serve(demo=True)
    wait_until(served.hub.instruments)
    labels = shown_labels(served)
    assert {"CVD", "Footprint", "Step", "Bid Vol", "Levels", "⚠\ufe0e", FIRE, "Open interest"} <= labels
    assert labels <= ANCHORS.keys()
    assert {*ANCHORS.values(), *ASKED_FOR} <= set(page.values("id"))
    assert all(word in page.text for word in WORDS.values())


def test_every_setting_of_the_panel_leads_to_its_explanation(serve: Callable[..., Served]) -> None:
    """The label itself is the link; only what the share menu copies explains itself."""
    served = serve(demo=True)
    wait_until(served.hub.instruments)
    key = ViewKey(Venue.DEMO, "BTCUSDT", Timeframe.M1, Decimal("0.5"))
    captions = [
        part
        for part in parts_of(panel(served.hub, "help", key, "dark"))
        if getattr(part, "className", "") == "control-label"
    ]
    linked = {words_of(each) for each in captions if getattr(each.children, "className", "") == "help-label"}
    assert {words_of(each) for each in captions} - linked == {"Link", "Embed"}
    assert linked >= {
        *("Units", "Imbalance ratio", "Imbalance from", "Zero opposite", "CVD from", "Sides", "Colors"),
        *("Lookback", "Table rows", "Cells", "Color by", "Scale", "Rows"),
    }


def test_a_help_link_is_a_link_that_says_where_it_leads() -> None:
    """A real address, a new tab, a name for those who do not see the question mark."""
    link = help_link("CVD")
    assert (link.href, link.target, link.rel) == ("help#cvd", "_blank", "noopener")
    assert getattr(link, "aria-label") == "Help on CVD (opens in a new tab)"
    with pytest.raises(KeyError):
        help_href("Price of tea")


def test_headings_are_in_order_and_links_lead_somewhere(page: Document) -> None:
    """One h1, no level left out, no id twice, no link into the void."""
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(below <= above + 1 for above, below in pairwise(levels))
    ids = page.values("id")
    assert len(ids) == len(set(ids))
    inner = {href[1:] for href in page.values("href") if href.startswith("#")}
    assert inner <= set(ids)
    assert {anchor for tag, names in page.elements if tag == "h2" and (anchor := names.get("id"))} <= {
        *inner,
        "measures-of-levels",
    }


def test_the_page_is_self_contained(page: Document) -> None:
    """Nothing inline, nothing from another host, and every file that it requests exists."""
    assert not any(name == "style" or name.startswith("on") for _, names in page.elements for name in names)
    assert not any(tag in ("style", "iframe", "img") for tag, _ in page.elements)
    scripts = [names for tag, names in page.elements if tag == "script"]
    assert scripts == [{"src": "/assets/js/theme.js"}]
    for address in (*page.values("src"), *page.values("href")):
        assert address == "/" or address.startswith(("#", "/assets/")), address
        if address.startswith("/assets/"):
            assert (assets_folder() / address.removeprefix("/assets/")).is_file()


def client_at(prefix: str) -> FlaskClient:
    """A client of a server that has nothing but the page."""
    server = Flask("help")
    register_help(server, prefix)
    return server.test_client()


def test_the_page_is_served_under_its_prefix_and_forbids_the_rest() -> None:
    """Addresses carry the prefix; a policy allows the server's own files alone; it is sent once."""
    answer = client_at("/flow/").get("/flow/help")
    assert (answer.status_code, answer.mimetype) == (200, "text/html")
    document = Document(answer.text)
    assert {"/flow/", "/flow/assets/css/help.css", "/flow/assets/js/theme.js"} <= {
        *document.values("href"),
        *document.values("src"),
    }
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert "unsafe" not in answer.headers["Content-Security-Policy"]
    tag = answer.headers["ETag"]
    assert client_at("/flow/").get("/flow/help", headers={"If-None-Match": tag}).status_code == 304


def test_the_app_serves_the_page_and_keeps_its_style_to_it(serve: Callable[..., Served]) -> None:
    """It is there although no venue is; the app's own pages do not load its style sheet."""
    url = serve().url
    assert httpx.get(f"{url}/help", trust_env=False).status_code == 200
    assert httpx.get(f"{url}/help/x", trust_env=False).status_code == 404
    assert httpx.get(f"{url}/assets/css/help.css", trust_env=False).status_code == 200
    front = httpx.get(f"{url}/", trust_env=False).text
    assert "help.css" not in front
    assert "css/help-link.css" in front


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_page_is_readable_in_both_themes(theme: str) -> None:
    """Its style sheets use only color tokens, and each text has a contrast of 4.5 to 1 on each ground."""
    css = "".join((assets_folder() / name).read_text() for name in ("css/help.css", "css/help-link.css"))
    assert not re.search(r"#[0-9a-f]{3,8}\b|rgb|hsl", css)
    colors = tokens(theme)
    texts = set(re.findall(r"[^-]color: var\(--of-([\w-]+)\)", css))
    grounds = set(re.findall(r"background: var\(--of-([\w-]+)\)", css))
    assert {"text", "muted", "accent", "bid", "ask"} <= texts
    assert {"canvas", "surface", "raised"} <= grounds
    surface = rgba(colors["surface"])[:3]
    for text in texts:
        for ground in grounds:
            assert contrast(rgba(colors[text])[:3], over(colors[ground], surface)) >= 4.5, (text, ground)
