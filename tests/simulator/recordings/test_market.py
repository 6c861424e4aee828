"""A recording can be paused, resumed, sped up and sought in, by any thread, and loses nothing by it."""

import threading

import pytest

from orderflow_dash.simulator import Loading, RecordedMarket

MINUTE = 60_000
START = 1_790_000_040_000  # a whole minute


@pytest.fixture
def make(tmp_path):
    """Markets whose symbols share a clock; a trade every second, from the start of a minute."""

    def build(speed=1.0, count=600, symbols=("ETHUSDT",), every=1_000):
        files = []
        for place, symbol in enumerate(symbols):
            rows = [
                f"{i},{100 + i % 7},{1 + i % 3},{i},{i},{START + i * every + place},true"
                for i in range(count)
            ]
            files.append(tmp_path / f"{symbol}-aggTrades-x.csv")
            files[-1].write_text("\n".join(rows) + "\n")
        market = RecordedMarket(None, speed, together=True)
        market.adopt(Loading(files).run(strict=True))
        return market

    return build


@pytest.fixture
def clock(monkeypatch):
    """The steady clock of the market, moved by hand."""

    class Clock:
        now = 1_000.0

    monkeypatch.setattr("orderflow_dash.simulator.recordings.market.time.monotonic", lambda: Clock.now)
    return Clock


def served(market, ready=None):
    """Times of the due prints, in seconds since the first trade."""
    found = market.poll(set(market.listings) if ready is None else ready)
    return [(each.trade.time - START) / 1000 for each in found]


def test_the_clock_waits_for_a_listener_and_then_runs(make, clock):
    """Nothing is due before anyone listens; from then on by the clock, listener or not."""
    market = make(2.0)
    clock.now += 100
    assert served(market, set()) == []
    assert not market.playing().started
    assert served(market) == [0]
    clock.now += 1.5
    assert served(market, set()) == [1, 2, 3]
    assert market.now() == START + 3_000
    assert market.due_in(set()) == pytest.approx(0.5)


def test_a_pause_stands_and_nothing_is_lost_or_repeated(make, clock):
    """However long it lasts, the next trade after it is the next one recorded."""
    market = make()
    assert served(market) == [0]
    clock.now += 2.25
    market.pause()
    clock.now += 1_000
    assert served(market) == []
    assert market.due_in(set(market.listings)) == float("inf")
    assert market.playing().clock_ms == START + 2_250
    market.resume()
    assert served(market) == [1, 2]
    clock.now += 0.75
    assert served(market) == [3]


def test_a_new_speed_counts_from_now(make, clock):
    """Trades played at the old speed keep their place; a pause outlives a new speed."""
    market = make()
    served(market)
    clock.now += 2
    market.set_speed(100)
    assert served(market) == [1, 2]
    clock.now += 0.05
    assert served(market) == [3, 4, 5, 6, 7]
    market.pause()
    market.set_speed(1)
    clock.now += 50
    assert served(market) == []
    market.resume()
    clock.now += 1
    assert served(market) == [8]


def test_as_fast_as_it_goes_needs_no_clock_and_leads_back_to_one(make, clock):
    """Speed 0 gives a batch at each look while someone can take it; a speed goes on from there."""
    market = make(0, count=5_000)
    assert not market.paced
    assert served(market, set()) == []
    first = served(market)
    assert first == [float(i) for i in range(len(first))]
    assert 2_000 < len(first) < 2_100
    market.set_speed(1)
    assert served(market) == []
    clock.now += 1
    assert served(market) == [len(first)]


def test_a_clock_that_ran_ahead_is_held_back(make, clock):
    """No look gives more than a reader's queue can take: recorded time waits instead."""
    market = make(1_000, count=20_000, every=10)
    served(market)
    clock.now += 60
    counts = []
    while market.due_in(set(market.listings)) == 0:
        counts.append(len(served(market)))
        clock.now += 0.001
    assert max(counts) <= 2_050
    assert sum(counts) + 1 == 20_000
    assert market.playing().ended
    assert market.now() == START + 199_990


def test_a_long_silence_is_passed_over(make, clock):
    """The clock goes on a second before the next trade; a short one is waited for, and a pause holds."""
    market = make(2.0, count=4, every=6 * MINUTE)
    assert served(market) == [0]
    assert market.silences[0] == (START, START + 6 * MINUTE)
    assert served(market) == []
    assert market.now() == START + 6 * MINUTE - 1_000
    market.pause()
    clock.now += 60
    assert served(market) == []
    market.resume()
    clock.now += 0.5
    assert served(market) == [360]
    short = make(1.0, count=4, every=4 * MINUTE)
    served(short)
    clock.now += 239
    assert served(short) == []
    assert short.now() == START + 239_000
    assert not short.silences


