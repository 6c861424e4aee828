"""Takes secrets out of text that is about to be written down, whoever wrote it.

Two ways at once: values that are known to be secret are struck out wherever they stand, and so is whatever
stands where secrets stand (a header, a query, the password of an address), known or not.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import quote, quote_plus, unquote

STRUCK: Final = "***"
_SHORTEST: Final = 4  # a shorter one would strike out half of every line, and guards nothing

_ADDRESS = re.compile(r"(?<=://)([^\s/@:]*):[^\s/@]+@")
_IN_PATH = re.compile(r"(?<=/embed/t/)[^/?&\s\"]+")
# A name is looked at from where it begins and from nowhere inside it: a long one that strangers sent would
# else cost the square of its length.
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
    """What is known to be secret in this process; grows only. Thread-safe."""

    def __init__(self) -> None:
        self._known: tuple[str, ...] = ()

    def hide(self, secrets: Iterable[str]) -> None:
        """Strike these out from now on, in each of the forms that an address or a query gives them."""
        forms = {form for secret in secrets for form in _forms(secret) if len(form) >= _SHORTEST}
        # The longest first: one may be a part of another.
        self._known = tuple(sorted({*self._known, *forms}, key=len, reverse=True))

    def __call__(self, text: str) -> str:
        """The text without them."""
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
