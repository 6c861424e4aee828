"""The users setting.

An entry is ``NAME:HASH``. The hash is werkzeug's with dots instead of dollar signs, which shells, env files
and compose files leave unchanged; the original with dollar signs is valid too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

METHOD: Final = "scrypt:32768:8:1"  # one cost for all users: response times must not reveal which users exist

_NAME = re.compile(r"[^\s:,\x00-\x1f\x7f]{1,64}")
_HASH = re.compile(
    rf"{METHOD}(?P<mark>[.$])(?P<salt>[A-Za-z0-9]{{8,64}})(?P=mark)(?P<digest>[0-9a-f]{{128}})"
)


def parse_users(text: str) -> Mapping[str, str]:
    """Hashes in werkzeug's format by name. Raises ValueError with the valid form and without hashes."""
    users: dict[str, str] = {}
    for place, entry in enumerate(re.split(r"[\s,]+", text.strip(" \t\r\n,")), 1):
        if not entry:
            continue
        name, _, written = entry.partition(":")
        found = _HASH.fullmatch(written)
        if found is None or not _NAME.fullmatch(name) or name in users:
            raise ValueError(
                f"must be NAME:HASH entries separated by spaces, each name once; entry {place} is invalid."
                " `orderflow-dash hash-password NAME` prints a valid entry"
            )
        users[name] = f"{METHOD}${found['salt']}${found['digest']}"
    return users


def format_entry(name: str | None, hashed: str) -> str:
    """An entry of the list, or only its hash without a name. Raises ValueError for an invalid name."""
    text = hashed.replace("$", ".")
    if name is None:
        return text
    if not _NAME.fullmatch(name):
        raise ValueError("Invalid user name: use 1 to 64 characters without spaces, colons and commas")
    return f"{name}:{text}"