def test_a_seek_into_a_silence_goes_on_after_it(make, clock):
    """The clock shows the minute that was asked for until someone listens."""
    market = make(1.0, count=3, every=60 * MINUTE)
    market.seek(START + 20 * MINUTE)
    assert market.now() == START + 20 * MINUTE
    assert served(market) == []
    clock.now += 1
    assert served(market) == [3_600]


def test_symbols_share_the_clock(make, clock):
    """The first listener of any symbol starts all; prints come in order of time for every listener."""
    market = make(1.0, symbols=("ETHUSDT", "BTCUSDT"))
    assert served(market, {market.find("BTCUSDT")}) == [0]
    clock.now += 2.5
    assert sorted(served(market, set())) == [0.001, 1, 1.001, 2, 2.001]


@pytest.mark.parametrize("target", [5, 0, 9])
def test_a_seek_restarts_at_its_minute(make, clock, target):
    """Forwards, backwards and to the end: what was served is forgotten, the clock waits for a listener."""
    market = make(1.0)
    served(market)
    clock.now += 200
    served(market)
    session = market.session
    assert market.seek(START + target * MINUTE + 30_000) == START + target * MINUTE
    assert market.session == session + 1
    assert len(market.tape(market.listings[0])) == 0
    clock.now += 100
    assert not market.playing().started
    assert market.now() == START + target * MINUTE
    assert served(market) == [target * 60]
    clock.now += 2
    assert served(market) == [target * 60 + 1, target * 60 + 2]
    assert market.tape(market.listings[0]).first_id == target * 60


def test_a_seek_works_after_the_end_and_in_a_pause(make, clock):
    """A recording that has ended plays again; a pause stays one."""
    market = make(0)
    while not market.finished:
        served(market)
    assert market.playing().ended
    market.pause()
    market.seek(START)
    assert not market.playing().ended
    assert served(market) == []
    market.resume()
    assert served(market)[:2] == [0, 1]
    del clock


@pytest.mark.parametrize("time", [-1, 0, START - 2 * MINUTE, START + 11 * MINUTE, 1 << 62])
def test_a_seek_outside_the_recording_is_refused(make, time):
    """The market stays where it is."""
    market = make()
    session = market.session
    with pytest.raises(ValueError, match="nothing is recorded"):
        market.seek(time)
    assert market.session == session


@pytest.mark.parametrize("speed", [-1.0, float("nan")])
def test_a_senseless_speed_is_refused(make, speed):
    """The old one stays."""
    market = make(3.0)
    with pytest.raises(ValueError, match="speed"):
        market.set_speed(speed)
    assert market.speed == 3.0


def test_many_hands_at_the_controls_lose_no_trade(make):
    """Threads that pause, resume and change the speed while it plays: each trade comes once, in order."""
    market = make(0, count=30_000)
    over = threading.Event()

    def meddle(number):
        while not over.is_set():
            market.pause()
            market.set_speed((0, 900, 5)[number])
            market.playing()
            market.resume()
            market.set_speed(0)

    threads = [threading.Thread(target=meddle, args=(i,)) for i in range(3)]
    for thread in threads:
        thread.start()
    ids = []
    while not market.finished:
        ids += [each.trade.id for each in market.poll(set(market.listings))]
    over.set()
    for thread in threads:
        thread.join()
    assert ids == list(range(30_000))


def test_matches_that_are_joined_can_be_sought_in(tmp_path):
    """A recording of single matches goes on from the minute with ids that rise by one."""
    rows = [f"{i},100,{1},100,{START + i * 10_000},{'true' if i % 2 else 'false'}" for i in range(60)]
    path = tmp_path / "ETHUSDT-trades-x.csv"
    path.write_text("id,price,qty,quote_qty,time,is_buyer_maker\n" + "\n".join(rows))
    market = RecordedMarket([path], 0)
    market.seek(START + 3 * MINUTE)
    made = market.poll(set(market.listings))
    assert [each.trade.time for each in made] == [START + i * 10_000 for i in range(18, 60)]
    numbers = [each.trade.id for each in made]
    assert numbers == list(range(numbers[0], numbers[0] + 42))
    assert [f.id for f in market.fills(market.listings[0], made[0].trade)] == [18]
