"""Password checks: constant effort, one at a time, cached for a while.

A hash costs about 100 ms and 32 MB on purpose. A page polls every second, so a valid login is cached under a
keyed hash that is useless outside this process.
"""

from __future__ import annotations

import hmac
import logging
import secrets
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from werkzeug.security import check_password_hash, generate_password_hash

from orderflow_dash.access.attempts import Attempts
from orderflow_dash.access.users import METHOD

log = logging.getLogger(__name__)

REMEMBERED_S: Final = 300.0
MOST_REMEMBERED: Final = 1024
_QUEUE_TIMEOUT_S: Final = 5.0


class Verdict(NamedTuple):
    """Whether a login is valid; ``wait_s`` > 0: it was not checked; retry after that wait."""

    is_valid: bool
    wait_s: int = 0


class Logins:
    """Users and their recent valid logins. Thread-safe."""

    def __init__(
        self,
        users: Mapping[str, str],
        attempts: Attempts | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._users = dict(users)
        self._attempts = attempts or Attempts(clock=clock)
        self._clock = clock
        self._key = secrets.token_bytes(32)
        self._dummy_hash = hash_password(secrets.token_urlsafe(16))
        self._remembered: OrderedDict[bytes, float] = OrderedDict()  # expiry
        self._memory = threading.Lock()
        self._one_at_a_time = threading.Lock()  # a flood costs one core and the memory of one hash

    def check(self, name: str, password: str, address: str) -> Verdict:
        """Check a login of the client at an address."""
        login = hmac.digest(self._key, f"{name}\0{password}".encode(), "sha256")
        if self._knows(login):
            return Verdict(True)
        if wait := self._attempts.wait_s(address):
            return Verdict(False, wait)
        if not self._one_at_a_time.acquire(timeout=_QUEUE_TIMEOUT_S):
            return Verdict(False, 1)
        try:
            # Check again: an earlier request in the queue may have decided it.
            if self._knows(login):
                return Verdict(True)
            if wait := self._attempts.wait_s(address):
                return Verdict(False, wait)
            is_valid = (
                check_password_hash(self._users.get(name, self._dummy_hash), password) and name in self._users
            )
            if is_valid:
                self._remember(login)
            else:
                self._attempts.failed(address)
                if wait := self._attempts.wait_s(address):
                    log.warning("too many failed logins from %.64r: rejected for %d s", address, wait)
            return Verdict(is_valid)
        finally:
            self._one_at_a_time.release()

    def _knows(self, login: bytes) -> bool:
        """Whether a login is cached; each use extends it."""
        with self._memory:
            is_known = self._remembered.get(login, 0.0) > self._clock()
        if is_known:
            self._remember(login)
        return is_known

    def _remember(self, login: bytes) -> None:
        with self._memory:
            self._remembered[login] = self._clock() + REMEMBERED_S
            self._remembered.move_to_end(login)
            while len(self._remembered) > MOST_REMEMBERED:
                self._remembered.popitem(last=False)


def hash_password(password: str) -> str:
    """A password's hash in werkzeug's format, with a new salt."""
    return generate_password_hash(password, METHOD)
