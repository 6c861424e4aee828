"""Names and passwords: right, wrong, unknown, remembered, flooded."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from unittest.mock import patch

import pytest

from orderflow_dash.access import logins as module
from orderflow_dash.access.attempts import Attempts
from orderflow_dash.access.logins import MOST_REMEMBERED, REMEMBERED_S, Logins, Verdict, hash_password
from tests.access.test_attempts import Clock

HERE = "10.0.0.1"
RIGHT = "correct horse"
HASHED = hash_password(RIGHT)


class Counted:
    """Counts what is hashed."""

    def __init__(self) -> None:
        self.hashes: list[str] = []

    def check(self, hashed: str, password: str) -> bool:
        self.hashes.append(hashed)
        return hashed == HASHED and password == RIGHT


@pytest.fixture
def counted() -> Iterator[Counted]:
    """Stands in for the hash, which takes its time."""
    counted = Counted()
    with patch.object(module, "check_password_hash", counted.check):
        yield counted


def test_the_right_password_is_valid_and_no_other_is() -> None:
    """With the real hash."""
    logins = Logins({"alice": HASHED})
    assert logins.check("alice", "correct horse", HERE) == Verdict(True)
    for name, password in (("alice", "correct horsf"), ("alice", ""), ("bob", "correct horse"), ("", "")):
        assert logins.check(name, password, HERE) == Verdict(False)


def test_an_unknown_user_costs_one_hash_of_the_same_kind(counted: Counted) -> None:
    """The time of a refusal does not reveal which users exist."""
    logins = Logins({"alice": HASHED})
    logins.check("alice", "wrong", HERE)
    logins.check("mallory", "wrong", HERE)
    known, unknown = counted.hashes
    assert known.partition("$")[0] == unknown.partition("$")[0]
    assert len(known) == len(unknown)


def test_a_right_login_is_remembered_for_a_while(counted: Counted) -> None:
    """A page that asks every second costs no hash a second."""
    clock = Clock()
    logins = Logins({"alice": HASHED}, clock=clock)
    for _ in range(100):
        assert logins.check("alice", "correct horse", HERE).is_valid
    assert len(counted.hashes) == 1
    clock.now += REMEMBERED_S
    assert logins.check("alice", "correct horse", HERE).is_valid
    assert len(counted.hashes) == 2


def test_who_is_in_stays_in_for_as_long_as_a_flood_goes_on(counted: Counted) -> None:
    """A page that asks all the time is remembered all the time: it need not get past the limit of all."""
    clock = Clock()
    logins = Logins({"alice": HASHED}, Attempts(max_in_total=1, clock=clock), clock=clock)
    assert logins.check("alice", "correct horse", HERE).is_valid
    for _ in range(20):
        logins.check("mallory", "guess", "10.0.0.9")
        clock.now += REMEMBERED_S / 3
        assert logins.check("alice", "correct horse", HERE).is_valid
    assert len([each for each in counted.hashes if each == HASHED]) == 1


def test_only_that_very_login_is_remembered(counted: Counted) -> None:
    """Not the user, not the address, and nothing that was wrong."""
    logins = Logins({"alice": HASHED})
    assert logins.check("alice", "correct horse", HERE).is_valid
    for _ in range(3):
        assert not logins.check("alice", "wrong", HERE).is_valid
    assert not logins.check("bob", "correct horse", HERE).is_valid
    assert len(counted.hashes) == 5


@pytest.mark.usefixtures("counted")
def test_remembered_logins_are_bounded_and_hide_the_password() -> None:
    """A keyed hash, of another key in each process."""
    logins = Logins({f"user{number}": HASHED for number in range(MOST_REMEMBERED + 50)})
    for number in range(MOST_REMEMBERED + 50):
        assert logins.check(f"user{number}", "correct horse", HERE).is_valid
    assert len(logins._remembered) == MOST_REMEMBERED
    assert "correct horse" not in f"{vars(logins)!r}"
    other = Logins({"user0": HASHED})
    other.check("user0", "correct horse", HERE)
    assert not other._remembered.keys() & logins._remembered.keys()


def test_a_flood_is_refused_unhashed_and_who_is_in_stays_in(
    counted: Counted, caplog: pytest.LogCaptureFixture
) -> None:
    """The client's next tries are refused, right or wrong; users already logged in are not affected."""
    logins = Logins({"alice": HASHED}, Attempts(max_per_client=3))
    assert logins.check("alice", "correct horse", "10.0.0.9").is_valid
    with caplog.at_level(logging.WARNING):
        verdicts = [logins.check("alice", f"guess-{number}", HERE) for number in range(50)]
    assert [each.wait_s > 0 for each in verdicts] == [False] * 3 + [True] * 47
    assert len(counted.hashes) == 4
    assert logins.check("alice", "correct horse", HERE).is_valid  # remembered, from wherever it comes
    assert [record.getMessage() for record in caplog.records] == [
        f"too many failed logins from {HERE!r}: rejected for 300 s"
    ]


def test_requests_at_the_same_moment_share_one_hash_and_one_limit(counted: Counted) -> None:
    """The first page load brings a dozen at once; so does an attack."""
    logins = Logins({"alice": HASHED}, Attempts(max_per_client=3))
    together = threading.Barrier(20)
    verdicts: list[Verdict] = []

    def ask(password: str) -> None:
        together.wait(10)
        verdicts.append(logins.check("alice", password, HERE))

    for password, hashes in (("correct horse", 1), ("wrong", 3)):
        counted.hashes.clear()
        threads = [threading.Thread(target=ask, args=(password,)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(10)
        assert len(counted.hashes) == hashes
    assert [each.is_valid for each in verdicts] == [True] * 20 + [False] * 20
