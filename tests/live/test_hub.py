"""Who watches what: references, leases, shared views, and one encoding per change."""

from __future__ import annotations

import contextlib
import json
import threading
from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.exchanges.binance.stream import BinanceProtocol, market_stream_url
from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds.feed import Feed, StreamStatus
from orderflow_dash.feeds.sequencing import ContiguousIds, Known, TradeSink
from orderflow_dash.feeds.tickers import TickerBoard
from orderflow_dash.live.hub import Hub, Unavailable, UnknownSymbol, VenueLink
from orderflow_dash.live.view import SeriesStream, View, ViewKey
from orderflow_dash.live.watch_limits import WatchLimits
from orderflow_dash.market import MINUTE_MS, Instrument, State, Ticker, Timeframe, Trade, Venue
from orderflow_dash.runtime.client_limits import Client
from orderflow_dash.simulator import SimulatedExchange, SyntheticMarket
from orderflow_dash.web.query import QueryError, parse_view_query
from tests.conftest import wait_until
from tests.exchanges.frames import instrument
from tests.feeds.venue_server import QUICK
from tests.footprint.reference import START, ordered_trades, plain_candles, poc_of, wild_trades

NEAR, FAR = Client("192.0.2.1"), Client("192.0.2.2")
BTC, ETH = instrument("BTCUSDT", "0.1", "0.001"), instrument("ETHUSDT", "0.01", "0.001")


class Source:
    """Trades that a test gives by hand, through the real continuity."""

    def __init__(self) -> None:
        self.sinks: dict[str, TradeSink] = {}
        self.continuities: dict[str, ContiguousIds] = {}
        self.begun: list[str] = []
        self.ended: list[str] = []

    def subscribe(self, symbol: str, sink: TradeSink, known: Known | None = None) -> None:
        assert known is None
        assert symbol not in self.sinks
        self.sinks[symbol] = sink
        self.continuities[symbol] = ContiguousIds(sink)
        self.begun.append(symbol)

    def unsubscribe(self, symbol: str) -> None:
        del self.sinks[symbol], self.continuities[symbol]
        self.ended.append(symbol)

    def status(self, symbol: str) -> StreamStatus:
        return StreamStatus(State.LIVE if symbol in self.sinks else State.DISCONNECTED, "by hand", 5)

    def health(self) -> dict[str, object]:
        return {"state": "live", "gaps": 0}

    def give(self, *trades: Trade, symbol: str = "BTCUSDT") -> None:
        for trade in trades:
            self.continuities[symbol].receive(TradeBatch(symbol, [trade]))


class Listed:
    """A venue's list that a test sets."""

    def __init__(self, *instruments: Instrument) -> None:
        self.instruments = {each.symbol: each for each in instruments}
        self.reachable = bool(instruments)
        self.detail = "" if instruments else "connection refused"
        self.answered = threading.Event()
        self.answered.set()
        self.looks = 0
        self.refreshed: list[tuple[float, str]] = []
        self.about_to_list: dict[str, Instrument] = {}
        self.statuses: dict[str, str] = {}

    def look(self) -> None:
        self.looks += 1

    def refresh(self, wait_s: float = 0.0, symbol: str = "") -> None:
        self.refreshed.append((wait_s, symbol))
        self.instruments.update(self.about_to_list)

    def status_of(self, symbol: str) -> str:
        return self.statuses.get(symbol, "")


class Setting:
    """A hub on sources by hand, with a clock that stands still."""

    def __init__(self, **options) -> None:
        self.now = 1_000.0
        self.source, self.listed, self.board = Source(), Listed(BTC, ETH), TickerBoard()
        links = {
            Venue.BINANCE: VenueLink(self.listed, self.source),
            Venue.BYBIT: VenueLink(Listed(), Source()),
        }
        timing = {"grace_s": 30, "lease_s": 15, "clock": lambda: self.now}
        self.hub = Hub(links, self.board, **(timing | options))

    def later(self, seconds: float) -> None:
        """Time passes, and the sweeper comes round."""
        self.now += seconds
        self.hub.sweep()

    @property
    def counts(self) -> tuple[int, int, int]:
        """Series, views and leases that are held."""
        health = self.hub.health()
        return health["series"], health["views"], health["leases"]


@pytest.fixture
def setting() -> Setting:
    """A hub at rest."""
    return Setting()


def key(symbol: str = "BTCUSDT", timeframe: Timeframe = Timeframe.M1, step: int = 1) -> ViewKey:
    """A view of Binance."""
    return ViewKey(Venue.BINANCE, symbol, timeframe, step * BTC.tick)


