"""The recipes of the documentation, read from there."""

from __future__ import annotations

import configparser
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).parents[2]
DEPLOY = (ROOT / "docs" / "deploy.md").read_text()


def recipe(language: str) -> str:
    """The one block of a language in ``docs/deploy.md``."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```$", DEPLOY, re.MULTILINE | re.DOTALL)
    return str(found)


def replaced(text: str, places: dict[str, str]) -> str:
    """A text with what differs on this machine; each of the old pieces must be in it."""
    for old, new in places.items():
        assert old in text, f"the recipe no longer has {old!r}"
        text = text.replace(old, new)
    return text


class Unit:
    """The systemd unit: its command and the environment that it sets."""

    def __init__(self) -> None:
        parser = configparser.RawConfigParser(strict=False)
        parser.optionxform = str  # type: ignore[assignment,method-assign]
        text = recipe("ini")
        parser.read_string(text)
        self.command = shlex.split(parser["Service"]["ExecStart"])
        lines = re.findall(r"^Environment=(.*)$", text, re.MULTILINE)
        pairs = [pair.partition("=") for line in lines for pair in shlex.split(line)]
        self.environment = {name: value for name, _, value in pairs}
