"""The list of users: what is accepted, and what survives a shell and an env file."""

from __future__ import annotations

import shlex

import pytest

from orderflow_dash.access.logins import hash_password
from orderflow_dash.access.users import format_entry, parse_users

HASHED = hash_password("correct horse")


def test_an_entry_is_read_back_as_the_hash_it_was_written_from() -> None:
    """With the dots of the command, and with werkzeug's own dollar signs."""
    assert parse_users(format_entry("alice", HASHED)) == {"alice": HASHED}
    assert parse_users(f"alice:{HASHED}") == {"alice": HASHED}


def test_an_entry_needs_no_quoting() -> None:
    """A shell, an env file and a compose file leave it as it is."""
    entry = format_entry("alice", HASHED)
    assert shlex.quote(entry) == entry
    assert not set(entry) & set("$#'\"\\`!&{} ")


@pytest.mark.parametrize("between", [" ", ",", ", ", "\n", "\r\n  "])
def test_entries_stand_by_spaces_commas_or_lines(between: str) -> None:
    """However a setting file breaks them."""
    entries = [format_entry(name, HASHED) for name in ("alice", "bob@desk.example", "Ünal")]
    assert list(parse_users(between.join(entries) + between)) == ["alice", "bob@desk.example", "Ünal"]
    assert parse_users(f" {between} ") == {}


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "alice:swordfish",
        f":{HASHED}",
        f"{'a' * 65}:{HASHED}",
        f"alice:{HASHED[:-1]}",
        f"alice:{HASHED}0",
        f"alice:{HASHED.replace('$', '.', 1)}",
        f"alice:{HASHED.replace('32768', '2')}",  # cheaper than the others: timing would reveal users
        "alice:pbkdf2:sha256:1000$abcdefgh$" + "0" * 64,
        f"alice:{HASHED.partition('$')[0]}",  # what a shell leaves of it
        f"alice:{HASHED} alice:{HASHED}",
    ],
)
def test_an_invalid_entry_is_refused_without_quoting_it(text: str) -> None:
    """The message names the position of the entry, not its text."""
    with pytest.raises(ValueError, match="NAME:HASH") as error:
        parse_users(text)
    assert "swordfish" not in str(error.value)
    assert HASHED[30:60] not in str(error.value)


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a,b", "a\nb", "a" * 65])
def test_a_name_that_no_entry_can_hold_is_refused(name: str) -> None:
    """Before it is written anywhere."""
    with pytest.raises(ValueError, match="64 characters"):
        format_entry(name, HASHED)
