"""The size of rooms, classes and functions. Larger ones are listed here, each with its reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

PACKAGE: Final = Path(__file__).parents[1] / "orderflow_dash"
ROOT_FILES: Final = 9
WEB_FILES: Final = 14
MOST_ATTRIBUTES: Final = 14
MOST_LINES: Final = 50

_RECORD: Final = "a record: one attribute per column"
_LAYOUT: Final = "one tree of components"
REASONS: Final = {
    "feeds/clock.py VenueClock": "the parts of one estimate, which change together under its lock",
    "feeds/connection.py Connection": "state of one socket, written by its own thread only",
    "feeds/feed.py Feed": "what all streams of a venue share",
    "feeds/venues/binance.py BinanceListing": "one REST source and one stream of announcements",
    "footprint/candle.py Candle": _RECORD,
    "footprint/series.py Series": "caches of the newest minute and run keep the loop over trades flat",
    "indicators/profile.py Profile": _RECORD,
    "settings.py Settings": _RECORD,
    "simulator/market/synthetic.py SyntheticMarket": "one seeded state, in one order of random draws",
    "simulator/recordings/columns.py Columns": _RECORD,
    "store/writer.py StoreWriter": "the one queue between streams and database: its state is under one lock",
    "web/http/errors.py register_error_handlers": "one handler per kind of error, closed over the server",
    "web/pages/front.py front_page": _LAYOUT,
    "web/panel/options.py PanelOptions": _RECORD,
    "web/panel/panel.py panel": _LAYOUT,
    "web/panel/profile_chart.py profile_figure": "one figure as a plain dict",
    "web/symbols/rows.py Row": _RECORD,
    "wire.py CandleMessage": _RECORD,
}


def attributes_of(node: ast.ClassDef) -> set[str]:
    """Fields of a class and the attributes that its methods set on ``self``."""
    found = set()
    for each in node.body:
        if isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            found.add(each.target.id)
        elif isinstance(each, ast.Assign):
            found |= {target.id for target in each.targets if isinstance(target, ast.Name)} - {"__slots__"}
    for each in ast.walk(node):
        is_set = isinstance(each, ast.Attribute) and isinstance(each.ctx, ast.Store)
        if is_set and isinstance(each.value, ast.Name) and each.value.id == "self":
            found.add(each.attr)
    return found


def oversized(tree: ast.AST) -> Iterator[str]:
    """Names of classes and functions beyond the limits."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and len(attributes_of(node)) > MOST_ATTRIBUTES:
            yield node.name
        is_function = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if is_function and (node.end_lineno or 0) - node.lineno >= MOST_LINES:
            yield node.name


def test_larger_classes_and_functions_have_a_reason() -> None:
    """Exactly those in the list, so that a reason goes with its cause."""
    found = {
        f"{path.relative_to(PACKAGE).as_posix()} {name}"
        for path in PACKAGE.rglob("*.py")
        for name in oversized(ast.parse(path.read_text()))
    }
    assert found == set(REASONS)


@pytest.mark.parametrize(("room", "limit"), [("", ROOT_FILES), ("web", WEB_FILES)])
def test_a_room_has_few_loose_files(room: str, limit: int) -> None:
    assert len(list((PACKAGE / room).glob("*.py"))) <= limit


def test_the_check_counts_attributes_and_lines() -> None:
    fields = "".join(f"    a{number}: int\n" for number in range(MOST_ATTRIBUTES))
    assert list(oversized(ast.parse(f"class Full:\n{fields}"))) == []
    method = "    def __init__(self):\n        self.one_more = 1\n"
    assert list(oversized(ast.parse(f"class Over:\n{fields}{method}"))) == ["Over"]
    body = "    pass\n"
    assert list(oversized(ast.parse("def fits():\n" + body * (MOST_LINES - 1)))) == []
    assert list(oversized(ast.parse("def long():\n" + body * MOST_LINES))) == ["long"]
