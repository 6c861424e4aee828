"""Words for an invalid value: its name, the value, what is valid."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

_SHOWN: Final = 40  # characters of a value


def invalid_value(name: str, value: str, valid: str) -> str:
    """``Invalid tf "2m": use 1m, 5m, 15m, or 1h``, without a full stop."""
    return f"Invalid {name} {quoted(value)}: use {valid}"


def quoted(value: str) -> str:
    """The start of a value in quotation marks, on one line."""
    plain = "".join(each if each.isprintable() else "\N{REPLACEMENT CHARACTER}" for each in value[:_SHOWN])
    return f'"{plain}{"…" if len(value) > _SHOWN else ""}"'


def join_or(choices: Iterable[str]) -> str:
    """``a``, ``a or b``, or ``a, b, or c``."""
    *others, last = choices
    if len(others) < 2:
        return " or ".join([*others, last])
    return f"{', '.join(others)}, or {last}"
