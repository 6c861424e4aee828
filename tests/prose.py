"""The prose of a source file: comments, strings and names, each with its line. For ``test_language.py``."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from typing import NamedTuple

_WORD_IN_NAME = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_CODE_SPAN = re.compile(r"``[^`]+``|`[^`\n]+`")
_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)
_KEY = re.compile(r"[a-z]\w*")  # a string of one word: a key, or a name of a library
_LINK_TARGET = re.compile(r"\]\([^)]*\)")
_HTML_CODE = re.compile(r"<(code|kbd|script|style)\b.*?</\1>|<!--.*?-->|<[^>]*>|\{[{%#].*?[}%#]\}", re.DOTALL)
_CSS_COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)
_CSS_NAME = re.compile(r"(?:\.|#|--)([A-Za-z][\w-]*)")
_HASH_COMMENT = re.compile(r"(?:^|(?<=\s))# ?(.*)$", re.MULTILINE)
# What may stand before a division; after anything else a slash starts a regular expression.
_VALUE_BEFORE_SLASH = re.compile(r"[\w$)\]}]\s*$")
_SCRIPT_NAMES = [
    re.compile(r"\b(?:function|class|const|let|var|get|set|async|static)\s+\*?#?([A-Za-z_$][\w$]*)"),
    re.compile(r"^\s*#?([A-Za-z_$][\w$]*)\([^()]*\)\s*\{", re.MULTILINE),  # a method
    re.compile(r"\bthis\.#?([A-Za-z_$][\w$]*)\s*="),
    re.compile(r"\bfunction\b\s*\*?\s*[\w$]*\(([^()]*)\)"),  # parameters
    re.compile(r"\(([\w$\s,={}]*)\)\s*=>"),
]


class Prose(NamedTuple):
    """A piece of text and the line on which it starts; ``is_name`` for an identifier, split into words."""

    line: int
    text: str
    is_name: bool = False


def words(name: str) -> str:
    """The words of an identifier, of whatever case, with spaces between."""
    return " ".join(_WORD_IN_NAME.findall(name)).lower()


def prose_of(file_name: str, source: str) -> Iterator[Prose]:
    """All prose of a file, by its kind."""
    suffix = file_name.rpartition(".")[2]
    if suffix == "py":
        yield from _python(source)
    elif suffix in ("js", "mjs", "ts"):
        yield from _script(source)
    elif suffix == "css":
        yield from _style_sheet(source)
    elif suffix == "html":
        yield Prose(1, _blanked(_HTML_CODE, source))
    elif suffix == "md":
        yield Prose(1, _without_code(_blanked(_LINK_TARGET, _blanked(_FENCE, source))))
    else:
        yield from _hash_comments(source)


def _python(source: str) -> Iterator[Prose]:
    block: list[str] = []
    start = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.COMMENT:
            if token.start[0] != last + 1:
                yield from _joined(start, block)
                block, start = [], token.start[0]
            block.append(token.string.lstrip("# "))
            last = token.start[0]
    yield from _joined(start, block)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            if not _KEY.fullmatch(node.value):
                yield Prose(node.lineno, _without_code(node.value))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield Prose(node.lineno, words(node.name), is_name=True)
        elif isinstance(node, ast.arg):
            yield Prose(node.lineno, words(node.arg), is_name=True)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield Prose(node.lineno, words(node.id), is_name=True)
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield Prose(node.lineno, words(node.attr), is_name=True)


def _joined(line: int, block: list[str]) -> Iterator[Prose]:
    if block:
        yield Prose(line, _without_code("\n".join(block)))


def _script(source: str) -> Iterator[Prose]:
    """Comments and strings in one pass; names out of what is left."""
    code = []
    at = 0
    comment: list[str] = []
    comment_line = 0
    while at < len(source):
        end, text = _script_token(source, at)
        line = source.count("\n", 0, at) + 1
        if source.startswith("//", at):
            if comment and line != comment_line + len(comment):
                yield from _joined(comment_line, comment)
                comment = []
            comment_line = comment_line if comment else line
            comment.append(text or "")
        elif text:
            yield Prose(line, _without_code(text))
        piece = source[at:end]
        code.append(piece if text is None else re.sub(r"[^\n]", " ", piece))
        at = end
    yield from _joined(comment_line, comment)
    plain = "".join(code)
    for pattern in _SCRIPT_NAMES:
        for match in pattern.finditer(plain):
            line = plain.count("\n", 0, match.start(1)) + 1
            for name in re.findall(r"[A-Za-z_$][\w$]*", match.group(1)):
                yield Prose(line, words(name), is_name=True)


def _script_token(source: str, at: int) -> tuple[int, str | None]:
    """Where the token at a place ends, and its text if it is a comment, a string or a regular expression."""
    two = source[at : at + 2]
    if two == "//":
        end = source.find("\n", at)
        end = len(source) if end < 0 else end
        return end, source[at + 2 : end].strip()
    if two == "/*":
        end = source.find("*/", at + 2)
        end = len(source) if end < 0 else end + 2
        return end, re.sub(r"^\s*\*+ ?", "", source[at + 2 : end - 2], flags=re.MULTILINE)
    if source[at] in "\"'`":
        return _quoted(source, at, source[at])
    if source[at] == "/" and not _VALUE_BEFORE_SLASH.search(source[max(0, at - 80) : at]):
        end, _ = _quoted(source, at, "/")
        return end, ""
    return at + 1, None


def _quoted(source: str, at: int, quote: str) -> tuple[int, str]:
    end, in_class = at + 1, False
    while end < len(source):
        character = source[end]
        if character == "\\":
            end += 2
            continue
        if quote == "/" and character in "[]":
            in_class = character == "["
        if (character == quote and not in_class) or (character == "\n" and quote != "`"):
            break
        end += 1
    return end + 1, re.sub(r"\$\{[^}]*\}", " ", source[at + 1 : end])


def _style_sheet(source: str) -> Iterator[Prose]:
    for match in _CSS_COMMENT.finditer(source):
        yield Prose(source.count("\n", 0, match.start()) + 1, _without_code(match.group()[2:-2]))
    for number, line in enumerate(_blanked(_CSS_COMMENT, source).splitlines(), 1):
        for match in _CSS_NAME.finditer(line):
            yield Prose(number, words(match.group(1)), is_name=True)


def _hash_comments(source: str) -> Iterator[Prose]:
    for match in _HASH_COMMENT.finditer(source):
        yield Prose(source.count("\n", 0, match.start()) + 1, _without_code(match.group(1)))


def _without_code(text: str) -> str:
    return _blanked(_CODE_SPAN, text)


def _blanked(pattern: re.Pattern[str], text: str) -> str:
    """A text with each match replaced by a mark, all lines kept."""
    return pattern.sub(lambda match: "\u00b7" + "\n" * match.group().count("\n"), text)
