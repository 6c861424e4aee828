"""What time it is at a venue, by its answers and by its trades."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.feeds.clock import ClockReading, VenueClock
from orderflow_dash.feeds.rest import RestError

HOUR, DAY = 3_600_000, 86_400_000
WALL = 1_800_000_000.0  # s


class World:
    """A monotonic clock, this server's clock and a venue's, all by hand."""

    def __init__(self) -> None:
        self.passed = 5_000.0  # s, monotonic
        self.stepped = 0.0  # s, of this server's clock
        self.ahead = 0  # ms, of the venue's clock
        self.answers = True
        self.asked = 0
        self.clock = VenueClock(lambda: self.passed, lambda: WALL + self.passed + self.stepped)
        self.clock.ask = self.ask

    @property
    def venue_ms(self) -> int:
        return int((WALL + self.passed) * 1000) + self.ahead

    def ask(self) -> int:
        self.asked += 1
        if not self.answers:
            raise RestError("HTTP 503", 503)
        return self.venue_ms

    def trades(self, count: int, every: float = 0.5, ahead: int = 0) -> list[bool]:
        """Whether each of ``count`` trades is believed; ``ahead`` of the venue's clock, ms."""
        believed = []
        for _ in range(count):
            self.passed += every
            time = self.venue_ms + ahead
            if time > self.clock.now() + 60_000:
                believed.append(self.clock.admits(time))
            else:
                self.clock.saw(time)
                believed.append(True)
        return believed


@pytest.fixture
def world() -> World:
    """One venue whose clock is right."""
    return World()


def test_before_any_answer_the_estimate_is_our_own_clock(world):
    """Nothing is known of the difference then."""
    assert world.clock.now() == world.venue_ms
    assert world.clock.reading() is None


def test_a_clocks_skew_is_taken_half_way_of_the_round_trip(world):
    """Asked at 1.000 s and answered at 1.040 s: the venue read its clock at 1.020 s, give or take 20 ms."""
    world.passed = 1.04
    world.clock.note(1.0, 1.04, int((WALL + 1.02) * 1000) + 500)
    assert world.clock.reading() == ClockReading(500, 20)


def test_the_quickest_of_the_newest_answers_counts(world):
    """A slow answer is inaccurate; after ten newer ones a quick one is forgotten."""
    at = int(WALL * 1000)
    world.passed = 0.4
    world.clock.note(0, 0.01, at + 105)
    for _ in range(9):
        world.clock.note(0, 0.4, at + 300)
    assert world.clock.reading() == ClockReading(100, 5)
    world.clock.note(0, 0.4, at + 300)
    assert world.clock.reading() == ClockReading(100, 200)


def test_an_old_answer_expires(world):
    """After a quarter of an hour the difference is not known."""
    world.clock.measure()
    assert world.clock.reading() is not None
    world.passed += 901
    assert world.clock.reading() is None


@given(
    st.floats(-5_000, 5_000),
    st.lists(st.tuples(st.floats(0, 0.4), st.floats(0, 0.4)), min_size=1, max_size=10),
)
def test_the_true_skew_is_within_the_reported_accuracy(skew: float, trips: list[tuple[float, float]]) -> None:
    """However much the two directions of a round trip differ."""
    world = World()
    for there, back in trips:
        sent = world.passed
        theirs = round((WALL + sent + there) * 1000 + skew)
        world.passed += there + back
        world.clock.note(sent, world.passed, theirs)
        world.passed += 10
    reading = world.clock.reading()
    assert reading is not None
    assert abs(reading.skew_ms - skew) <= reading.within_ms + 3  # each of three times is in whole ms


@pytest.mark.parametrize("step", [7_200, -7_200, 86_400 * 3])
def test_a_step_of_this_clock_keeps_the_estimate(world, step):
    """The estimate runs on the monotonic clock; the difference shows the step at once."""
    world.clock.measure()
    world.stepped = step
    assert world.clock.now() == pytest.approx(world.venue_ms, abs=2)
    reading = world.clock.reading()
    assert reading is not None
    assert reading.skew_ms == pytest.approx(-step * 1000, abs=2)


@pytest.mark.parametrize("step", [3_000, -3_000, 2 * DAY, -2 * DAY])
def test_a_newer_answer_that_contradicts_the_older_ones_wins(world, step):
    """The venue has set its clock: ten quick old answers do not outvote it."""
    for _ in range(10):
        world.clock.measure()
        world.passed += 60
    world.ahead = step
    world.passed += 0.5
    asked = world.passed
    world.passed += 0.3
    world.clock.note(asked, world.passed, world.venue_ms - 150)
    assert world.clock.now() == pytest.approx(world.venue_ms, abs=2)