def at(number: int, minute: int = 0, quantity: int = 5, price: int = 1_000) -> Trade:
    """A trade of a minute; ids and times rise together."""
    return (START + minute * MINUTE_MS + number, number, price, quantity)


def parsed(messages: list[str]) -> list[dict]:
    """Candles of delta messages."""
    return [json.loads(message, parse_float=Decimal)["candle"] for message in messages]


def test_a_stream_runs_while_it_is_watched_and_for_the_grace_period(setting):
    """It starts with the first watcher and ends only so long after the last."""
    with setting.hub.watch(key()), setting.hub.watch(key()):
        assert setting.source.begun == ["BTCUSDT"]
        setting.later(1_000)
    assert setting.counts == (1, 0, 0)
    setting.later(29)
    assert not setting.source.ended
    setting.later(2)
    assert setting.source.ended == ["BTCUSDT"]
    assert setting.counts == (0, 0, 0)


def test_a_watcher_within_the_grace_period_finds_what_was_there(setting):
    """The series goes on, and its idle time starts over."""
    with setting.hub.watch(key()):
        setting.source.give(at(1))
    setting.later(25)
    with setting.hub.watch(key()) as view:
        assert view.candles(10)[0].n == 1
        setting.later(100)
    setting.later(29)
    assert not setting.source.ended


def test_after_the_release_a_stream_begins_anew(setting):
    """Nothing of the old one is shown."""
    with setting.hub.watch(key()):
        setting.source.give(at(1))
    setting.later(31)
    with setting.hub.watch(key()) as view:
        assert setting.source.begun == ["BTCUSDT"] * 2
        assert view.candles(10) == []
        assert view.cvd_from is None


def test_a_watcher_that_fails_gives_its_reference_back(setting):
    """Whatever happens inside."""
    with contextlib.suppress(ZeroDivisionError), setting.hub.watch(key()):
        raise ZeroDivisionError
    assert setting.counts == (1, 0, 0)
    setting.later(31)
    assert setting.source.ended == ["BTCUSDT"]


def test_a_lease_ends_unless_it_is_renewed(setting):
    """A closed tab is forgotten after the lease, its stream after the grace period."""
    view = setting.hub.lease("tab", key())
    for _ in range(5):
        setting.later(14)
        assert setting.hub.lease("tab", key()) is view
        setting.later(14)
        assert setting.hub.renewed("tab", key()) is view
    assert setting.counts == (1, 1, 1)
    setting.later(16)
    assert setting.hub.renewed("tab", key()) is None
    assert setting.counts == (1, 0, 0)
    setting.later(31)
    assert setting.source.ended == ["BTCUSDT"]
    assert setting.source.begun == ["BTCUSDT"]


def test_a_holder_has_one_lease(setting):
    """Asking for another view gives the old one back; a release is idempotent."""
    setting.hub.lease("tab", key())
    setting.hub.lease("tab", key("ETHUSDT"))
    assert setting.counts == (2, 1, 1)
    setting.later(14)
    assert setting.hub.renewed("tab", key("ETHUSDT", step=2)) is None
    setting.hub.lease("tab", key("ETHUSDT", step=2))
    setting.later(14)
    assert setting.counts == (2, 1, 1)
    setting.later(3)
    assert setting.source.ended == ["BTCUSDT"]
    setting.hub.release("tab")
    setting.hub.release("tab")
    setting.hub.release("nobody")
    assert setting.counts == (1, 0, 0)


def test_a_lease_that_is_refused_keeps_the_old_one(setting):
    """An unknown symbol changes nothing for its holder."""
    view = setting.hub.lease("tab", key())
    with pytest.raises(UnknownSymbol):
        setting.hub.lease("tab", key("NOPEUSDT"))
    assert setting.hub.lease("tab", key()) is view
    assert setting.counts == (1, 1, 1)


def test_all_who_ask_for_the_same_share_one_view(setting):
    """By reference or by lease; another step or timeframe is another view of the same series."""
    with setting.hub.watch(key()) as one, setting.hub.watch(key()) as two:
        assert one is two is setting.hub.lease("tab", key())
        with setting.hub.watch(key(step=5)) as other:
            assert other is not one
            assert setting.counts == (1, 2, 1)
        assert setting.counts == (1, 1, 1)
    assert setting.counts == (1, 1, 1)


def test_each_change_is_encoded_once_however_many_ask(setting):
    """Snapshots and deltas of all clients are made of the same texts."""
    with setting.hub.watch(key()) as view:
        setting.source.give(at(1), at(2, 1), at(3, 2))
        first = [view.snapshot(30) for _ in range(5)]
        assert view.encodings == 3
        setting.source.give(at(4, 2))
        told = [view.deltas(revision, oldest) for _, revision, oldest in first]
        assert view.encodings == 4
        assert len({messages[0] for messages, _ in told}) == 1
        assert all(message is told[0][0][0] for messages, _ in told for message in messages)
        view.snapshot(30)
        view.candles(30)
        assert view.encodings == 4


