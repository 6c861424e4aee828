"""Reconciliation: every closed minute of every streaming symbol against the venue's own kline.

One thread per venue, with few requests: all waiting minutes of a symbol go into one request, a symbol is
requested at most once in ``every`` seconds, requests keep ``spacing`` apart, and none is made while backfills
need the venue's budget. Pauses after 403, 418 and 429 apply to everything that shares the venue's RestClient.

A verdict is never a guess. A minute with a gap is not compared. A partial minute, in which the feed started,
can be verified (nothing had traded in it before) but not found to differ. A difference counts only after two
requests, ``every`` seconds apart, returned the same two figures: a kline may not be final yet, or a trade
still under way. A failed request only delays. Where a venue's ids cannot prove that no trade is missing, a
minute without trades is compared with its kline in the same way.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Protocol

import httpx

from orderflow_dash.feeds.clock import VenueClock
from orderflow_dash.feeds.kline_rules import may_lack_rpi
from orderflow_dash.feeds.klines import REQUESTS_TO_LEARN, TRADES_OF_A_REQUEST, KlineSource
from orderflow_dash.feeds.rest import RestError
from orderflow_dash.market import MINUTE_MS, Difference, Instrument, Kline, Venue, Verdict
from orderflow_dash.runtime.backoff import Backoff
from orderflow_dash.runtime.threads import SupervisedThread

log = logging.getLogger(__name__)

_TICK_S = 0.2
SETTLE_S = 3.0
_ATTEMPTS = 5  # requests that may return no kline for a minute
_LATER_S = 900.0  # until a minute that could not be compared is retried, if it is still there
_BACKOFF_S = 2.0, 60.0

_TOO_EXPENSIVE = REQUESTS_TO_LEARN, 0

VERIFIED, DIFFERING, UNVERIFIABLE = "verified", "differing", "unverifiable"


class Minutes(Protocol):
    """One symbol's minutes; every call is brief and thread-safe."""

    @property
    def instrument(self) -> Instrument:
        """Its grid has the units."""

    @property
    def revision(self) -> int:
        """Increases with every change."""

    def oldest(self) -> int:
        """Open (ms) of the oldest minute kept."""

    def changed(self, since: int) -> tuple[int, list[int]]:
        """The revision, and opens (ms) of the minutes that may have changed since one, old to new."""

    def sort_out(self, opens: Collection[int]) -> tuple[list[int], list[int]]:
        """Of these: the minutes not compared yet, and the ones with a gap, which cannot be."""

    def judge(self, opens: Collection[int], rule: Callable[[Kline, bool], Verdict]) -> None:
        """Set the verdict that ``rule`` returns for each minute's kline and whether it is whole."""

    def around(self, open_ts: int) -> tuple[int, int] | None:
        """Opens of the minutes before and after one without trades; None if it has trades or a gap."""

    def lose(self, open_ts: int) -> None:
        """Mark the trades of such a minute as missing."""


@dataclass(frozen=True, slots=True)
class ReconcilePolicy:
    """Limits on requests, in seconds."""

    every: float = 15.0  # between two requests of one symbol
    settle: float = SETTLE_S  # after a minute's end: trades may be under way, its kline not final
    spacing: float = 0.2  # between any two requests of the venue
    learn_every: float = 60.0  # between two attempts to detect what the venue's klines count


@dataclass(slots=True)
class _Waiting:
    due: float  # monotonic
    attempts: int = 0
    doubt: tuple[Kline, Kline] | None = None  # candle and kline that differed
    examined: bool = False  # used to detect the venue's basis


@dataclass(slots=True, eq=False)
class _Symbol:
    """State of one symbol's reconciliation."""

    book: Minutes
    backoff: Backoff
    revision: int = -1
    newest: int = 0  # open of the newest minute
    changed_at: float = 0.0  # monotonic
    rested: bool = False  # the newest minute was queued since
    next_request: float = 0.0
    waiting: dict[int, _Waiting] = field(default_factory=dict)
    outcomes: dict[int, str] = field(default_factory=dict)
    absent: dict[int, Kline] = field(default_factory=dict)  # with volume, of minutes without trades here

    def due(self, now: float) -> list[int]:
        """Opens of the minutes to request now."""
        if now < self.next_request:
            return []
        return sorted(open_ts for open_ts, each in self.waiting.items() if each.due <= now)