@pytest.mark.parametrize("ahead", [61_000, HOUR, 23 * HOUR, 3 * DAY])
@pytest.mark.parametrize("answers", [True, False])
def test_one_trade_with_a_wrong_time_moves_nothing(world, ahead, answers):
    """Whether or not the venue can be asked, and again and again."""
    world.clock.measure()
    world.answers = answers
    for _ in range(10):
        assert world.trades(1, ahead=ahead) == [False]
        assert all(world.trades(3))
    assert world.clock.now() == pytest.approx(world.venue_ms, abs=2)


def test_a_frame_that_is_repeated_moves_nothing(world):
    """Twenty copies over ten seconds agree with each other and do not run like a clock."""
    world.clock.measure()
    wrong = world.venue_ms + 23 * HOUR
    for _ in range(20):
        world.passed += 0.5
        assert not world.clock.admits(wrong)


def test_the_venue_is_asked_before_a_trade_is_refused(world):
    """Its clock has jumped: the first trade of the new time counts."""
    world.clock.measure()
    world.ahead = 2 * DAY
    assert world.trades(3) == [True, True, True]


def test_a_venue_that_does_not_confirm_is_left_in_peace(world):
    """It is asked at most once in five seconds for times that it does not confirm."""
    world.clock.measure()
    asked = world.asked
    world.answers = False
    world.trades(20, every=0.1, ahead=5 * HOUR)
    assert world.asked == asked + 1


def test_a_nearer_time_is_checked_after_a_disproved_one(world):
    """Garbage a day ahead does not keep the next trades from being confirmed."""
    world.clock.measure()
    assert world.trades(1, ahead=DAY) == [False]
    world.ahead = 90_000
    assert world.trades(1, every=0.1) == [True]


def test_trades_that_agree_move_the_estimate(world):
    """Our machine slept, or the venue's clock jumped, and nothing answers: five frames over two seconds."""
    world.clock.measure()
    world.answers = False
    world.ahead = 2 * DAY
    believed = world.trades(12)
    assert believed == [False] * 4 + [True] * 8
    assert world.clock.now() == pytest.approx(world.venue_ms, abs=1_000)


def test_one_frame_that_disagrees_restarts_the_run(world):
    """Trades of another time with present ones among them are not believed."""
    world.clock.measure()
    world.answers = False
    for _ in range(5):
        assert not any(world.trades(4, ahead=HOUR))
        assert world.trades(1) == [True]


def test_trades_outweigh_the_venues_own_answers(world):
    """Candles follow the trades' times; answers that say otherwise do not stop them each minute."""
    world.clock.measure()
    assert world.trades(10, ahead=2 * DAY)[-1]
    world.clock.measure()
    assert all(world.trades(10, ahead=2 * DAY))


def test_an_estimate_by_wrong_trades_is_taken_back(world):
    """Once the trades are of now again, without any answer."""
    world.clock.measure()
    world.answers = False
    assert world.trades(10, ahead=5 * HOUR)[-1]
    world.trades(12)
    assert world.clock.now() == pytest.approx(world.venue_ms, abs=1_000)


def test_a_clock_that_runs_faster_is_followed(world):
    """A simulated market at twenty times the speed: trades pull the estimate along."""
    world.clock.measure()
    world.answers = False
    for _ in range(300):
        world.ahead += 1_900
        assert world.trades(1, every=0.1) == [True]


@pytest.mark.parametrize(
    ("ahead", "sentence"),
    [
        (0, ""),
        (599_000, ""),
        (600_000, "the venue's clock is 10 min ahead of this server's"),
        (-2 * HOUR, "the venue's clock is 2 h 0 min behind this server's"),
        (2 * DAY, "the venue's clock is 2 d 0 h ahead of this server's"),
        (-3 * DAY - 5 * HOUR, "the venue's clock is 3 d 5 h behind this server's"),
    ],
)
def test_clocks_far_apart_are_named(world, ahead, sentence):
    """From ten minutes on, in words."""
    world.ahead = ahead
    world.clock.measure()
    assert world.clock.difference() == sentence


def test_a_refused_time_is_reported_for_a_minute(world):
    """So that a silent symbol shows its cause."""
    world.clock.measure()
    assert world.clock.disbelief() == ""
    world.trades(1, ahead=23 * HOUR)
    assert (
        world.clock.disbelief()
        == "a trade's time is 23 h 0 min ahead of the venue's clock and is not believed"
    )
    world.passed += 61
    assert world.clock.disbelief() == ""
