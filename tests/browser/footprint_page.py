"""A footprint chart on a page of the running app, fed by the app's socket or by the test."""

from __future__ import annotations

import json
from collections.abc import Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from orderflow_dash.footprint.candle import Candle
from orderflow_dash.market import Instrument, Timeframe, Venue
from orderflow_dash.wire import Encoder
from tests.candles import MINUTE, Row, make_candle

if TYPE_CHECKING:
    from tests.browser.conftest import Page

START = 1_790_000_040_000  # a whole minute

_MOUNT = """
const [options, messages, size] = arguments;
const place = document.createElement('div');
place.className = 'orderflow-panel';
place.style.cssText = 'position:fixed;top:0;left:0;z-index:3000;padding:0';
[place.style.width, place.style.height] = size.map((px) => `${px}px`);
document.body.append(place);
if (messages) {
  window.feed = options.feed = new window.orderflow.footprint.Feed(options.lookback || 500);
  messages.forEach((message) => window.feed.take(message));
}
window.place = place;
window.chart = window.orderflow.footprintChart(place, options);
"""

_SETTLED = "requestAnimationFrame(() => requestAnimationFrame(() => arguments[0]()))"
# Pictures of new data are at most ten a second.
_FOLLOWED = f"const done = arguments[0]; setTimeout(() => {_SETTLED.replace('arguments[0]', 'done')}, 100)"

# Read from a copy: reading the chart's own canvas would change how the browser keeps it.
_COLORS = """
const cells = document.querySelector('.footprint-cells');
const copy = document.createElement('canvas');
[copy.width, copy.height] = [cells.width, cells.height];
const context = copy.getContext('2d', {willReadFrequently: true});
context.drawImage(cells, 0, 0);
return new Set(new Uint32Array(context.getImageData(0, 0, copy.width, copy.height).data.buffer)).size;
"""


def instrument(tick: str = "0.1", lot: str = "0.001") -> Instrument:
    """An instrument of the simulated venue with other decimals."""
    return Instrument(Venue.DEMO, "TESTUSDT", "TEST", "USDT", Decimal(tick), Decimal(lot))


def candle(number: int = 0, rows: Sequence[Row] = ((100, 2, 3, 4),), **fields: Any) -> Candle:
    """The candle of a minute after START, of levels from high to low."""
    return make_candle(START + number * MINUTE, rows, **fields)


class Source:
    """The messages of one view, as the server writes them."""

    def __init__(self, tick: str = "0.1", lot: str = "0.001", step: int = 1) -> None:
        listed = instrument(tick, lot)
        self._encoder = Encoder(listed, Timeframe.M1, step * listed.tick, listed.grid)

    def snapshot(self, *candles: Candle) -> str:
        """The first message."""
        return self._encoder.snapshot([self._encoder.candle(each) for each in candles], START, START)

    def delta(self, changed: Candle) -> str:
        """A candle that changed."""
        return self._encoder.delta(self._encoder.candle(changed), START)


class ChartPage:
    """A chart that is mounted on a page."""

    def __init__(self, page: Page) -> None:
        self.page = page
        page.open()
        page.wait(lambda: page.js("return !!(window.orderflow && window.orderflow.footprintChart)"), "assets")

    def mount(
        self, messages: list[str] | None = None, size: tuple[int, int] = (1000, 700), **options: Any
    ) -> None:
        """Show a chart of the size in px: of messages, or of the socket's view that the options name."""
        self.page.js(_MOUNT, options, messages, list(size))
        self.settle()

    def settle(self) -> None:
        """Let everything that was asked for be painted."""
        self.page.driver.execute_async_script(_SETTLED)

    def follow(self) -> None:
        """Wait until the newest data is painted."""
        self.page.driver.execute_async_script(_FOLLOWED)

    def take(self, message: str) -> None:
        """Feed one more message."""
        self.page.js("window.feed.take(arguments[0])", message)
        self.follow()

    def set(self, **options: Any) -> None:
        """Change options."""
        self.page.js("window.chart.set(arguments[0])", options)
        self.settle()

    def keys(self, *keys: str) -> None:
        """Press keys in the chart."""
        self.page.js("document.querySelector('.footprint-stage').focus()")
        for key in keys:
            self.page.press(key)
        self.settle()

    def wheel(self, turn: int, **modifiers: bool) -> None:
        """Turn the wheel over the middle of the plot."""
        self.page.js(
            "document.querySelector('.footprint-stage').dispatchEvent(new WheelEvent('wheel',"
            "{deltaY: arguments[0], clientX: 400, clientY: 300, cancelable: true, ...arguments[1]}))",
            turn,
            modifiers,
        )
        self.settle()

    def readout(self) -> Any:
        """What the chart says of the hovered or the last candle."""
        return self.page.js("return window.chart.readout()")

    def visible(self) -> Any:
        """The visible range."""
        return self.page.js("return window.chart.visible()")

    def painted(self, what: str) -> float:
        """A figure of the paintings so far."""
        figure: float = self.visible()["painted"][what]
        return figure

    def badge(self) -> str:
        """What the chart says of its source."""
        return self.page.text(".footprint-badge:not([hidden])")

    def pixels(self) -> str:
        """What the canvas of the cells shows, to be compared."""
        picture: str = self.page.js("return document.querySelector('.footprint-cells').toDataURL()")
        return picture

    def colors(self) -> int:
        """How many colors the canvas of the cells has, which is 1 where nothing is drawn."""
        count: int = self.page.js(_COLORS)
        return count


def exact(text: str) -> Any:
    """A message of the socket with every number as an exact decimal."""
    return json.loads(text, parse_float=Decimal, parse_int=Decimal)


def ladder_rows(number: int) -> list[Row]:
    return [(107 + number % 3 - level, 1 + level, 2 + number, 3) for level in range(8)]
