"""No trade twice, none lost unnoticed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.exchanges.protocol import TradeBatch
from orderflow_dash.feeds import sequencing
from orderflow_dash.feeds.sequencing import Deduplicator, Gap, SequenceTracker
from orderflow_dash.market import Grid, Trade
from tests.feeds.driver import Driver

T0 = 1_790_000_000_000


class Notes:
    """A sink that records its calls."""

    def __init__(self) -> None:
        self.trades: list[Trade] = []
        self.open: list[Gap] = []
        self.said: list[str] = []

    def on_trades(self, trades: list[Trade], grid: Grid | None) -> None:
        assert trades
        self.trades += trades
        self.said.append("trades")

    def on_gap(self, gap: Gap) -> None:
        assert gap.after <= gap.before
        self.open.append(gap)
        self.said.append("gap")

    def on_gap_filled(self, gap: Gap) -> None:
        self.open.remove(gap)
        self.said.append("filled")

    @property
    def ids(self) -> list[int]:
        return [order for _, order, _, _ in self.trades]

    @property
    def missing(self) -> set[int]:
        return {n for gap in self.open for first, last in gap.missing or () for n in range(first, last + 1)}


def trade(number: int, quantity: int = 1) -> Trade:
    """The trade of an id; times rise with ids."""
    return (T0 + 10 * number, number, 100, quantity)


def send(to: Driver, *numbers: int) -> None:
    """One frame per trade, as Binance sends them."""
    for number in numbers:
        to.receive(TradeBatch("X", [trade(number)]))


@given(st.integers(1, 40), st.data())
def test_contiguous_ids_count_each_trade_once(count, data):
    """Under any repetition, reordering and loss: each once, and the gaps are exact at every moment."""
    arrivals = [0, *data.draw(st.lists(st.integers(0, count), max_size=120))]
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    for position in range(len(arrivals)):
        send(ids, arrivals[position])
        arrived = set(arrivals[: position + 1])
        assert sorted(notes.ids) == sorted(arrived)
        assert notes.missing == set(range(max(arrived))) - arrived
    assert ids.repeats == len(arrivals) - len(set(arrivals))
    for gap in notes.open:
        assert gap.missing


@given(st.lists(st.integers(0, 12), min_size=1, max_size=40), st.data())
def test_batches_of_any_size_pass_the_same(numbers, data):
    """Several trades in one frame are taken one by one."""
    one, other = Notes(), Notes()
    send(Driver(SequenceTracker(), one), *numbers)
    batched = Driver(SequenceTracker(), other)
    while numbers:
        size = data.draw(st.integers(1, len(numbers)))
        batched.receive(TradeBatch("X", [trade(n) for n in numbers[:size]]))
        numbers = numbers[size:]
    assert (other.ids, other.missing, other.said) == (one.ids, one.missing, one.said)


def test_a_gap_opens_before_the_next_trade():
    """The order of calls is what the series rests on."""
    notes = Notes()
    send(Driver(SequenceTracker(), notes), 1, 4, 3, 2)
    assert notes.said == ["trades", "gap", "trades", "trades", "trades", "filled"]
    assert notes.ids == [1, 4, 3, 2]


def test_a_gap_spans_the_times_around_it():
    """From the trade before to the trade after."""
    notes = Notes()
    send(Driver(SequenceTracker(), notes), 1, 5)
    (gap,) = notes.open
    assert (gap.after, gap.before, gap.missing) == (trade(1)[0], trade(5)[0], [(2, 4)])


def test_ids_without_volume_prove_that_nothing_is_missing():
    """They open and close gaps and reach no footprint; the first of all may be one."""
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    for number in (1, 2, 5, 3, 4, 6):
        ids.receive(TradeBatch("X", [trade(number, quantity=0 if number in (1, 3, 5) else 1)]))
    assert notes.ids == [2, 4, 6]
    assert notes.said == ["trades", "gap", "trades", "filled", "trades"]
    assert ids.repeats == 0


def test_an_id_reset_leaves_a_gap_that_stays():
    """Old ids with newer times are new trades; the trades in between are unknown."""
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    send(ids, 100, 101)
    for number in range(1, 5):
        ids.receive(TradeBatch("X", [(T0 + 60_000 + number, number, 100, 1)]))
    assert notes.ids == [100, 101, 1, 2, 3, 4]
    (gap,) = notes.open
    assert (gap.missing, gap.after, gap.before) == (None, trade(101)[0], T0 + 60_001)
    assert ids.repeats == 0


def test_gaps_from_before_an_id_reset_pass_no_repeat():
    """After a restart an id that once was missing means another trade."""
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    send(ids, 1, 5)  # 2 to 4 stay missing
    again = [(T0 + 60_000 + number, number, 100, 1) for number in range(1, 7)]
    for new in [*again, again[2]]:
        ids.receive(TradeBatch("X", [new]))
    assert notes.ids == [1, 5, 1, 2, 3, 4, 5, 6]
    assert ids.repeats == 1
    assert len(notes.open) == 2


def test_a_time_that_goes_back_makes_no_repeat_a_restart():
    """One trade in sequence with an old time does not turn later repeats into news."""
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    send(ids, 1, 2, 3)
    ids.receive(TradeBatch("X", [(T0 - 1_800_000, 4, 100, 1)]))
    send(ids, 3)
    assert notes.ids == [1, 2, 3, 4]
    assert ids.repeats == 1


def test_a_trade_from_long_ago_is_not_believed():
    """It counts as impossible, and its id stays missing."""
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    send(ids, 1)
    ids.receive(TradeBatch("X", [(T0 - 10**11, 2, 100, 1)]))
    send(ids, 3)
    assert notes.ids == [1, 3]
    assert ids.impossible == 1
    assert notes.missing == {2}


def test_a_unique_id_from_long_ago_is_not_believed():
    """Nor is one among ids without order."""
    notes = Notes()
    ids = Driver(Deduplicator(), notes)
    ids.receive(uids("a"))
    ids.receive(uids("b", at=-(10**11)))
    assert len(notes.trades) == 1
    assert (ids.impossible, ids.repeats) == (1, 0)


LATER = 23 * 3_600_000  # ms: the wrong time of one trade


def test_trades_go_on_after_one_whose_time_was_wrong():
    """Five in a row that are far older prove that the newest one was wrong; none of them is lost."""
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    send(ids, 1)
    ids.receive(TradeBatch("X", [(T0 + LATER, 2, 100, 1)]))
    send(ids, 3, 4, 5, 6)
    assert (notes.ids, ids.impossible) == ([1, 2], 4)
    send(ids, 7, 8)
    assert (notes.ids, ids.impossible) == ([1, 2, 3, 4, 5, 6, 7, 8], 0)
    assert not notes.missing


def test_a_gap_after_a_wrong_time_is_found():
    """The ids show it."""
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    send(ids, 1)
    ids.receive(TradeBatch("X", [(T0 + LATER, 2, 100, 1)]))
    send(ids, 3, 4, 6, 7, 8, 9)
    assert notes.ids == [1, 2, 3, 4, 6, 7, 8, 9]
    assert notes.missing == {5}


def test_old_trades_that_come_now_and_then_prove_nothing():
    """Others are believed between them."""
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    for number in range(1, 20, 2):
        send(ids, number)
        ids.receive(TradeBatch("X", [(T0 - LATER, number + 1, 100, 1)]))
    assert notes.ids == list(range(1, 20, 2))
    assert ids.impossible == 10


def test_old_trades_of_one_frame_prove_nothing():
    """However many they are; nor do frames whose times do not agree."""
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    send(ids, 1)
    ids.receive(TradeBatch("X", [(T0 - LATER, number, 100, 1) for number in range(2, 40)]))
    for number in range(40, 60):
        ids.receive(TradeBatch("X", [(T0 - LATER * number, number, 100, 1)]))
    assert (notes.ids, ids.impossible) == ([1], 58)


def test_unique_ids_go_on_after_a_wrong_time():
    """Nothing of the proof is lost, and what was seen still counts once."""
    notes = Notes()
    ids = Driver(Deduplicator(), notes)
    ids.receive(uids("a", at=LATER))
    for uid in "bcde":
        ids.receive(uids(uid))
    assert (len(notes.trades), ids.impossible) == (1, 4)
    for uid in "fgb":
        ids.receive(uids(uid))
    assert (len(notes.trades), ids.impossible, ids.repeats) == (7, 0, 1)


def test_old_unique_ids_that_come_now_and_then_prove_nothing():
    """Nor do those of one frame."""
    notes = Notes()
    ids = Driver(Deduplicator(), notes)
    for number in range(10):
        ids.receive(uids(f"new{number}"))
        ids.receive(uids(*(f"old{number}-{row}" for row in range(10)), at=-LATER))
    assert (len(notes.trades), ids.impossible) == (10, 100)


def test_a_row_with_a_past_time_opens_a_gap_with_the_next_trade():
    """Its minute is not known: until the next trade the newest one is marked, then all between them."""
    notes = Notes()
    ids = Driver(Deduplicator(), notes)
    ids.receive(uids("a"))
    ids.receive(uids("old", at=-LATER))
    assert [(gap.after, gap.before) for gap in notes.open] == [(T0, T0)]
    ids.receive(uids("older", at=-LATER))
    ids.receive(uids("b", at=500))
    assert [(gap.after, gap.before, gap.anchor) for gap in notes.open] == [(T0, T0 + 500, "a")]
    ids.receive(uids("c", at=600))
    assert len(notes.open) == 1
    assert ids.fill(uids("old", at=300)) == 1  # the recent trades have it with its true time


def test_a_unique_id_with_a_newer_time_is_another_trade():
    """A venue that resets its ids loses nothing; the same trade again is still a repeat."""
    notes = Notes()
    ids = Driver(Deduplicator(), notes)
    ids.receive(uids("a"))
    ids.receive(uids("a", at=60_000))
    ids.receive(uids("a", at=60_000))
    assert len(notes.trades) == 2
    assert ids.repeats == 1


def test_a_disconnect_alone_opens_no_gap_with_contiguous_ids():
    """The next id shows whether trades passed."""
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    send(ids, 1)
    ids.on_disconnect()
    send(ids, 2)
    assert notes.said == ["trades", "trades"]


def test_gaps_kept_are_bounded(monkeypatch):
    """A feed that loses every other trade for days does not eat the memory; the newest gaps still close."""
    monkeypatch.setattr(sequencing, "_MAX_RANGES", 5)
    notes = Notes()
    ids = Driver(SequenceTracker(), notes)
    send(ids, *range(0, 40, 2))
    send(ids, 1, 37)
    assert 37 in notes.ids
    assert 1 not in notes.ids
    assert ids.repeats == 1
    assert 1 in notes.missing


def uids(*names: str, at: int = 0) -> TradeBatch:
    """A batch of trades with these uuids."""
    return TradeBatch("X", [(T0 + at + n, 1, 100, 1) for n in range(len(names))], list(names))


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), max_size=12))
def test_unique_ids_pass_each_trade_once(batches):
    """Under any repetition, within a batch and between batches."""
    notes = Notes()
    ids = Driver(Deduplicator(), notes)
    sent = []
    for batch in batches:
        ids.receive(uids(*batch))
        sent += batch
    assert len(notes.trades) == len(set(sent))
    assert ids.repeats == len(sent) - len(set(sent))
    assert not notes.open


def test_after_a_break_the_next_trade_shows_a_gap():
    """The gap reaches from the last trade to the next new one, across repeats."""
    notes = Notes()
    ids = Driver(Deduplicator(), notes)
    ids.receive(uids("a", "b"))
    ids.on_disconnect()
    ids.on_disconnect()
    ids.receive(uids("b", at=1))
    assert not notes.open
    ids.receive(uids("c", "d", at=500))
    ids.receive(uids("e", at=600))
    (gap,) = notes.open
    assert (gap.after, gap.before, gap.missing) == (T0 + 1, T0 + 500, None)
    assert notes.said == ["trades", "gap", "trades", "trades"]


def test_a_break_before_the_first_trade_opens_no_gap():
    """There is no known trade yet for a gap to follow."""
    notes = Notes()
    ids = Driver(Deduplicator(), notes)
    ids.on_disconnect()
    ids.receive(uids("a"))
    assert notes.said == ["trades"]


def test_uuids_kept_are_bounded(monkeypatch):
    """Only as many as a venue repeats."""
    monkeypatch.setattr(sequencing, "_MAX_UIDS", 3)
    ids = Driver(Deduplicator(), Notes())
    for name in "abcdefgh":
        ids.receive(uids(name))
    assert len(ids.sequencer._seen) == len(ids.sequencer._order) == 3
    ids.receive(uids("h", "g"))
    assert ids.repeats == 2
