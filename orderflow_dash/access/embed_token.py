"""Signed, short-lived tokens that open one panel and nothing else, for frames on somebody else's page.

A token says venue, symbols and how long it lives; ``itsdangerous`` adds the time and the signature.
The secret may be several keys by spaces, the newest first: that one signs, all of them are believed.
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
# Stricter than the decoder, which skips what is no base64: one token, one spelling.
_FORM: Final = re.compile(r"\.?[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


class TokenError(Exception):
    """A token that opens nothing; the text says why."""


class TokenExpired(TokenError):
    """A token that was good once."""


class TokenScope(NamedTuple):
    """What a token opens, and until when (seconds since the epoch)."""

    venue: Venue
    symbols: tuple[str, ...]
    expires: float

    def violation(self, args: Mapping[str, str]) -> tuple[str, str] | None:
        """The name and the reason of what a query asks for beyond it; None where it stays within."""
        if args.get("exchange", self.venue.value).lower() != self.venue.value:
            return "exchange", f"this access is for {self.venue.value} alone"
        if args.get("symbol", self.symbols[0]).upper() not in self.symbols:
            return "symbol", f"this access is for {', '.join(self.symbols)} alone"
        return None


class EmbedTokens:
    """Signs tokens and reads them."""

    def __init__(self, secret: str) -> None:
        self._keys = secret.split()
        self._serializer = URLSafeTimedSerializer(
            self._keys[::-1],  # it wants the newest last
            salt=_SALT,
            # 384 bits are 64 characters to the bit; the last one of a shorter digest would have some play.
            signer_kwargs={"key_derivation": "hmac", "digest_method": hashlib.sha384},
        )

    def sign(self, venue: Venue, symbols: Sequence[str], lifetime_s: float) -> str:
        """A token for symbols of a venue. Raises ValueError for symbols or a lifetime that cannot be."""
        names = [symbol.strip().upper() for symbol in symbols]
        if not 0 < len(names) <= MOST_SYMBOLS or not all(0 < len(name) <= _LONGEST_SYMBOL for name in names):
            raise ValueError(f"1 to {MOST_SYMBOLS} symbols of 1 to {_LONGEST_SYMBOL} characters each")
        if not 0 < lifetime_s <= LONGEST_MINUTES * 60:
            raise ValueError(f"a lifetime of at most {LONGEST_MINUTES * 60} s")
        token = self._serializer.dumps({"v": venue.value, "s": names, "t": lifetime_s})
        return token if isinstance(token, str) else token.decode()

    def read(self, token: str, now: float) -> TokenScope:
        """What a token opens at a time. Raises TokenExpired, and TokenError for one that we never signed."""
        if len(token) > _LONGEST or not _FORM.fullmatch(token):
            raise TokenError("this is no token of this server")
        try:
            told, signed = self._serializer.loads(token, return_timestamp=True)
            scope = _scope(told, signed.timestamp())
        except (BadData, KeyError, TypeError, ValueError) as error:
            raise TokenError("this is no token of this server") from error
        if now >= scope.expires:
            raise TokenExpired("the access has expired")
        return scope

    @property
    def files_pass(self) -> str:
        """What opens the scripts and styles of a frame: one for all tokens, so that browsers keep them."""
        return _files_pass(self._keys[0])

    def is_files_pass(self, text: str) -> bool:
        """Whether a text is that, of any of the keys."""
        told = text.encode()
        return any(hmac.compare_digest(told, _files_pass(key).encode()) for key in self._keys)


def _files_pass(key: str) -> str:
    return hmac.new(key.encode(), _FILES, hashlib.sha256).hexdigest()


def _scope(told: dict[str, Any], signed: float) -> TokenScope:
    return TokenScope(Venue(told["v"]), tuple(told["s"]), signed + told["t"])
