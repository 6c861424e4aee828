"""The TypeScript declarations of the socket's messages are those of ``wire.py``."""

from __future__ import annotations

import re
import types
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import pytest

from orderflow_dash import wire
from orderflow_dash.web.assets import assets_folder

DECLARED: Final = (assets_folder() / "js/wire.d.ts").read_text()
MESSAGES: Final = (
    wire.LevelMessage,
    wire.CandleMessage,
    wire.SnapshotMessage,
    wire.DeltaMessage,
    wire.StatusMessage,
    wire.ErrorMessage,
)
PLAIN: Final = {
    int: "number",
    float: "number",
    str: "string",
    bool: "boolean",
    type(None): "null",
}


def typescript(hint: Any) -> str:
    """A type hint in TypeScript."""
    origin, arguments = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " | ".join(f'"{value}"' for value in arguments)
    if origin in (Union, types.UnionType):
        return " | ".join(map(typescript, arguments))
    if origin is list:
        return f"{typescript(arguments[0])}[]"
    return PLAIN.get(hint) or hint.__name__


def declared(name: str) -> dict[str, str]:
    """The fields of an interface and their types."""
    body = re.search(rf"export interface {name} {{([^}}]*)}}", DECLARED)
    assert body, name
    return dict(re.findall(r"(\w+): ([^;]+);", body[1]))


@pytest.mark.parametrize("message", MESSAGES, ids=lambda message: message.__name__)
def test_declared_fields_are_those_of_the_encoder(message: type) -> None:
    """Same names, same types."""
    expected = {name: typescript(hint) for name, hint in get_type_hints(message).items()}
    assert declared(message.__name__) == expected


def test_no_other_message_is_declared() -> None:
    """Each interface has its class."""
    names = re.findall(r"export interface (\w+)", DECLARED)
    assert names == [message.__name__ for message in MESSAGES]
