"""Rules of the code base that no linter checks."""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator
from pathlib import Path
from types import FunctionType, ModuleType

import pytest

PACKAGE = Path(__file__).parents[1] / "orderflow_dash"
LIBRARIES = frozenset(
    {"dash", "dash_bootstrap_components", "dash_ag_grid", "flask", "flask_sock", "gunicorn"}
    | {"simple_websocket", "websockets", "werkzeug"}
)
"""Their private names may change with any release."""

DASH_COMPONENT = frozenset(
    {"_namespace", "_type", "_prop_names", "_children_props", "_valid_wildcard_attributes"}
)
"""What every generated Dash component defines: there is no other way to have one."""


def is_private(name: str) -> bool:
    """Whether a name, or a module on its path, is private."""
    return any(part.startswith("_") and not part.startswith("__") for part in name.split("."))


def is_of_library(module: str) -> bool:
    """Whether a module is one of the libraries'."""
    return module.partition(".")[0] in LIBRARIES


def private_imports(tree: ast.AST) -> Iterator[str]:
    """Private names of the libraries that a file imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (
                each.name for each in node.names if is_of_library(each.name) and is_private(each.name)
            )
        elif isinstance(node, ast.ImportFrom) and is_of_library(node.module or ""):
            names = (f"{node.module}.{each.name}" for each in node.names)
            yield from (name for name in names if is_private(name))


def imported(tree: ast.AST) -> dict[str, object]:
    """What a file has from the libraries, by the name in the file."""
    found: dict[str, object] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for each in node.names:
                if is_of_library(each.name):
                    name = each.asname or each.name.partition(".")[0]
                    found[name] = importlib.import_module(each.name if each.asname else name)
        elif isinstance(node, ast.ImportFrom) and is_of_library(node.module or ""):
            module = importlib.import_module(node.module or "")
            for each in node.names:
                found[each.asname or each.name] = getattr(module, each.name, None)
    return found


def resolved(node: ast.expr, names: dict[str, object]) -> object:
    """What a dotted expression names, if it is of a library."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Attribute):
        return getattr(resolved(node.value, names), node.attr, None)
    return resolved(node.value, names) if isinstance(node, ast.Subscript) else None


def defined(node: ast.ClassDef) -> Iterator[str]:
    """Names that a class defines, those that its methods assign to ``self`` among them."""
    for each in node.body:
        if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef):
            yield each.name
        elif isinstance(each, ast.Assign):
            yield from (target.id for target in each.targets if isinstance(target, ast.Name))
        elif isinstance(each, ast.AnnAssign) and isinstance(each.target, ast.Name):
            yield each.target.id
    for each in ast.walk(node):
        is_own = (
            isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "self"
        )
        if is_own and isinstance(each.ctx, ast.Store):
            yield each.attr


def is_inherited(base: type, name: str) -> bool:
    """Whether a class has an attribute, or its methods use one of that name."""
    methods = (
        each for owner in base.__mro__ for each in vars(owner).values() if isinstance(each, FunctionType)
    )
    return hasattr(base, name) or any(name in method.__code__.co_names for method in methods)


def overridden_privates(tree: ast.AST) -> Iterator[str]:
    """Private names of library classes that a file's subclasses override."""
    names = imported(tree)
    for node in ast.walk(tree):
        if not isinstance(node, ast.ClassDef):
            continue
        for base in (resolved(each, names) for each in node.bases):
            if not isinstance(base, type):
                continue
            allowed = DASH_COMPONENT if base.__module__.startswith("dash.development") else frozenset()
            for name in set(defined(node)) - allowed:
                if is_private(name) and is_inherited(base, name):
                    yield f"{node.name}.{name}"


def accessed_privates(tree: ast.AST) -> Iterator[str]:
    """Private attributes of library modules and classes that a file reads or sets."""
    names = imported(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and is_private(node.attr):
            owner = resolved(node.value, names)
            if isinstance(owner, (ModuleType, type)):
                yield f"{ast.unparse(node)}"


@pytest.mark.parametrize(
    "file", sorted(PACKAGE.rglob("*.py")), ids=lambda file: str(file.relative_to(PACKAGE))
)
def test_no_private_name_of_a_library_is_used(file: Path) -> None:
    """Neither imported, nor read from a module, nor overridden in a subclass."""
    tree = ast.parse(file.read_text())
    assert [*private_imports(tree), *overridden_privates(tree), *accessed_privates(tree)] == []


@pytest.mark.parametrize(
    "source",
    [
        "from gunicorn.workers.gthread import _DEFER",
        "from dash._callback import register_callback",
        "import flask.sansio._x",
        "from flask import Flask\nclass F(Flask):\n    def _find_error_handler(self): ...",
        "import dash\nclass D(dash.Dash):\n    def _setup_server(self): ...",
        "from dash import Dash\nclass D(Dash):\n    def f(self):\n        self._index_string = ''",
        "import dash\ndash._callback",
    ],
)
def test_a_private_name_would_be_found(source: str) -> None:
    """The check sees each way to use one."""
    tree = ast.parse(source)
    assert [*private_imports(tree), *overridden_privates(tree), *accessed_privates(tree)]
