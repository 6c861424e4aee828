"""REST of both venues: parsed requests, replies, bounded parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlsplit

import orjson


@dataclass(frozen=True, slots=True)
class Request:
    """A parsed GET."""

    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, target: str, headers: Mapping[str, str] | None = None) -> Request:
        """Parses a request target; ``headers`` must be case-insensitive, as the server's are."""
        parts = urlsplit(target)
        return cls(parts.path.rstrip("/"), dict(parse_qsl(parts.query)), headers or {})

    def integer(self, name: str) -> int | None:
        """An integer parameter, None if absent; ``BadParameter`` if it is not an integer."""
        text = self.query.get(name)
        if text is None:
            return None
        try:
            return int(text)
        except ValueError:
            raise BadParameter(name) from None

    def limit(self, default: int, most: int) -> int:
        """The ``limit`` parameter within 1..most; ``BadParameter`` outside."""
        limit = self.integer("limit")
        if limit is None:
            return default
        if not 1 <= limit <= most:
            raise BadParameter("limit")
        return limit


class BadParameter(ValueError):
    """An invalid parameter; the argument is its name."""


class Refusal(Exception):
    """The venue's code and text for a rejected request."""

    def __init__(self, code: int, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.text = text
        self.status = status


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP reply."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """A JSON reply."""
    return Reply(status, orjson.dumps(value), headers=headers or {})
