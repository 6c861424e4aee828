"""Checks of the access settings. Each raises ValueError with the valid form and without secrets."""

from __future__ import annotations

import re
from typing import Final

from pydantic import SecretStr, ValidationInfo

from orderflow_dash.access.origins import Origins
from orderflow_dash.access.trusted_proxy import parse_proxies
from orderflow_dash.access.users import parse_users

_HEADER: Final = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")  # servers drop names with underscores
_NO_HEADERS: Final = ("host", "cookie", "authorization")  # set by clients
_SHORTEST_KEY: Final = 16


def check_user_header(value: str) -> str:
    """Check the name of a header that only a proxy sets."""
    if not _HEADER.fullmatch(value) or value.lower() in _NO_HEADERS:
        raise ValueError("must be the name of a header that your proxy sets, of letters, digits and hyphens")
    return value


def check_users(value: SecretStr, info: ValidationInfo) -> SecretStr:
    """Check the list of users, which `basic` requires."""
    if not parse_users(value.get_secret_value()) and info.data.get("auth") == "basic":
        raise ValueError(
            "ORDERFLOW_AUTH=basic requires users, as printed by `orderflow-dash hash-password NAME`"
        )
    return value


def check_trusted_proxies(value: str, info: ValidationInfo) -> str:
    """Check the list of networks, which `proxy` requires."""
    parse_proxies(value)
    if not value.strip() and info.data.get("auth") == "proxy":
        raise ValueError("ORDERFLOW_AUTH=proxy requires the networks of your proxies, such as 10.1.2.0/24")
    return value


def check_allowed_origins(value: str) -> str:
    """Check origins separated by spaces."""
    Origins(value)
    return value


def check_secret_key(value: SecretStr) -> SecretStr:
    """Check that each key is too long to guess."""
    keys = value.get_secret_value().split()
    if not keys or min(map(len, keys)) < _SHORTEST_KEY:
        raise ValueError(f"must be random text of at least {_SHORTEST_KEY} characters, without spaces")
    return value