class Reconciler:
    """Compares one venue's minutes with its klines until stopped. Owns one thread."""

    def __init__(
        self, venue: Venue, source: KlineSource, policy: ReconcilePolicy, clock: VenueClock | None = None
    ) -> None:
        self.venue = venue
        self._source = source
        self._policy = policy
        self._clock = clock or VenueClock()
        self._backoff = Backoff(*_BACKOFF_S)
        self._symbols: dict[Minutes, _Symbol] = {}
        self._counts: Counter[str] = Counter()
        self._detail = ""
        self._resume_at = 0.0
        self._learn_at = 0.0
        self._stop = threading.Event()
        self._thread: SupervisedThread | None = None

    def start(self, streaming: Callable[[], Collection[Minutes]]) -> None:
        """Start its thread; ``streaming`` returns the minutes of every symbol that streams now."""
        self._thread = SupervisedThread(
            lambda: self._run(streaming), name=f"{self.venue}-reconcile", stopping=self._stop
        )
        self._thread.start()

    def stop(self, wait: float = 0.5) -> None:
        """Stop; a request under way is waited for ``wait`` seconds at most."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(wait)

    def health(self) -> dict[str, object]:
        """Minutes by outcome since the start, how many wait, and the volume that klines count."""
        symbols = list(self._symbols.values())
        return {
            **{outcome: self._counts[outcome] for outcome in (VERIFIED, DIFFERING, UNVERIFIABLE)},
            "waiting": sum(len(symbol.waiting) for symbol in symbols),
            "basis": self._source.basis,
            "detail": self._detail,
        }

    # -- the loop ----------------------------------------------------------------------------

    def _run(self, streaming: Callable[[], Collection[Minutes]]) -> None:
        while not self._stop.is_set():
            has_asked = self.turn(streaming(), time.monotonic(), self._clock.now())
            self._stop.wait(self._policy.spacing if has_asked else _TICK_S)

    def turn(self, books: Collection[Minutes], now: float, venue_ms: int) -> bool:
        """Queue new minutes, and make at most one request; returns whether one was made.

        ``now`` is monotonic (s), ``venue_ms`` the venue's clock.
        """
        self._symbols = {book: self._symbols.get(book) or self._new_symbol(book) for book in books}
        for symbol in self._symbols.values():
            self._look(symbol, now, venue_ms)
        if now < self._resume_at or self._source.is_busy():
            return False
        ready = [(min(symbol.waiting[open_ts].due for open_ts in due), symbol, due)
                 for symbol in self._symbols.values() if (due := symbol.due(now))]  # fmt: skip
        if not ready:
            return False
        _, symbol, due = min(ready, key=lambda each: each[0])
        self._ask(symbol, due, now)
        return True

    def _new_symbol(self, book: Minutes) -> _Symbol:
        return _Symbol(book, Backoff(self._policy.every, max(self._policy.every, 300.0)))

    def _look(self, symbol: _Symbol, now: float, venue_ms: int) -> None:
        """Queue the minutes that have closed or changed."""
        policy = self._policy
        if symbol.book.revision != symbol.revision:
            symbol.revision, opens = symbol.book.changed(symbol.revision)
            symbol.changed_at, symbol.rested = now, False
            if opens:
                symbol.newest = opens[-1]
                self._queue(symbol, opens[:-1], now + policy.settle)
        elif (
            not symbol.rested
            and now - symbol.changed_at >= policy.settle
            and venue_ms >= symbol.newest + MINUTE_MS + policy.settle * 1000
        ):
            # No newer trade has closed it, but it has ended by the venue's clock, with nothing under way.
            symbol.rested = True
            self._queue(symbol, [symbol.newest], now)

    def _queue(self, symbol: _Symbol, opens: list[int], due: float) -> None:
        comparable, broken = symbol.book.sort_out(opens)
        for open_ts in comparable:
            symbol.waiting.setdefault(open_ts, _Waiting(due))
        for open_ts in broken:
            symbol.waiting.pop(open_ts, None)
            self._conclude(symbol, open_ts, UNVERIFIABLE)
        oldest = symbol.book.oldest()
        for known in (symbol.waiting, symbol.outcomes, symbol.absent):
            for open_ts in [each for each in known if each < oldest]:
                del known[open_ts]

    def _conclude(self, symbol: _Symbol, open_ts: int, outcome: str) -> None:
        before = symbol.outcomes.get(open_ts)
        if before is not None:
            self._counts[before] -= 1
        symbol.outcomes[open_ts] = outcome
        self._counts[outcome] += 1

    # -- one request -------------------------------------------------------------------------

    def _ask(self, symbol: _Symbol, due: list[int], now: float) -> None:
        """Compare the due minutes that fit in one request."""
        # With the minute before: a venue may open a kline at its close.
        first = due[0] - MINUTE_MS
        if self._source.proves_loss:  # and with the minutes without trades before that
            around = symbol.book.around(first)
            first = first if around is None else max(around[0], first - self._source.most // 2 * MINUTE_MS)
        last = min(due[-1], first + (self._source.most - 1) * MINUTE_MS)
        symbol.next_request = now + self._policy.every
        try:
            klines = self._source.fetch(symbol.book.instrument, first, last)
            self._detail = ""
            self._backoff.reset()
            symbol.backoff.reset()
            self._compare(symbol, [open_ts for open_ts in due if open_ts <= last], klines, now)
            if self._source.proves_loss:
                self._look_for_losses(symbol, klines, now)
        except RestError as error:
            self._note_failure(symbol, str(error))
            symbol.next_request = now + symbol.backoff.next()
            if error.status != httpx.codes.BAD_REQUEST:  # which concerns one symbol: it was delisted
                self._resume_at = now + self._backoff.next()
        except ValueError as error:
            self._note_failure(symbol, str(error))
            symbol.next_request = now + symbol.backoff.next()

    def _note_failure(self, symbol: _Symbol, reason: str) -> None:
        if reason != self._detail:
            log.info("%s: no klines of %s: %s", self.venue, symbol.book.instrument.symbol, reason)
        self._detail = reason

    def _compare(self, symbol: _Symbol, opens: list[int], klines: list[Kline], now: float) -> None:
        comparison = _Comparison(self._source, symbol.waiting, {each.open_ts: each for each in klines})
        symbol.book.judge(opens, comparison.judge)
        for open_ts in opens:
            waiting, outcome = symbol.waiting[open_ts], comparison.outcomes.get(open_ts)
            waiting.attempts += 1
            is_done = outcome in (VERIFIED, DIFFERING) or open_ts in comparison.partial
            if outcome is None and (waiting.doubt is not None or waiting.attempts < _ATTEMPTS):
                waiting.due = now + self._policy.every
            else:
                self._conclude(symbol, open_ts, outcome or UNVERIFIABLE)
                waiting.due, waiting.attempts = now + _LATER_S, 0
            if is_done or open_ts not in comparison.seen:  # it left the window, or has a gap now
                del symbol.waiting[open_ts]
        self._learn(symbol, comparison, now)

    def _look_for_losses(self, symbol: _Symbol, klines: list[Kline], now: float) -> None:
        """Mark minutes with volume but without trades here; as any difference, only once confirmed."""
        for kline in klines:
            around = symbol.book.around(kline.open_ts) if kline.volume else None
            known = symbol.absent.pop(kline.open_ts, None)
            if around is None:
                continue
            if known == kline:
                symbol.book.lose(kline.open_ts)
            else:
                symbol.absent[kline.open_ts] = kline
                for open_ts in around:  # so that the next request covers it
                    symbol.waiting.setdefault(open_ts, _Waiting(now + self._policy.every))

    def _learn(self, symbol: _Symbol, comparison: _Comparison, now: float) -> None:
        """Detect what the venue's klines count from a suitable minute; rarely, because of its weight."""
        kline = comparison.sample
        if self._source.basis != "unknown" or kline is None or now < self._learn_at:
            return
        self._learn_at = now + self._policy.learn_every
        self._source.learn_basis(symbol.book.instrument, kline)
        if kline.open_ts in symbol.waiting:
            symbol.waiting[kline.open_ts].examined = True
        if self._leaves_rpi_out():
            # Apparent differences may only be fills that klines leave out.
            for each in self._symbols.values():
                for open_ts, outcome in each.outcomes.items():
                    if outcome == DIFFERING:
                        each.waiting[open_ts] = _Waiting(now)

    def _leaves_rpi_out(self) -> bool:
        return self._source.basis == "nq"


