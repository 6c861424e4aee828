"""How often a login may fail."""

from __future__ import annotations

import pytest

from orderflow_dash.access.attempts import Attempts


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def fail(attempts: Attempts, address: str, times: int) -> None:
    for _ in range(times):
        assert attempts.wait_s(address) == 0
        attempts.failed(address)


def test_a_client_waits_until_its_first_failure_expires() -> None:
    """A sliding window, and seconds that are true."""
    clock = Clock()
    attempts = Attempts(3, 100, 60, clock)
    fail(attempts, "10.0.0.1", 1)
    clock.now += 20
    fail(attempts, "10.0.0.1", 2)
    assert attempts.wait_s("10.0.0.1") == 40
    clock.now += 39.5
    assert attempts.wait_s("10.0.0.1") == 1
    clock.now += 0.5
    fail(attempts, "10.0.0.1", 1)
    assert attempts.wait_s("10.0.0.1") == 20


def test_one_client_does_not_shut_out_another() -> None:
    """Each address has chances of its own."""
    attempts = Attempts(3, 100, 60, Clock())
    fail(attempts, "10.0.0.1", 3)
    assert attempts.wait_s("10.0.0.2") == 0


def test_all_clients_together_have_a_limit_too() -> None:
    """A botnet's guesses are as few as one machine's, nearly."""
    clock = Clock()
    attempts = Attempts(3, 10, 60, clock)
    for client in range(10):
        fail(attempts, f"10.0.0.{client}", 1)
    assert attempts.wait_s("192.0.2.1") == 60
    clock.now += 60
    assert attempts.wait_s("192.0.2.1") == 0


def test_memory_is_bounded_by_the_limit_of_all() -> None:
    """However many clients fail, however often, even if the limit is never checked."""
    attempts = Attempts(3, 10, 60, Clock())
    for client in range(10_000):
        attempts.failed(f"10.0.{client // 250}.{client % 250}")
    assert len(attempts._failed) == 10


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:10.0.0.1", "10.0.0.1", True),
        ("::ffff:10.0.0.1", "::ffff:10.0.0.2", False),
        ("", "", True),
        ("no address" * 1000, "no address" * 2000, True),
    ],
)
def test_addresses_of_one_client_count_together(one: str, other: str, is_same: bool) -> None:
    """A client with an IPv6 address controls its whole /64."""
    attempts = Attempts(3, 100, 60, Clock())
    fail(attempts, one, 3)
    assert (attempts.wait_s(other) > 0) is is_same
