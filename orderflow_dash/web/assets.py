"""The static files: their folder, and the version in their URLs.

The version is a digest of the content. Dash uses the file's time, which reproducible builds make equal in
every release, so that browsers would keep an old file.
"""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).resolve()
_ADDRESS: Final = re.compile(
    r'"(/(?:[^"?]*/)?assets/([^"?]+))(?:\?m=[0-9.]+)?"'
)  # with or without the time that Dash adds


def assets_folder() -> Path:
    """The folder of CSS and JavaScript: beside the package in a checkout, inside it when installed."""
    checkout = _HERE.parents[2] / "assets"
    return checkout if checkout.is_dir() else _HERE.parents[1] / "assets"


def version_of(name: str) -> str:
    """The version of a file by its path within the folder. Raises OSError for a missing file."""
    path = assets_folder() / name
    return _digest(path, path.stat().st_mtime_ns)


def with_versions(document: str) -> str:
    """A document with ``?v=VERSION`` added to the URL of each static file."""
    return _ADDRESS.sub(lambda found: f'"{found[1]}?v={version_of(found[2])}"', document)


@lru_cache(maxsize=256)
def _digest(path: Path, changed_ns: int) -> str:  # noqa: ARG001 - part of the cache key
    return sha256(path.read_bytes()).hexdigest()[:16]
