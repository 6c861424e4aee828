"""The page's own files: their folder, the files of each page, and addresses that name a version.

The version is a digest of the content and stands in the path, ``assets/<version>/js/main.mjs``: a file
that is named relative to another, as modules and fonts are, inherits it. Browsers may keep it for a year.
``vendor/`` has a version of its own, so that a release does not reload what it did not change.
"""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Final, NamedTuple

_HERE: Final = Path(__file__).resolve()
_VENDOR: Final = "vendor/"

ADDRESS: Final = "assets/<string(length=16):version>/<path:filename>"
"""The rule of a file's address with a version, relative to a page's root."""

PLOTLY: Final = "vendor/plotly-cartesian.min.js"
MAIN: Final = "js/main.mjs"
THEME: Final = "js/theme.js"
ICON: Final = "favicon.svg"
STYLES: Final = (
    "vendor/bootstrap.min.css",
    "css/tokens.css",
    "css/page.css",
    "css/symbol-table.css",
    "css/panel.css",
    "css/level-table.css",
    "css/latency.css",
    "css/replay.css",
    "css/embed-compare.css",
    "css/help-link.css",
    "css/chart.css",
)
"""The style sheets of the Dash pages; later ones override earlier ones."""


class _Release(NamedTuple):
    """Files that share a version."""

    version: str
    changed_ns: dict[str, int]  # time of the last change by name


def assets_folder() -> Path:
    """The folder of CSS and JavaScript: beside the package in a checkout, inside it when installed."""
    checkout = _HERE.parents[2] / "assets"
    return checkout if checkout.is_dir() else _HERE.parents[1] / "assets"


def modules() -> list[str]:
    """The names of all modules; ``js/main.mjs`` imports the others."""
    folder = assets_folder()
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob("js/**/*.mjs"))


def address_of(name: str) -> str:
    """The address of a file with its version, relative to a page's root."""
    return f"assets/{_release_of(name).version}/{name}"


def is_current(version: str, name: str) -> bool:
    """Whether a version is that of a file, which has not changed since the version was computed."""
    release = _release_of(name)
    changed_ns = release.changed_ns.get(name)
    return version == release.version and changed_ns == (assets_folder() / name).stat().st_mtime_ns


def _release_of(name: str) -> _Release:
    return _read(assets_folder(), name.startswith(_VENDOR))


@cache
def _read(folder: Path, is_vendor: bool) -> _Release:
    digest = sha256()
    changed_ns = {}
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        name = path.relative_to(folder).as_posix()
        if name.startswith(_VENDOR) is not is_vendor:
            continue
        changed_ns[name] = path.stat().st_mtime_ns
        content = path.read_bytes()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return _Release(digest.hexdigest()[:16], changed_ns)
