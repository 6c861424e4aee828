"""The language of docs, comments, strings and names: plain English, US spelling (CONTRIBUTING.md, Style)."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from tests.prose import Prose, prose_of

ROOT = Path(__file__).parents[1]
SUFFIXES = {".py", ".js", ".mjs", ".ts", ".css", ".html", ".md", ".yml", ".toml", ".txt", ""}
HAS_NO_PROSE = re.compile(
    r"\.min\.|/vendor/|/fonts/|^requirements.*\.txt$|^LICENSE$|^\.python-version$|^\.git|^Procfile$"
)
OWN = {"tests/test_language.py", "tests/prose.py"}  # they quote what they reject
LONGEST_TEST_NAME = 60

# Lower case or capitalized: SQL's BEGIN is no English.
BANNED = {
    "tell": r"\b[Tt](?:ells?|old|elling)\b",
    "begin": r"\b[Bb]eg(?:ins?|an|un)\b",
    "anew": r"\b[Aa]new\b",
    "ours": r"\b[Oo]urs\b",
    "put right": r"\b[Pp]ut(?:s|ting)?(?:\s+\w+)?\s+right\b",
    "so many": r"\b[Ss]o\s+many\b",
    "meanwhile": r"\b[Mm]eanwhile\b",
    "by itself": r"\b[Bb]y\s+itself\b",
    "nobody": r"\b[Nn]obody\b",
    "whoever": r"\b[Ww]hoever\b",
    "to be had": r"\bto\s+be\s+had\b",
    "at hand": r"\b[Aa]t\s+hand\b",
    "dress": r"\b[Dd]ress(?:es|ed|ing)?\b",
    "beat": r"\b[Bb]eats?\b",
    "who asks": r"\b[Ww]ho\s+asks\b",
    "is no": r"(?<![Tt]here\s)\b(?:is|are)\s+no\s+(?!longer\b|more\b|less\b|later\b|earlier\b)",
    "what is, as a subject": r"(?:^|[.:;!?]\s+|\()What\s+(?:is|was|are|were|has|comes|stands|goes)\b"
    r"(?![^.?!]*\?)",
    "British spelling": r"(?i)\b(?:colour|favourite|neighbour|behaviour|honour|grey|centre|licence)\w*"
    r"|\b(?:normal|organ|recogn|initial|serial|synchron|summar|minim|maxim|util)is(?:e[ds]?|ing|ation)\b",
}
PUBLIC = {"the feed began inside it"}  # bytes of the CSV, which do not change
RULES = {name: re.compile(pattern) for name, pattern in BANNED.items()}


def faults(prose: Prose) -> Iterator[tuple[str, int]]:
    """The rules that a piece of prose breaks, each with its line."""
    text = prose.text
    if text in PUBLIC:
        return
    if prose.is_name and text.removeprefix("test ").startswith("what "):
        text = text.removeprefix("test ").capitalize()
    for name, rule in RULES.items():
        for match in rule.finditer(text):
            yield name, prose.line + text.count("\n", 0, match.start())


@cache
def files() -> list[str]:
    """Every file of the repository with prose in it."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [
        name
        for name in listed.stdout.splitlines()
        if Path(name).suffix in SUFFIXES
        and not HAS_NO_PROSE.search(name)
        and name not in OWN
        and (ROOT / name).is_file()
    ]


def folders() -> list[str]:
    """The folders that are checked one by one, two levels deep."""
    return sorted({"/".join(Path(name).parts[:-1][:2]) for name in files()})


@pytest.mark.parametrize("folder", folders())
def test_a_folder_is_in_plain_english(folder: str) -> None:
    """No word of the list in a comment, a string, a name or a document."""
    found = [
        f"{name}:{line}: {rule}"
        for name in files()
        if "/".join(Path(name).parts[:-1][:2]) == folder
        for prose in prose_of(name, (ROOT / name).read_text())
        for rule, line in faults(prose)
    ]
    assert not found, "\n".join(sorted(found))


def test_a_test_name_is_one_short_claim() -> None:
    """At most 60 characters after ``test_``."""
    long = [
        f"{name}:{node.lineno}: {node.name}"
        for name in files()
        if re.search(r"(^|/)test_\w+\.py$", name)
        for node in ast.walk(ast.parse((ROOT / name).read_text()))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and len(node.name.removeprefix("test_")) > LONGEST_TEST_NAME
    ]
    assert not long, "\n".join(long)


def broken(file_name: str, source: str) -> list[tuple[str, int]]:
    """The rules that a source breaks, with their lines."""
    return [fault for prose in prose_of(file_name, source) for fault in faults(prose)]