class _Comparison:
    """The verdicts of one request's klines."""

    def __init__(self, source: KlineSource, waiting: dict[int, _Waiting], klines: dict[int, Kline]) -> None:
        self.seen: set[int] = set()  # minutes here, without a gap
        self.partial: set[int] = set()  # of these, the partial ones that did not match
        self.outcomes: dict[int, str] = {}  # final ones
        self.sample: Kline | None = None  # of a minute from which the venue's basis may be detected
        self._price = _TOO_EXPENSIVE  # of detecting from it: requests, then trades (more are better)
        self._source = source
        self._waiting = waiting
        self._klines = klines

    def judge(self, candle: Kline, is_whole: bool) -> Verdict:
        """The verdict of a minute; None if there is none (yet)."""
        open_ts = candle.open_ts
        self.seen.add(open_ts)
        kline = self._klines.get(open_ts)
        if kline is None:
            return None
        waiting = self._waiting[open_ts]
        candle, kline, before = _on_one_grid(candle, kline, self._klines.get(open_ts - MINUTE_MS))
        difference = self._source.differs(candle, kline, before)
        if difference is None:
            waiting.doubt = None
            self.outcomes[open_ts] = VERIFIED
            trades = candle.count or 0
            price = trades // TRADES_OF_A_REQUEST, -trades
            if price < self._price:
                self.sample, self._price = kline, price
            return True
        if not is_whole:
            self.partial.add(open_ts)
            self.outcomes[open_ts] = UNVERIFIABLE
            return None
        return self._doubt(candle, kline, difference, waiting)

    def _doubt(self, candle: Kline, kline: Kline, difference: Difference, waiting: _Waiting) -> Verdict:
        is_confirmed, waiting.doubt = waiting.doubt == (candle, kline), (candle, kline)
        if not is_confirmed:
            return None
        if may_lack_rpi(candle, kline):
            if self._source.basis == "nq":
                self.outcomes[candle.open_ts] = UNVERIFIABLE
                return None
            if self._source.basis == "unknown" and not waiting.examined:
                self.sample, self._price = kline, (-1, 0)  # the verdict of this one depends on it
                return None
        self.outcomes[candle.open_ts] = DIFFERING
        return difference


def _on_one_grid(candle: Kline, kline: Kline, before: Kline | None) -> tuple[Kline, Kline, Kline | None]:
    grid = candle.grid.common(kline.grid)
    if before is not None:
        grid = grid.common(before.grid)
    return candle.on(grid), kline.on(grid), None if before is None else before.on(grid)
