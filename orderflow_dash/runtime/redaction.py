"""Removes secrets from text before it is written.

Two rules: known secrets are replaced anywhere, and so is any value in a place for secrets (a header, a query
parameter, the password of an address).
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus, unquote

STRUCK: Final = "***"
_SHORTEST: Final = 4  # a shorter one would match in half of all lines, and protects nothing

_ADDRESS = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+@")
_IN_PATH = re.compile(r"(?<=/embed/t/)[^/?&\s\"]+")
# A name matches from its start only: a long one from a client would otherwise cost the square of its length.
_HEADER = re.compile(
    r"(\b(?:http_)?(?:(?:proxy[-_])?authorization|(?:set-)?cookie)"
    r"|(?<![\w-])(?:http_)?x[-_][\w-]*(?:key|token|secret))"
    r"(['\"]?\s*[:=,]\s*)[^\r\n]+",
    re.IGNORECASE,
)
_SCHEME = re.compile(r"\b(bearer|basic|digest)\s+[A-Za-z0-9._~+/=-]{6,}", re.IGNORECASE)
_NAMED = re.compile(
    r"((?<![\w.-])[\w.-]*(?:token|secret|passw(?:or)?d|pwd|credential|signature|session_?id|jwt|key)"
    r"|auth|sig|sid)"
    r"(['\"]?\s*(?:=|:|%3D)\s*['\"]?)[^\s'\"&;,})\]]+",
    re.IGNORECASE,
)


class Redaction:
    """The known secrets of this process; it only grows. Thread-safe."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[str]) -> None:
        """Replace these from now on, in plain and URL-encoded form."""
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        # The longest first: one may contain another.
        self._known = tuple(sorted({*self._known, *forms}, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for secret in self._known:
            if secret in text:
                text = text.replace(secret, STRUCK)
        text = _ADDRESS.sub(rf"\1:{STRUCK}@", text)
        text = _IN_PATH.sub(STRUCK, text)
        text = _HEADER.sub(rf"\1\2{STRUCK}", text)
        text = _SCHEME.sub(rf"\1 {STRUCK}", text)
        return _NAMED.sub(rf"\1\2{STRUCK}", text)


redact: Final = Redaction()


def _forms(secret: str) -> set[str]:
    return {secret, unquote(secret), quote(secret, safe=""), quote_plus(secret), repr(secret)[1:-1]}
