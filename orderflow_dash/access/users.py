"""The list of users that may log in, as a setting holds it.

An entry is ``NAME:HASH``. The hash is werkzeug's, with dots for its dollar signs, so that shells, env files
and compose files leave it as it is; the original with dollar signs is accepted too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

METHOD: Final = "scrypt:32768:8:1"  # one cost for all: how long a refusal takes must not tell who exists

_NAME = re.compile(r"[^\s:,\x00-\x1f\x7f]{1,64}")
_HASH = re.compile(
    rf"{METHOD}(?P<mark>[.$])(?P<salt>[A-Za-z0-9]{{8,64}})(?P=mark)(?P<digest>[0-9a-f]{{128}})"
)


def parse_users(text: str) -> Mapping[str, str]:
    """Hashes as werkzeug reads them, by name. Raises ValueError, which says what is accepted and no hash."""
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
    """An entry of the list, or its hash alone. Raises ValueError for a name that cannot be."""
    text = hashed.replace("$", ".")
    if name is None:
        return text
    if not _NAME.fullmatch(name):
        raise ValueError("a name has 1 to 64 characters and neither spaces, colons nor commas")
    return f"{name}:{text}"
