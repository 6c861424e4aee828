"""The page's own files: where they lie, and the version that their addresses name.

The version is a digest of the content. Dash names a file's time, which reproducible builds make the same in
every release: a browser that keeps what such an address brought would keep an old page.
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
)  # with or without what Dash adds


def assets_folder() -> Path:
    """Where the CSS and JavaScript lie: beside the package in a checkout, inside it when installed."""
    checkout = _HERE.parents[2] / "assets"
    return checkout if checkout.is_dir() else _HERE.parents[1] / "assets"


def version_of(name: str) -> str:
    """The version of a file, by its path within the folder. Raises OSError where there is none."""
    path = assets_folder() / name
    return _digest(path, path.stat().st_mtime_ns)


def with_versions(document: str) -> str:
    """A document whose every address of such a file names its version as ``?v=``."""
    return _ADDRESS.sub(lambda found: f'"{found[1]}?v={version_of(found[2])}"', document)


@lru_cache(maxsize=256)
def _digest(path: Path, changed_ns: int) -> str:  # noqa: ARG001 - a file that changes is read again
    return sha256(path.read_bytes()).hexdigest()[:16]
