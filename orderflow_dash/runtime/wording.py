"""How a value that is not accepted is told to a person: what it is called, what it is, what would do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_LONGEST: Final = 40  # characters of a value that are told back


def not_accepted(name: str, value: str, accepted: str) -> str:
    """``tf “2m” is not accepted: 1m, 5m, 15m or 1h``, without a full stop."""
    return f"{name} {quoted(value)} is not accepted: {accepted}"


def quoted(value: str) -> str:
    """The beginning of what somebody wrote, in quotation marks and in one line."""
    plain = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in value[:_LONGEST])
    return f"“{plain}{'…' if len(value) > _LONGEST else ''}”"


def either(choices: Iterable[str]) -> str:
    """``a, b or c``."""
    *others, last = choices
    return f"{', '.join(others)} or {last}" if others else last
