"""What a venue lists, whether it can be reached, and its tickers: one thread per venue."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from typing import Protocol

from ..exchanges import binance_rest, bybit_rest
from ..exchanges.binance import BinanceProtocol, market_stream_url
from ..exchanges.protocol import Event, TickerBatch
from ..market import Instrument, Ticker, Venue
from ..supervised import SupervisedThread
from .backoff import Backoff
from .board import TickerBoard
from .clock import VenueClock
from .connection import Connection, ConnectionPolicy
from .rest import RestClient, RestError

log = logging.getLogger(__name__)

_REFRESH_S = 1_800.0  # new listings
_INTEREST_S = 30.0  # tickers are kept live this long after somebody looked at them
_MOST_PAGES = 20
_BAD_REQUEST = 400
_CLOCK_S = 60.0
Report = Callable[[list[Ticker]], None]


class VenueListing(Protocol):
    """How one venue tells instruments and tickers. ``load`` and ``poll`` raise RestError or ValueError."""

    poll_s: float

    def load(self) -> dict[str, Instrument]:
        """All tradable perpetuals by symbol."""

    def poll(self, report: Report) -> None:
        """Tickers, all or some; called every ``poll_s`` seconds while somebody looks."""

    def watch(self, report: Report | None) -> None:
        """Begin (or with None end) live tickers, where the venue has them for all symbols at once."""

    def time(self) -> int:
        """The venue's clock now, ms."""

    def close(self) -> None:
        """Release what it holds; nothing is asked after that."""


class BinanceListing:
    """Instruments, funding and first tickers by REST, live tickers by the array streams.

    Open interest is told one symbol a request, so it comes round by round.
    """

    poll_s = 1.0
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
        self._report: Report | None = None
        self._polls = 0
        self._round: list[str] = []

    def load(self) -> dict[str, Instrument]:
        """From exchangeInfo."""
        return binance_rest.parse_instruments(self._venue, self._rest.get(binance_rest.INSTRUMENTS_PATH))

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
        if report is not None and self._connection is None:
            name = f"{self._venue}-tickers"
            self._connection = Connection(self._url, self._protocol, self, self._policy, name=name)
            self._connection.add(BinanceProtocol.board_topics)
            self._connection.start()
        elif report is None and self._connection is not None:
            self._connection.stop(wait=0)
            self._connection = None

    def time(self) -> int:
        """One request of weight 1."""
        return binance_rest.parse_time(self._rest.get(binance_rest.TIME_PATH))

    def close(self) -> None:
        """End the live tickers and the REST client."""
        self.watch(None)
        self._rest.close()

    def _protocol(self) -> BinanceProtocol:
        return BinanceProtocol(self._instruments)

    # ConnectionHandler

    def on_event(self, connection: Connection, event: Event) -> None:  # noqa: ARG002
        """Tickers go to the board."""
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

    def __init__(self, venue: Venue, rest: RestClient) -> None:
        self._venue = venue
        self._rest = rest

    def load(self) -> dict[str, Instrument]:
        """From instruments-info, all pages."""
        instruments: dict[str, Instrument] = {}
        cursor = ""
        for _ in range(_MOST_PAGES):
            body = self._rest.get(
                bybit_rest.INSTRUMENTS_PATH, {"category": "linear", "limit": 1000, "cursor": cursor}
            )
            page, cursor = bybit_rest.parse_instruments(self._venue, body)
            instruments.update(page)
            if not cursor:
                break
        return instruments

    def poll(self, report: Report) -> None:
        """All tickers."""
        report(bybit_rest.parse_tickers(self._rest.get(bybit_rest.TICKERS_PATH, {"category": "linear"})))

    def watch(self, report: Report | None) -> None:
        """Polling is live enough."""

    def time(self) -> int:
        """One request."""
        return bybit_rest.parse_time(self._rest.get(bybit_rest.TIME_PATH))

    def close(self) -> None:
        """End the REST client."""
        self._rest.close()


class Directory:
    """One venue's instruments, reachability and tickers, kept fresh by its own thread.

    ``instruments`` is one dict for life: it is filled in place, so whoever holds it sees new listings.
    ``clock`` gets the venue's time once a minute.
    """

    def __init__(
        self,
        venue: Venue,
        listing: VenueListing,
        board: TickerBoard,
        instruments: dict[str, Instrument],
        backoff: Backoff,
        clock: VenueClock | None = None,
    ) -> None:
        self.venue = venue
        self.instruments = instruments
        self.reachable = False  # whether the last attempt worked; what was listed before still counts
        self.detail = "not asked yet"
        self.answered = threading.Event()  # set after the first attempt, whatever it gave
        self._listing = listing
        self._board = board
        self._backoff = backoff
        self._clock = clock
        self._ask_time_at = 0.0
        self._stop = threading.Event()
        self._interest_until = 0.0
        self._watched = False
        self._thread = SupervisedThread(
            self._run,
            name=f"{venue}-directory",
            stopping=self._stop,
            backoff=backoff,
            on_crash=self._crashed,
        )

    def start(self) -> None:
        """Begin to load."""
        self._thread.start()

    def stop(self, wait: float = 0.5) -> None:
        """End; a request under way is waited for so many seconds and then left to end by itself."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(wait)

    def look(self) -> None:
        """Somebody looks at the tickers: keep them live for a while."""
        self._interest_until = time.monotonic() + _INTEREST_S

    def _run(self) -> None:
        try:
            self._keep_fresh()
        finally:
            if self._stop.is_set():  # else it begins again
                self._listing.close()

    def _keep_fresh(self) -> None:
        refresh_at = 0.0
        while not self._stop.is_set():
            now = time.monotonic()
            try:
                if now >= refresh_at:
                    self._load()
                    refresh_at = now + _REFRESH_S
                looked_at = now < self._interest_until
                if looked_at != self._watched:
                    self._listing.watch(self._report if looked_at else None)
                    self._watched = looked_at
                if looked_at:
                    self._listing.poll(self._report)
                if now >= self._ask_time_at:
                    self._ask_time_at = now + _CLOCK_S
                    self._ask_time()
                wait = self._listing.poll_s
                self._backoff.reset()
            except (RestError, ValueError) as error:
                wait, refresh_at = self._backoff.next(), 0.0
                self._note_failure(str(error))
            self.answered.set()
            self._stop.wait(wait)

    def _crashed(self, _error: BaseException, _wait: float) -> None:
        self._note_failure("internal error")
        self.answered.set()

    def _load(self) -> None:
        listed = self._listing.load()
        if not listed:
            raise ValueError("the venue lists no tradable perpetual")
        self.instruments.update(listed)
        for gone in self.instruments.keys() - listed.keys():
            del self.instruments[gone]
        if not self.reachable:
            log.info("%s: %d perpetuals", self.venue, len(listed))
        # The first read of the tickers comes with the listing: a default step needs a price.
        self._listing.poll(self._report)
        self.reachable, self.detail = True, ""

    def _ask_time(self) -> None:
        """Twice: the first question may have to open the connection, which takes time on our side alone."""
        if self._clock is None:
            return
        try:
            self._listing.time()
            asked = time.time() * 1000
            theirs = self._listing.time()
            self._clock.note(asked, time.time() * 1000, theirs)
        except (RestError, ValueError) as error:  # it is not known then, and that is all
            log.debug("%s: no time: %s", self.venue, error)

    def _report(self, tickers: list[Ticker]) -> None:
        self._board.update(self.venue, tickers, self.instruments)

    def _note_failure(self, reason: str) -> None:
        if reason != self.detail:
            log.warning("%s: %s", self.venue, reason)
        self.reachable, self.detail = False, reason