@pytest.mark.parametrize(
    ("rule", "sentence"),
    [
        ("tell", "What the venue tells of its listing."),
        ("tell", "Told apart from a quiet symbol."),
        ("begin", "A stream begins again."),
        ("begin", "Begin the lease."),
        ("anew", "Sorted anew."),
        ("ours", "A clock of ours."),
        ("put right", "A bad option is put right."),
        ("put right", "It puts them right."),
        ("so many", "Renewed after so\nmany seconds."),
        ("meanwhile", "Meanwhile it waits."),
        ("by itself", "It ends by itself."),
        ("nobody", "Nobody watches it."),
        ("whoever", "Open to whoever reaches it."),
        ("to be had", "Its past is not to be had yet."),
        ("at hand", "No trades are at hand."),
        ("dress", "Dress the cells."),
        ("beat", "Left out a beat of the clock."),
        ("who asks", "A thread is for who asks."),
        ("is no", "It is no error."),
        ("what is, as a subject", "What is stored is a minute."),
        ("what is, as a subject", "Kept. What comes later is dropped."),
        ("British spelling", "The colours of neighbouring cells."),
        ("British spelling", "Normalised on a grey ground."),
    ],
)
def test_the_checker_finds_each_kind_of_fault(rule: str, sentence: str) -> None:
    """In a sentence of a document."""
    assert rule in {name for name, _ in broken("page.md", sentence)}


@pytest.mark.parametrize(
    "sentence",
    [
        "There is no order book.",
        "The lease is no longer valid.",
        "A heartbeat every 20 s, at the client's address.",
        "What is new? It shows what is new.",
        "The log reports `nobody` and ``it begins again``.",
        "The server starts, restarts and resets the series; the color is gray.",
        "```\nSELECT 1; BEGIN; -- told\n```",
        "[a link](docs/told.md)",
    ],
)
def test_the_checker_accepts_plain_sentences(sentence: str) -> None:
    """Fields of the trade, questions and quoted code."""
    assert broken("page.md", sentence) == []


@pytest.mark.parametrize(
    ("file_name", "source", "line"),
    [
        ("a.py", "x = 1\n# one\n# that is so\n# many\n", 3),
        ("a.py", "x = 1\nraise ValueError(f'{x} is no number')\n", 2),
        ("a.py", '"""A module.\n\nNobody reads it.\n"""\n', 3),
        ("a.py", "def begin_anew(): ...\n", 1),
        ("a.py", "def f(told): ...\n", 1),
        ("a.py", "class A:\n    def __init__(self):\n        self.begun = 1\n", 3),
        ("a.py", "def test_what_is_stored_is_a_minute(): ...\n", 1),
        ("a.mjs", "const a = 1;\n// a clock\n// of ours\n", 3),
        ("a.mjs", "/* one\n * told */\n", 2),
        ("a.mjs", "const a = b / c; // told / two\n", 1),
        ("a.mjs", "const a = /[\"'/]/; const b = 'told';\n", 1),
        ("a.mjs", "const a = `one ${two} told`;\n", 1),
        ("a.mjs", "export function tellAll(a) {\n}\n", 1),
        ("a.mjs", "class A {\n  dressRow(row) {\n  }\n}\n", 2),
        ("a.css", "/* one\n   anew */\n.a { color: red; }\n", 2),
        ("a.css", ".a {\n}\n.cell-colour {\n}\n", 3),
        ("a.html", "<p>\n<b>Here</b> it is told.</p>\n", 2),
        ("Makefile", "run: # told\n", 1),
    ],
)
def test_the_checker_reads_each_kind_of_file(file_name: str, source: str, line: int) -> None:
    """Comments, strings and names, each fault with its line."""
    assert {at for _, at in broken(file_name, source)} == {line}


@pytest.mark.parametrize(
    ("file_name", "source"),
    [
        ("a.py", "connection.begin()\n"),
        ("a.py", 'execute("BEGIN IMMEDIATE")\n'),
        ("a.py", 'listen(engine, "begin", started)\n'),
        ("a.mjs", "context.beginPath();\nconst ratio = a / b;\n"),
        ("a.html", "<p class='told'><code>begin</code> {{ told }}</p>\n"),
        ("a.css", ".address { margin: 0; }\n"),
    ],
)
def test_the_checker_ignores_names_of_libraries(file_name: str, source: str) -> None:
    """Only a name that a file defines counts, and only whole words."""
    assert broken(file_name, source) == []
