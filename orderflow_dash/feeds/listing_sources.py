"""How each venue tells what it lists, its tickers and its time."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Protocol

from orderflow_dash.exchanges.binance import rest as binance_rest
from orderflow_dash.exchanges.binance.stream import BinanceProtocol, market_stream_url
from orderflow_dash.exchanges.bybit import rest as bybit_rest
from orderflow_dash.exchanges.protocol import Event, Instruments, ListingChanged, TickerBatch
from orderflow_dash.feeds.connection import Connection, ConnectionPolicy
from orderflow_dash.feeds.rest import RestClient, RestError
from orderflow_dash.market import Instrument, Ticker, Venue

log = logging.getLogger(__name__)

_MOST_PAGES = 20
_BAD_REQUEST = 400
_TIME_S = 3.0  # an answer that takes longer tells too little, and a frame may wait for it
Report = Callable[[list[Ticker]], None]


class ListingState(Protocol):
    """What a feed asks about the listing of its symbols. Costs little; called at will."""

    def absence(self, symbol: str) -> str:
        """A sentence where the venue no longer lists a symbol; empty where it does."""

    def doubt(self, symbol: str) -> None:
        """A symbol is silent out of its rhythm, or refused."""


class ListingSource(Protocol):
    """How one venue tells instruments and tickers. Its requests raise RestError or ValueError.

    ``absent``: of the last load, perpetuals that are not to be traded now, with the venue's status.
    ``reload_s``: how soon the listing may have changed without an announcement.
    """

    poll_s: float

    @property
    def reload_s(self) -> float:
        """Seconds from one load to the next."""

    @property
    def absent(self) -> Mapping[str, str]:
        """Status by symbol."""

    def load(self) -> dict[str, Instrument]:
        """All tradable perpetuals by symbol."""

    def poll(self, report: Report) -> None:
        """Tickers, all or some; called every ``poll_s`` seconds while somebody looks."""

    def watch(self, report: Report | None) -> None:
        """Begin (or with None end) live tickers, where the venue has them for all symbols at once."""

    def attend(self, changed: Callable[[], None]) -> None:
        """Call this whenever the venue announces a change of its listing. Begun once, after a load."""

    def status_of(self, symbol: str) -> str:
        """The venue's status of a symbol that it does not list; empty where it knows none."""

    def time(self) -> int:
        """The venue's clock now, ms."""

    def close(self) -> None:
        """Release what it holds; nothing is asked after that."""


class BinanceListing:
    """Instruments, funding and first tickers by REST, live tickers by the array streams.

    Open interest is told one symbol a request, so it comes round by round. One connection carries the
    announcements of the listing, and the array streams while somebody looks.
    """

    poll_s = 1.0
    _RELOAD_S = 300.0  # beside the announcements
    _PENDING_S = 40.0  # while a contract waits for its first trade
    _FULL_EVERY = 60  # polls between two full reads: 40 + 10 of 2,400 weight a minute
    _OPEN_INTEREST_A_POLL = 4

    def __init__(
        self,
        venue: Venue,
        rest: RestClient,
        ws_root: str,
        policy: ConnectionPolicy,
        instruments: dict[str, Instrument],
    ) -> None:
        self._venue = venue
        self._rest = rest
        self._url = market_stream_url(ws_root)
        self._policy = policy
        self._instruments = instruments
        self._connection: Connection | None = None
        self._changed: Callable[[], None] | None = None
        self._absent: Mapping[str, str] = {}
        self._report: Report | None = None
        self._polls = 0
        self._round: list[str] = []

    @property
    def reload_s(self) -> float:
        """Sooner while a contract is about to trade: the announcement may be missed."""
        return self._PENDING_S if binance_rest.PENDING in self._absent.values() else self._RELOAD_S

    @property
    def absent(self) -> Mapping[str, str]:
        """Status by symbol."""
        return self._absent

    def load(self) -> dict[str, Instrument]:
        """From exchangeInfo."""
        page = binance_rest.parse_instruments(self._venue, self._rest.get(binance_rest.INSTRUMENTS_PATH))
        self._absent = page.absent
        if page.listed.keys() - self._instruments.keys():
            self._polls = 0  # a new symbol has no price yet
        return page.listed

    def poll(self, report: Report) -> None:
        """A full read at first and once a minute, else the open interest of the next few symbols."""
        if self._polls % self._FULL_EVERY == 0:
            report(binance_rest.parse_tickers(self._rest.get(binance_rest.TICKERS_PATH)))
            report(binance_rest.parse_funding(self._rest.get(binance_rest.FUNDING_PATH)))
            self._polls += 1  # only now: a full read that failed is due again
            return
        self._polls += 1
        for _ in range(self._OPEN_INTEREST_A_POLL):
            if not self._round:
                self._round = list(self._instruments)
            if self._round:
                self._poll_open_interest(self._round.pop(), report)

    def _poll_open_interest(self, symbol: str, report: Report) -> None:
        try:
            body = self._rest.get(binance_rest.OPEN_INTEREST_PATH, {"symbol": symbol})
        except RestError as error:
            if error.status == _BAD_REQUEST:
                return  # a symbol that was delisted since: no fault of the venue
            raise
        report(binance_rest.parse_open_interest(body))

    def watch(self, report: Report | None) -> None:
        """The ``!ticker@arr`` and ``!markPrice@arr`` streams."""
        self._report = report
        if report is not None:
            self._open().add(BinanceProtocol.board_topics)
        elif self._connection is not None:
            self._connection.remove(BinanceProtocol.board_topics)
            if not self._connection.topics:
                self._close_connection()

    def attend(self, changed: Callable[[], None]) -> None:
        """The ``!contractInfo`` stream."""
        self._changed = changed
        self._open().add([BinanceProtocol.listing_topic])

    def status_of(self, symbol: str) -> str:
        """From the last exchangeInfo: it names every contract that it knows."""
        return self._absent.get(symbol, "")

    def _open(self) -> Connection:
        if self._connection is None:
            name = f"{self._venue}-tickers"
            self._connection = Connection(self._url, self._protocol, self, self._policy, name=name)
            self._connection.start()
        return self._connection

    def _close_connection(self) -> None:
        if self._connection is not None:
            self._connection.stop(wait=0)
            self._connection = None

    def time(self) -> int:
        """One request of weight 1."""
        return binance_rest.parse_time(self._rest.get(binance_rest.TIME_PATH, deadline=_TIME_S))

    def close(self) -> None:
        """End the connection and the REST client."""
        self._report = None
        self._close_connection()
        self._rest.close()

    def _protocol(self) -> BinanceProtocol:
        return BinanceProtocol(self._instruments)

    # ConnectionHandler

    def on_event(self, connection: Connection, event: Event) -> None:  # noqa: ARG002
        """Tickers go to the board; an announcement makes the directory load."""
        if isinstance(event, ListingChanged) and self._changed is not None:
            self._changed()
        if isinstance(event, TickerBatch) and self._report is not None:
            self._report(event.tickers)

    def on_malformed(self, reason: str) -> None:
        """A ticker that cannot be read is the next one's loss; the table keeps the last."""
        log.debug("%s: skipped a ticker frame: %s", self._venue, reason)

    def on_lost(self, connection: Connection) -> None:
        """The table keeps what it has."""

    def on_aged(self, connection: Connection) -> None:
        """The venue's cut does no harm here."""