def test_nothing_is_sent_when_nothing_changed(setting):
    """The same revision gives no message."""
    with setting.hub.watch(key()) as view:
        setting.source.give(at(1))
        _, revision, oldest = view.snapshot(30)
        assert view.deltas(revision, oldest) == ([], revision)
        assert view.revision() == revision
        setting.source.give(at(1))  # a repeat
        assert view.deltas(revision, oldest) == ([], revision)


def test_the_closing_candle_comes_final_before_the_next(setting):
    """Old to new, the just-closed one with ``closed`` true."""
    with setting.hub.watch(key()) as view:
        setting.source.give(at(1))
        _, revision, oldest = view.snapshot(30)
        setting.source.give(at(2), at(3, 1))
        messages, revision = view.deltas(revision, oldest)
        assert [(c["open_ts"], c["closed"], c["n"]) for c in parsed(messages)] == [
            (START, True, 2),
            (START + MINUTE_MS, False, 1),
        ]
        setting.source.give(at(4, 1))
        assert [c["open_ts"] for c in parsed(view.deltas(revision, oldest)[0])] == [START + MINUTE_MS]


def test_candles_that_a_client_was_never_told_of_stay_untold(setting):
    """A late trade in an older candle sends only those within the client's own range."""
    with setting.hub.watch(key()) as view:
        setting.source.give(*[at(10 * n, n) for n in range(1, 6)])
        _, revision, oldest = view.snapshot(2)
        assert oldest == START + 4 * MINUTE_MS
        setting.source.give(at(11, 1))
        messages, _ = view.deltas(revision, oldest)
        assert [c["open_ts"] for c in parsed(messages)] == [START + 4 * MINUTE_MS, START + 5 * MINUTE_MS]


