"""Between the app and the worker that serves it: questions that need not pass the whole app again.

A page asks the same every second, with the same request line and headers to the byte, but for the body's
length and what hosts tell requests apart by. What the app has found out about such a head, above all that
whoever sent it may come in, holds for the next body after it too.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, Protocol

OFFER: Final = "orderflow.offer_follow_ups"
"""Where in the WSGI environment a worker that can ask so says it: ``Offer``; the app calls it or does not."""


class Answer(NamedTuple):
    """What differs from the answer that came through the whole app: the body and some headers."""

    body: bytes
    headers: dict[str, str]


class FollowUps(Protocol):
    """Answers bodies that come with one head, from one peer. Waits for nothing; thread-safe."""

    def __call__(self, body: bytes, given_id: str) -> Answer | None:
        """The answer, 200; None where this one has to pass the whole app.

        ``given_id``: what its client, or who stands between, calls the request; empty where nobody does.
        """


Offer = Callable[[FollowUps], None]
