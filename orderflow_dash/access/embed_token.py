"""Signed, short-lived tokens that open one panel, for frames on another site's page.

A token holds venue, symbols and lifetime; ``itsdangerous`` adds the time and the signature. The secret may be
several keys separated by spaces, the newest first: the first one signs, each of them verifies.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from itsdangerous import BadData, URLSafeTimedSerializer

from orderflow_dash.market import Venue

LONGEST_MINUTES: Final = 7 * 24 * 60
MOST_SYMBOLS: Final = 20

_SALT: Final = "orderflow embed token"
_FILES: Final = b"orderflow embed files"
_LONGEST: Final = 2048  # characters
_LONGEST_SYMBOL: Final = 40
# Stricter than the decoder, which skips characters outside of base64: one token, one spelling.
_FORM: Final = re.compile(r"\.?[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class TokenError(Exception):
    """An invalid token; the text is the cause."""


class TokenExpired(TokenError):
    """A token that was valid."""


class TokenScope(NamedTuple):
    """The venue and symbols that a token opens, until ``expires`` (s since the epoch)."""

    venue: Venue
    symbols: tuple[str, ...]
    expires: float

    def violation(self, args: Mapping[str, str]) -> tuple[str, str] | None:
        """The first parameter of a query outside of the scope, and the cause; None for a query within it."""
        if args.get("exchange", self.venue.value).lower() != self.venue.value:
            return "exchange", f"token is limited to {self.venue.value}"
        if args.get("symbol", self.symbols[0]).upper() not in self.symbols:
            return "symbol", f"token is limited to {', '.join(self.symbols)}"
        return None


class EmbedTokens:
    """Signs and verifies tokens."""

    def __init__(self, secret: str) -> None:
        self._keys = secret.split()
        self._serializer = URLSafeTimedSerializer(
            self._keys[::-1],  # expects the newest last
            salt=_SALT,
            # 384 bits fill 64 characters exactly; the last character of a shorter digest has unused bits.
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha384},
        )

    def sign(self, venue: Venue, symbols: Sequence[str], lifetime_s: float) -> str:
        """A token for symbols of a venue. Raises ValueError for invalid symbols or an invalid lifetime."""
        names = [symbol.strip().upper() for symbol in symbols]
        if not 0 < len(names) <= MOST_SYMBOLS or not all(0 < len(name) <= _LONGEST_SYMBOL for name in names):
            raise ValueError(f"use 1 to {MOST_SYMBOLS} symbols of 1 to {_LONGEST_SYMBOL} characters each")
        if not 0 < lifetime_s <= LONGEST_MINUTES * 60:
            raise ValueError(f"use a lifetime of at most {LONGEST_MINUTES * 60} s")
        token = self._serializer.dumps({"v": venue.value, "s": names, "t": lifetime_s})
        return token if isinstance(token, str) else token.decode()

    def read(self, token: str, now: float) -> TokenScope:
        """The scope of a token. Raises TokenExpired, and TokenError for a token that no key has signed."""
        if len(token) > _LONGEST or not _FORM.fullmatch(token):
            raise TokenError("invalid token")
        try:
            payload, signed = self._serializer.loads(token, return_timestamp=True)
            scope = _scope(payload, signed.timestamp())
        except (BadData, KeyError, TypeError, ValueError) as error:
            raise TokenError("invalid token") from error
        if now >= scope.expires:
            raise TokenExpired("access has expired")
        return scope

    @property
    def files_pass(self) -> str:
        """The pass for scripts and styles of a frame; one for all tokens, so that browsers cache them."""
        return _files_pass(self._keys[0])

    def is_files_pass(self, text: str) -> bool:
        """Whether a text is the pass of any key."""
        given = text.encode()
        return any(hmac.compare_digest(given, _files_pass(key).encode()) for key in self._keys)


def _files_pass(key: str) -> str:
    return hmac.new(key.encode(), _FILES, hashlib.sha256).hexdigest()


def _scope(payload: dict[str, Any], signed: float) -> TokenScope:
    return TokenScope(Venue(payload["v"]), tuple(payload["s"]), signed + payload["t"])
