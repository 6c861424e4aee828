"""Tokens: what they open, how long, and what becomes of one that was touched."""

from __future__ import annotations

import re
import string
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderflow_dash.access.embed_token import (
    LONGEST_MINUTES,
    EmbedTokens,
    TokenError,
    TokenExpired,
    TokenScope,
)
from orderflow_dash.market import Venue

KEY = "a key of our own, and long enough".replace(" ", "-")
TOKENS = EmbedTokens(KEY)
TOKEN = TOKENS.sign(Venue.BINANCE, ["BTCUSDT", "ethusdt"], 3600)


def test_a_token_opens_what_it_was_signed_for_until_its_end() -> None:
    """Venue, symbols and time are those of the signature."""
    now = time.time()
    token = TOKENS.sign(Venue.BINANCE, ["BTCUSDT", "ethusdt"], 3600)
    lock = TOKENS.read(token, now)
    assert (lock.venue, lock.symbols) == (Venue.BINANCE, ("BTCUSDT", "ETHUSDT"))
    assert 3599 <= lock.expires - int(now) <= 3610
    assert TOKENS.read(token, lock.expires - 1) == lock
    for later in (0, 1, 10**9):
        with pytest.raises(TokenExpired, match="expired"):
            TOKENS.read(token, lock.expires + later)


def test_a_token_fits_into_a_path_as_it_is() -> None:
    """Nothing in it needs escaping."""
    assert re.fullmatch(r"[A-Za-z0-9._-]+", TOKEN)


def test_no_character_can_be_changed_left_out_or_added() -> None:
    """One token has one spelling."""
    alphabet = string.ascii_letters + string.digits + "-_.=!%/ \n\0é"
    touched = {TOKEN[:at] + other + TOKEN[at + 1 :] for at in range(len(TOKEN)) for other in alphabet}
    touched |= {TOKEN[:at] + other + TOKEN[at:] for at in range(len(TOKEN) + 1) for other in alphabet}
    touched |= {TOKEN[:at] + TOKEN[at + 1 :] for at in range(len(TOKEN))}
    touched |= {TOKEN.swapcase(), TOKEN[::-1], TOKEN * 2, "", ".", "..", "a.b.c", TOKEN + "=" * 4}
    now = time.time()
    for text in touched - {TOKEN}:
        with pytest.raises(TokenError) as error:
            TOKENS.read(text, now)
        assert not isinstance(error.value, TokenExpired)


@given(text=st.text(max_size=300))
def test_any_text_is_refused(text: str) -> None:
    """As no token, never with another error."""
    with pytest.raises(TokenError):
        TOKENS.read(text, time.time())


def test_parts_of_two_tokens_make_none() -> None:
    """The end of a long-lived one does not lengthen a short-lived one."""
    other = EmbedTokens(KEY).sign(Venue.BYBIT, ["BTCUSDT"], 10**5)
    own, theirs = TOKEN.split("."), other.split(".")
    for mixed in ([theirs[0], *own[1:]], [*own[:2], theirs[2]], [theirs[0], own[1], theirs[2] + "A"]):
        with pytest.raises(TokenError):
            TOKENS.read(".".join(mixed), time.time())


def test_the_key_is_what_it_is_about() -> None:
    """A token signed with another key, or with this key for another purpose, is refused."""
    from itsdangerous import URLSafeTimedSerializer

    content = {"v": "binance", "s": ["BTCUSDT"], "t": 60}
    for forged in (
        EmbedTokens(KEY + "x").sign(Venue.BINANCE, ["BTCUSDT"], 60),
        URLSafeTimedSerializer(KEY).dumps(content),
        URLSafeTimedSerializer(KEY, salt="cookie-session").dumps(content),
    ):
        with pytest.raises(TokenError):
            TOKENS.read(str(forged), time.time())


def test_a_new_key_signs_and_listed_old_keys_still_verify() -> None:
    """That is how keys are changed without breaking a frame."""
    both, new = EmbedTokens(f"the-newest-of-keys {KEY}"), EmbedTokens("the-newest-of-keys")
    assert both.read(TOKEN, time.time()) == TOKENS.read(TOKEN, time.time())
    fresh = both.sign(Venue.BINANCE, ["BTCUSDT"], 60)
    assert new.read(fresh, time.time()).symbols == ("BTCUSDT",)
    for reader, token in ((new, TOKEN), (TOKENS, fresh)):
        with pytest.raises(TokenError):
            reader.read(token, time.time())
    assert both.is_files_pass(TOKENS.files_pass)
    assert both.is_files_pass(new.files_pass)
    assert both.files_pass == new.files_pass


@pytest.mark.parametrize("text", ["", "0" * 64, "é", TOKENS.files_pass[:-1], TOKENS.files_pass.upper()])
def test_the_pass_for_files_is_exact(text: str) -> None:
    """The pass is not accepted as a token, and a token is not accepted as the pass."""
    assert not TOKENS.is_files_pass(text)
    assert not TOKENS.is_files_pass(TOKEN)
    with pytest.raises(TokenError):
        TOKENS.read(TOKENS.files_pass, time.time())


@pytest.mark.parametrize("symbols", [[], [""], ["A" * 41], ["BTCUSDT"] * 21, ["  "]])
def test_symbols_that_cannot_be_are_not_signed(symbols: list[str]) -> None:
    """One to twenty, none of them empty."""
    with pytest.raises(ValueError, match="symbols"):
        TOKENS.sign(Venue.BINANCE, symbols, 60)


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), LONGEST_MINUTES * 60 + 1])
def test_a_token_that_lives_forever_is_not_signed(seconds: float) -> None:
    """A token cannot be revoked, so every token expires."""
    with pytest.raises(ValueError, match="lifetime"):
        TOKENS.sign(Venue.BINANCE, ["BTCUSDT"], seconds)


@pytest.mark.parametrize(
    ("args", "param"),
    [
        ({}, None),
        ({"symbol": "ETHUSDT"}, None),
        ({"symbol": "ethusdt", "exchange": "binance"}, None),
        ({"symbol": "SOLUSDT"}, "symbol"),
        ({"symbol": ""}, "symbol"),
        ({"symbol": "BTCUSDT,SOLUSDT"}, "symbol"),
        ({"exchange": "bybit"}, "exchange"),
        ({"exchange": "BINANCE"}, None),
        ({"exchange": "BYBIT"}, "exchange"),
    ],
)
def test_a_lock_refuses_what_lies_beyond_it(args: dict[str, str], param: str | None) -> None:
    """What a query leaves out is the lock's own."""
    refusal = TokenScope(Venue.BINANCE, ("BTCUSDT", "ETHUSDT"), 0.0).violation(args)
    assert (refusal and refusal[0]) == param