class BybitListing:
    """Instruments page by page; one request tells the tickers of all symbols."""

    poll_s = 2.0
    reload_s = 40.0  # no stream announces a change
    # The plain request gives what trades; the rest has to be asked for by its status.
    _ENDED = "", "Delivering", "Closed", bybit_rest.PRE_LAUNCH

    def __init__(self, venue: Venue, rest: RestClient) -> None:
        self._venue = venue
        self._rest = rest
        self._absent: Mapping[str, str] = {}

    @property
    def absent(self) -> Mapping[str, str]:
        """Status by symbol."""
        return self._absent

    def load(self) -> dict[str, Instrument]:
        """From instruments-info, all pages, and those of contracts before their launch."""
        found = self._pages()
        try:
            early = self._pages(status=bybit_rest.PRE_LAUNCH)
        except ValueError as error:  # a server that does not know the status
            log.info("%s: no contracts before their launch: %s", self._venue, error)
            early = Instruments({}, {})
        self._absent = {**early.absent, **found.absent}
        return {**early.listed, **found.listed}

    def _pages(self, **more: str) -> Instruments:
        found = Instruments({}, {})
        cursor = ""
        for _ in range(_MOST_PAGES):
            query: dict[str, str | int] = {"category": "linear", "limit": 1000, "cursor": cursor, **more}
            body = self._rest.get(bybit_rest.INSTRUMENTS_PATH, query)
            page = bybit_rest.parse_instruments(self._venue, body)
            found.listed.update(page.listed)
            found.absent.update(page.absent)
            cursor = page.cursor
            if not cursor:
                break
        return found

    def poll(self, report: Report) -> None:
        """All tickers."""
        report(bybit_rest.parse_tickers(self._rest.get(bybit_rest.TICKERS_PATH, {"category": "linear"})))

    def watch(self, report: Report | None) -> None:
        """Polling is live enough."""

    def attend(self, changed: Callable[[], None]) -> None:
        """Nothing announces a change."""

    def status_of(self, symbol: str) -> str:
        """One request for each status that a contract can have, until one gives it."""
        if symbol in self._absent:
            return self._absent[symbol]
        for status in self._ENDED:
            query: dict[str, str | int] = {"category": "linear", "symbol": symbol}
            if status:
                query["status"] = status
            try:
                page = bybit_rest.parse_instruments(
                    self._venue, self._rest.get(bybit_rest.INSTRUMENTS_PATH, query)
                )
            except ValueError:  # the venue refuses a symbol that it does not know
                continue
            if symbol in page.absent:
                return page.absent[symbol]
        return ""

    def time(self) -> int:
        """One request."""
        return bybit_rest.parse_time(self._rest.get(bybit_rest.TIME_PATH, deadline=_TIME_S))

    def close(self) -> None:
        """End the REST client."""
        self._rest.close()