def test_late_trades_that_tell_of_new_candles_keep_the_order(setting):
    """Between two looks: one late trade in a known candle, another in a minute that was empty."""
    with setting.hub.watch(key()) as view:
        give = setting.source.sinks["BTCUSDT"].on_trades
        give([at(1, 1), at(5, 5)])
        text, revision, _ = view.snapshot(30)
        give([at(2, 1)])
        give([at(3, 3)])
        messages, _ = view.deltas(revision, 0)
        assert [c["open_ts"] // MINUTE_MS - START // MINUTE_MS for c in parsed(messages)] == [1, 3, 5]
        opens = [candle.open_ts for candle in view.candles(30)]
        assert opens == sorted(opens)
        assert text != view.snapshot(30)[0]


def test_a_view_built_so_often_and_no_more_loses_nothing():
    """Within the coalescing time deltas wait; the next one holds them all."""
    setting = Setting(coalesce_s=1_000.0)
    with setting.hub.watch(key()) as view:
        setting.source.give(at(1))
        _, revision, oldest = view.snapshot(30)
        setting.source.give(at(2))
        messages, revision = view.deltas(revision, oldest)
        assert [c["n"] for c in parsed(messages)] == [2]
        setting.source.give(at(3), at(4, 1))
        assert view.deltas(revision, oldest) == ([], revision)
        view._next_build = 0.0
        messages, _ = view.deltas(revision, oldest)
        assert [(c["n"], c["closed"]) for c in parsed(messages)] == [(3, True), (1, False)]


@given(wild_trades, st.sampled_from(Timeframe), st.sampled_from([1, 3]), st.data())
def test_a_client_that_follows_deltas_has_what_a_late_joiner_gets(trades, timeframe, step, data):
    """Snapshot plus deltas, whenever they are asked for, equal a snapshot taken at the end."""
    source = Source()
    stream = SeriesStream(BTC, source, window=data.draw(st.sampled_from([1, 500])))
    view = View(ViewKey(Venue.BINANCE, "BTCUSDT", timeframe, step * BTC.tick), stream)
    following: dict[int, dict] = {}
    revision, oldest, joined = 0, 0, False
    for trade in trades:
        stream.on_trades([trade])
        action = data.draw(st.sampled_from(["nothing", "deltas", "deltas", "hole"]))
        if not joined and data.draw(st.booleans()):
            text, revision, _ = view.snapshot(500)
            following = {c["open_ts"]: c for c in json.loads(text, parse_float=Decimal)["candles"]}
            joined = True
        elif joined and action == "deltas":
            messages, revision = view.deltas(revision, oldest)
            following.update({c["open_ts"]: c for c in parsed(messages)})
        elif action == "hole":
            with stream.lock:
                stream.series.open_hole(trade[0], trade[0])
    messages, _ = view.deltas(revision, oldest)
    following.update({c["open_ts"]: c for c in parsed(messages)})
    late = View(view.key, stream)
    end = json.loads(late.snapshot(500)[0], parse_float=Decimal)
    opens = [c["open_ts"] for c in end["candles"]]
    assert opens == sorted(opens)
    assert end["candles"] == [following[open_ts] for open_ts in opens]
    assert json.loads(view.snapshot(500)[0], parse_float=Decimal)["candles"] == end["candles"]


@given(ordered_trades(most=30), st.sampled_from([1, 4, 5]))
def test_what_a_client_reads_is_what_the_definitions_give(trades, step):
    """From raw trades to the numbers in the message, in decimal arithmetic."""
    stream = SeriesStream(BTC, Source(), 500)
    stream.on_trades(trades)
    view = View(ViewKey(Venue.BINANCE, "BTCUSDT", Timeframe.M5, step * BTC.tick), stream)
    message = json.loads(view.snapshot(500)[0], parse_float=Decimal)
    plain = plain_candles(trades, Timeframe.M5.ms, step)
    assert message["cvd_from"] == next(iter(plain))
    cvd = 0
    for candle, (open_ts, expected) in zip(message["candles"], plain.items(), strict=True):
        cvd += expected.running[-1]
        assert candle["open_ts"] == open_ts
        assert candle["delta"] == expected.running[-1] * BTC.lot == candle["ask"] - candle["bid"]
        assert candle["cvd"] == cvd * BTC.lot
        assert candle["min_delta"] == min(expected.running) * BTC.lot
        assert candle["max_delta"] == max(expected.running) * BTC.lot
        assert candle["poc"] == poc_of(expected.levels) * BTC.tick
        assert candle["high"] == max(expected.prices) * BTC.tick
        assert [(level["p"], level["bid"], level["ask"], level["n"]) for level in candle["levels"]] == [
            (price * BTC.tick, bid * BTC.lot, ask * BTC.lot, n)
            for price, (bid, ask, n) in sorted(expected.levels.items(), reverse=True)
        ]


def test_holes_are_marked_and_unmarked(setting):
    """A gap is told while trades are missing, and no longer when they have come."""
    with setting.hub.watch(key()) as view:
        setting.source.give(at(1), at(2, 1), at(4, 1))
        assert [c.quality.value for c in view.candles(9)] == ["partial", "gap"]
        _, revision, oldest = view.snapshot(9)
        setting.source.give(at(3, 1))
        messages, _ = view.deltas(revision, oldest)
        assert [(c["quality"], c["n"]) for c in parsed(messages)] == [("complete", 3)]
        assert setting.hub.health()["feeds"]["binance"]["late"] == 1


def test_old_candles_leave_view_and_window_together():
    """Memory holds the newest candles only, in every view."""
    setting = Setting(window=60)
    with setting.hub.watch(key()) as view, setting.hub.watch(key(timeframe=Timeframe.H1)) as hours:
        for n in range(300):
            setting.source.give(at(n, n))
            view.candles(1)
            hours.candles(1)
        assert len(view.candles(500)) == len(view._entries) == 60
        assert [c.open_ts for c in hours.candles(500)] == [START + 240 * MINUTE_MS]
        assert view.cvd_from == START
        assert view.candles(1)[0].cvd == 300 * 5


def test_status_is_the_streams_own(setting):
    """The view tells it as the socket does."""
    with setting.hub.watch(key()) as view:
        status = view.status()
        assert status == StreamStatus(State.LIVE, "by hand", 5)
        message = json.loads(view.status_message(status))
        assert (message["type"], message["state"], message["detail"]) == ("status", "live", "by hand")


def test_what_is_not_there_is_told_in_words(setting):
    """Unknown symbol, venue out of reach, venue not served: three different answers."""
    hub = setting.hub
    assert hub.instrument(Venue.BINANCE, "BTCUSDT") == BTC
    with pytest.raises(UnknownSymbol, match='Binance lists no perpetual "NOPE"; it lists BTCUSDT'):
        hub.instrument(Venue.BINANCE, "NOPE")
    with pytest.raises(Unavailable, match="Bybit cannot be reached: connection refused"):
        hub.instrument(Venue.BYBIT, "BTCUSDT")
    with pytest.raises(Unavailable, match=r"Demo \(simulated\) is not served here; served: Binance, Bybit"):
        hub.instrument(Venue.DEMO, "BTCUSDT")
    with pytest.raises(UnknownSymbol), hub.watch(key("NOPE")):
        pytest.fail("nothing to watch")
    assert setting.counts == (0, 0, 0)
    assert hub.instruments() == [BTC, ETH]
    assert [(v.venue, v.reachable) for v in hub.venues()] == [(Venue.BINANCE, True), (Venue.BYBIT, False)]


def test_a_symbol_that_is_not_known_makes_the_venue_tell_its_listing():
    """It may have been listed a moment ago: then it opens at once."""
    setting = Setting()
    new = instrument("NEWUSDT", "0.001", "1")
    setting.listed.about_to_list = {"NEWUSDT": new}
    assert setting.hub.instrument(Venue.BINANCE, "NEWUSDT") == new
    assert setting.listed.refreshed == [(2.0, "NEWUSDT")]
    assert setting.hub.instrument(Venue.BINANCE, "NEWUSDT") == new
    assert len(setting.listed.refreshed) == 1


def test_who_cannot_wait_for_a_listing_does_not():
    """The next request finds what the venue tells meanwhile."""
    setting = Setting()
    with pytest.raises(UnknownSymbol):
        setting.hub.instrument(Venue.BINANCE, "NOPE", at_once=True)
    assert setting.listed.refreshed == [(0.0, "NOPE")]


def test_the_status_of_a_symbol_that_is_not_listed_is_told():
    """Where the venue gives one."""
    setting = Setting()
    setting.listed.statuses = {"ESUSDT": "SETTLING"}
    with pytest.raises(UnknownSymbol, match=r'"ESUSDT" \(its status is SETTLING\); it lists BTCUSDT'):
        setting.hub.instrument(Venue.BINANCE, "ESUSDT")


def test_a_first_visitor_waits_for_the_venues_first_answer(setting):
    """What is asked before the list is there is answered when it is."""
    listed = setting.listed
    listed.answered.clear()
    listed.instruments.clear()
    found: list[Instrument] = []
    visitor = threading.Thread(target=lambda: found.append(setting.hub.instrument(Venue.BINANCE, "BTCUSDT")))
    visitor.start()
    listed.instruments["BTCUSDT"] = BTC
    listed.answered.set()
    visitor.join(5)
    assert found == [BTC]


def test_a_running_stream_takes_a_finer_tick_without_a_change(setting):
    """The view of before shows the same values, with the new decimals, and one of the new tick opens."""
    finer = replace(BTC, tick=Decimal("0.01"))
    with setting.hub.watch(key()) as view:
        setting.source.sinks["BTCUSDT"].on_trades([(1_790_000_040_000, 1, 834_344, 5)], BTC.grid)
        before, revision = view.candles(1)[0], view.revision()
        setting.listed.instruments["BTCUSDT"] = finer
        assert setting.hub.instrument(Venue.BINANCE, "BTCUSDT") == view.instrument == finer
        with setting.hub.watch(key()._replace(step=Decimal("0.01"))) as other:
            assert other.candles(1)[0].levels[0, 0] == 8_343_440
        after = view.candles(1)[0]
        assert view.revision() == revision
        assert after.grid.price.decimal(after.close) == before.grid.price.decimal(before.close)
        assert '"close":83434.40' in view.snapshot(1)[0]


def test_an_open_view_outlives_a_coarser_tick(setting):
    """Its query stays good while it is open; another step of the old tick is refused with the new one."""
    args = {"exchange": "binance", "symbol": "BTCUSDT", "step": "0.1"}
    with setting.hub.watch(parse_view_query(args, setting.hub, None).key):
        setting.listed.instruments["BTCUSDT"] = replace(BTC, tick=Decimal(1))
        assert parse_view_query(args, setting.hub, None).key.step == Decimal("0.1")
        with pytest.raises(QueryError, match="whole multiple of the tick 1"):
            parse_view_query({**args, "step": "0.2"}, setting.hub, None)
    setting.later(31)
    with pytest.raises(QueryError, match="whole multiple of the tick 1"):
        parse_view_query(args, setting.hub, None)


def test_a_step_of_a_new_tick_makes_the_venue_list_again(setting):
    """The tick may have changed a moment ago."""
    setting.listed.about_to_list["BTCUSDT"] = replace(BTC, tick=Decimal("0.01"))
    args = {"exchange": "binance", "symbol": "BTCUSDT", "step": "0.01"}
    assert parse_view_query(args, setting.hub, None).key.step == Decimal("0.01")
    assert setting.listed.refreshed


def test_trades_off_the_tick_make_the_venue_list_again(setting):
    """What it lists now is taken for the steps that are offered."""
    with setting.hub.watch(key()):
        finer = replace(BTC, tick=Decimal("0.01")).grid
        setting.source.sinks["BTCUSDT"].on_trades([(1_790_000_040_000, 1, 8_343_441, 5)], finer)
    assert setting.listed.refreshed


def test_a_symbol_that_is_no_longer_listed_stays_open_while_it_is_watched(setting):
    """Its stream goes on in the units that the venue listed last."""
    with setting.hub.watch(key()):
        del setting.listed.instruments["BTCUSDT"]
        assert setting.hub.instrument(Venue.BINANCE, "BTCUSDT") == BTC
    setting.later(31)
    with pytest.raises(UnknownSymbol):
        setting.hub.instrument(Venue.BINANCE, "BTCUSDT")


def test_prices_come_from_the_tickers(setting):
    """In ticks; None where the venue has not told one. A look keeps them live."""
    assert setting.hub.price(BTC) is None
    tickers = [Ticker("BTCUSDT", last=Decimal("83434.4")), Ticker("ETHUSDT")]
    setting.board.update(Venue.BINANCE, tickers, setting.listed.instruments)
    assert setting.hub.price(BTC) == Decimal("83434.4")
    assert setting.hub.price(ETH) is None
    assert setting.hub.tickers() is setting.board
    assert setting.listed.looks == 1


def test_what_streams_is_told_until_the_grace_period_is_over(setting):
    """A symbol counts once, however many views it has."""
    assert setting.hub.streamed() == frozenset()
    with setting.hub.watch(key()), setting.hub.watch(key(timeframe=Timeframe.M5)):
        assert setting.hub.streamed() == {(Venue.BINANCE, "BTCUSDT")}
    setting.later(29)
    assert setting.hub.streamed() == {(Venue.BINANCE, "BTCUSDT")}
    setting.later(2)
    assert setting.hub.streamed() == frozenset()


def test_health_tells_each_venue(setting):
    """Reachability, listing and the feed's own figures."""
    health = setting.hub.health()
    assert (health["feeds"]["binance"]["reachable"], health["feeds"]["binance"]["symbols"]) == (True, 2)
    assert health["feeds"]["bybit"]["detail"] == "connection refused"
    assert health["feeds"]["binance"]["state"] == "live"


def test_the_sweeper_releases_by_itself_and_survives_a_defect(caplog):
    """With a real clock, in its own thread; an exception is logged and the next round comes."""
    source, listed = Source(), Listed(BTC)
    hub = Hub({Venue.BINANCE: VenueLink(listed, source)}, TickerBoard(), grace_s=0, lease_s=0)
    sweep, rounds = hub.sweep, []

    def failing() -> None:
        rounds.append(1)
        if len(rounds) == 1:
            raise ZeroDivisionError
        sweep()

    hub.sweep = failing
    hub.start()
    hub.lease("tab", key())
    wait_until(lambda: source.ended == ["BTCUSDT"])
    hub.stop()
    hub._sweeper.join(5)
    assert not hub._sweeper.is_alive()
    assert "hub-sweeper crashed" in caplog.text


def test_threads_that_watch_lease_and_release_while_trades_flow():
    """No deadlock, no reference left behind, and every reader sees whole candles."""
    with SimulatedExchange(SyntheticMarket(3, 50.0)) as exchange:
        listed = Listed(
            *(
                Instrument(Venue.BINANCE, x.symbol, x.base, x.quote, x.price.value, x.quantity.value)
                for x in exchange.source.listings
                if Venue.BINANCE in x.venues
            )
        )
        url = market_stream_url(exchange.ws_root)
        feed = Feed(Venue.BINANCE, url, BinanceProtocol, ContiguousIds, listed.instruments, QUICK)
        hub = Hub({Venue.BINANCE: VenueLink(listed, feed)}, TickerBoard(), grace_s=0.0, lease_s=60)
        symbols = ["BTCUSDT", "ETHUSDT", "SOLUSDT"]
        failures: list[BaseException] = []
        seen: list[int] = []

        def read(view: View) -> None:
            _, revision, oldest = view.snapshot(30)
            view.deltas(revision, oldest)
            for candle in view.candles(30):
                bid, ask, n = candle.levels[:, 1:].sum(axis=0).tolist()
                assert (bid, ask, n) == (candle.bid, candle.ask, candle.n)
            seen.append(revision)

        def work(number: int) -> None:
            try:
                for turn in range(40):
                    symbol = symbols[(number + turn) % 3]
                    if number % 3 == 0:
                        with hub.watch(key(symbol, step=1 + turn % 2)) as view:
                            read(view)
                    elif number % 3 == 1:
                        read(hub.lease(f"tab{number % 2}", key(symbol, Timeframe.M5)))
                        if turn % 5 == 0:
                            hub.release(f"tab{number % 2}")
                    else:
                        hub.sweep()
                        hub.health()
            except BaseException as error:  # noqa: BLE001 - the test tells it
                failures.append(error)

        threads = [threading.Thread(target=work, args=(number,)) for number in range(9)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert not any(thread.is_alive() for thread in threads)
        assert not failures
        for number in range(9):
            hub.release(f"tab{number % 2}")
        hub.sweep()
        assert (hub.health()["series"], hub.health()["views"], hub.health()["leases"]) == (0, 0, 0)
        assert [len(each) for each in vars(hub._places).values()] == [0, 0, 0, 0]
        wait_until(lambda: not exchange.connections)
        feed.stop()
    assert seen


def test_two_watchers_of_a_real_feed_see_the_same_and_the_connection_goes_with_the_last():
    """The whole way from a server's frames to equal messages, and back to no connection."""
    with SimulatedExchange(SyntheticMarket(3, 50.0)) as exchange:
        listed = Listed(BTC)
        url = market_stream_url(exchange.ws_root)
        feed = Feed(Venue.BINANCE, url, BinanceProtocol, ContiguousIds, listed.instruments, QUICK)
        hub = Hub({Venue.BINANCE: VenueLink(listed, feed)}, TickerBoard(), grace_s=0.0)
        with hub.watch(key()) as one, hub.watch(key()) as two:
            wait_until(lambda: len(one.candles(9)) > 1)
            closed = one.candles(9)[0]
            assert closed.closed
            assert two.candles(9)[0].levels.tolist() == closed.levels.tolist()
            assert len(exchange.connections) == 1
        hub.sweep()
        wait_until(lambda: not exchange.connections)
        feed.stop()


def limited(**limits: int) -> Setting:
    """A hub with limits of its own."""
    return Setting(limits=WatchLimits(**limits))


def test_no_more_symbols_stream_than_may() -> None:
    """A symbol beyond the bound is refused with the bound; one that streams already has room for more."""
    setting = limited(series=1)
    with setting.hub.watch(key()), setting.hub.watch(key(step=5)):
        with pytest.raises(Unavailable, match="Limit reached: 1 symbols on this server"):
            setting.hub.lease("page", key("ETHUSDT"))
        assert setting.counts == (1, 2, 0)
    setting.later(31)
    setting.hub.lease("page", key("ETHUSDT"))
    assert setting.counts == (1, 1, 1)


def test_no_more_panels_open_than_may() -> None:
    """A holder beyond the bound is refused with the bound; those who hold a lease keep and change it."""
    setting = limited(panels=2)
    setting.hub.lease("one", key())
    setting.hub.lease("two", key())
    with pytest.raises(Unavailable, match="Limit reached: 2 panels on this server"):
        setting.hub.lease("three", key())
    setting.hub.lease("one", key("ETHUSDT"))
    setting.hub.release("two")
    setting.hub.lease("three", key())
    assert setting.counts == (2, 2, 2)


def test_no_client_has_more_panels_than_one_may() -> None:
    """The refusal names the address and what to do; another address has places, and so has a closed panel."""
    setting = limited(panels=10, panels_per_client=2)
    setting.hub.lease("one", key(), NEAR)
    setting.hub.lease("two", key("ETHUSDT"), NEAR)
    with pytest.raises(Unavailable, match=r"Limit reached: 2 panels per client\. Close one"):
        setting.hub.lease("three", key(), NEAR)
    setting.hub.lease("one", key(step=5), NEAR)
    setting.hub.lease("three", key(), FAR)
    setting.hub.release("two", NEAR)
    setting.hub.lease("four", key(), NEAR)
    setting.later(16)
    assert setting.counts[1:] == (0, 0)
    setting.hub.lease("five", key(), NEAR)


def test_a_refused_panel_takes_no_place() -> None:
    """A panel of an unknown symbol, again and again, leaves the places of its client free."""
    setting = limited(panels=2, panels_per_client=1)
    for _ in range(3):
        with pytest.raises(UnknownSymbol):
            setting.hub.lease("one", key("NOPEUSDT"), NEAR)
    setting.hub.lease("two", key(), NEAR)


def test_no_client_releases_the_panel_of_another() -> None:
    """Two clients use the same name for a panel: each has its own."""
    setting = Setting()
    setting.hub.lease("panel", key(), NEAR)
    setting.hub.lease("panel", key(step=5), FAR)
    setting.hub.release("panel", FAR)
    assert setting.hub.renewed("panel", key(), NEAR) is not None
    assert setting.counts == (1, 1, 1)


def test_no_more_views_are_derived_than_may_be() -> None:
    """Many steps of one symbol end at the bound; views that are there are shared beyond it."""
    setting = limited(views=3)
    for step in (1, 2, 3):
        setting.hub.lease(f"step {step}", key(step=step))
    for refused in (key(step=4), key(timeframe=Timeframe.H1), key("ETHUSDT")):
        with pytest.raises(Unavailable, match="Limit reached: 3 views on this server"):
            setting.hub.lease("another", refused)
        with pytest.raises(Unavailable, match="that is open already"), setting.hub.watch(refused):
            pass
    assert setting.counts == (1, 3, 3)
    with setting.hub.watch(key(step=2)):
        setting.hub.lease("another", key(step=3))
    setting.hub.release("step 1")
    with setting.hub.watch(key(step=4)):
        assert setting.counts == (1, 3, 3)
    assert setting.counts == (1, 2, 3)


def test_a_panel_changes_its_step_where_every_view_is_taken() -> None:
    """What it leaves makes room for what it takes, unless others watch that too."""
    setting = limited(views=2)
    setting.hub.lease("one", key(step=1))
    setting.hub.lease("two", key(step=2))
    setting.hub.lease("two", key(step=3))
    assert setting.counts == (1, 2, 2)
    setting.hub.lease("three", key(step=3))
    with pytest.raises(Unavailable, match="Limit reached: 2 views"):
        setting.hub.lease("two", key(step=4))
    assert setting.counts == (1, 2, 3)


def test_references_and_leases_count_for_the_same_client() -> None:
    """A view by socket and one by panel are two of the client's two; the same view twice is one."""
    setting = limited(views=8, views_per_client=2)
    with setting.hub.watch(key(step=1), NEAR), setting.hub.watch(key(step=1), NEAR):
        setting.hub.lease("one", key(step=2), NEAR)
        setting.hub.lease("two", key(step=2), NEAR)
        with pytest.raises(Unavailable, match="Limit reached: 2 views per client"):
            setting.hub.lease("three", key(step=3), NEAR)
        setting.hub.lease("one", key(step=3), FAR)
    setting.hub.lease("three", key(step=3), NEAR)


def test_a_view_of_another_client_counts_too() -> None:
    """It costs the server little, yet a client without a place is refused it: it could keep it alone."""
    setting = limited(views=8, views_per_client=1)
    setting.hub.lease("theirs", key(step=2), FAR)
    setting.hub.lease("one", key(step=1), NEAR)
    with pytest.raises(Unavailable, match=r"Limit reached: 1 .* per client"):
        setting.hub.lease("two", key(step=2), NEAR)


def test_a_symbol_counts_for_its_last_client_until_its_stream_ends() -> None:
    """Opening and closing one symbol after the other takes no more than the client's part."""
    setting = limited(series=8, series_per_client=1)
    with setting.hub.watch(key(), NEAR):
        pass
    with pytest.raises(Unavailable, match="Limit reached: 1 symbols per client"):
        setting.hub.lease("one", key("ETHUSDT"), NEAR)
    setting.hub.lease("one", key("ETHUSDT"), FAR)
    setting.later(31)
    setting.hub.lease("two", key("ETHUSDT"), NEAR)


def test_an_idle_stream_counts_for_whoever_watched_it_last() -> None:
    """A client that takes it over frees the one before."""
    setting = limited(series=8, series_per_client=1)
    with setting.hub.watch(key(), NEAR):
        pass
    with setting.hub.watch(key(), FAR):
        setting.hub.lease("one", key("ETHUSDT"), NEAR)


def test_an_idle_stream_of_a_long_grace_makes_room() -> None:
    """It counts for its client for half a minute, and ends where its place is needed after that."""
    setting = Setting(limits=WatchLimits(series=1), grace_s=3600)
    with setting.hub.watch(key()):
        pass
    setting.later(29)
    with pytest.raises(Unavailable, match="Limit reached: 1 symbols on this server"):
        setting.hub.lease("page", key("ETHUSDT"))
    setting.later(2)
    assert setting.source.ended == []
    setting.hub.lease("page", key("ETHUSDT"))
    assert setting.source.ended == ["BTCUSDT"]


def test_a_token_counts_for_itself_and_for_its_address() -> None:
    """From many addresses it has the part of one client; many tokens of one address have that part too."""
    setting = limited(views=8, views_per_client=1)
    setting.hub.lease("one", key(step=1), Client("192.0.2.1", "a token"))
    with pytest.raises(Unavailable, match=r"Limit reached: 1 .* per embed token"):
        setting.hub.lease("two", key(step=2), Client("192.0.2.2", "a token"))
    with pytest.raises(Unavailable, match="per client"):
        setting.hub.lease("two", key(step=2), Client("192.0.2.1", "another token"))
    setting.hub.lease("two", key(step=2), Client("192.0.2.2", "another token"))
