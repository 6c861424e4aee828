"""The command ``orderflow-dash``."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import click

from orderflow_dash import __version__
from orderflow_dash.access.embed_token import LONGEST_MINUTES, EmbedTokens
from orderflow_dash.market import Venue
from orderflow_dash.settings import Settings, SettingsError, load_settings

_SHORT_PASSWORD = 12


@click.group()
@click.version_option(__version__)
def main() -> None:
    """Live order flow of crypto perpetuals with verified numbers."""


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port [PORT, or 8050].")
@click.option("--demo/--no-demo", default=None, help="With or without the simulated market.")
def serve(host: str, port: int | None, demo: bool | None) -> None:
    """Serve the app in one process."""
    # The worker reads the environment, the only way to configure it.
    if demo is not None:
        os.environ["ORDERFLOW_DEMO"] = str(demo)
    _serve(host, port)


def _serve(host: str, port: int | None) -> None:
    if port is not None:
        os.environ["PORT"] = str(port)
    settings = _settings()
    from orderflow_dash.server.run import run_server

    run_server(f"{host}:{settings.port}")


def _settings() -> Settings:
    try:
        return load_settings()
    except SettingsError as error:
        raise click.ClickException(str(error)) from error


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=None, help="Port [PORT, or 8050].")
@click.option(
    "--speed",
    type=click.FloatRange(0, 1000),
    default=1.0,
    show_default=True,
    help="Recorded seconds per second; 0 is as fast as possible.",
)
@click.argument("files", nargs=-1, required=True, type=click.Path(path_type=Path))
def replay(host: str, port: int | None, speed: float, files: tuple[Path, ...]) -> None:
    """Serve the app on recorded trades: FILES are day files of Binance or Bybit, or captures."""
    from orderflow_dash.simulator import DamagedFile, probe

    for file in files:
        try:
            probe(file)
        except DamagedFile as error:
            raise click.ClickException(str(error)) from error
        except OSError as error:
            raise click.ClickException(f"{file}: {error.strerror}") from error
    os.environ["ORDERFLOW_REPLAY"] = json.dumps([str(file.resolve()) for file in files])
    os.environ["ORDERFLOW_REPLAY_SPEED"] = str(speed)
    os.environ["DATABASE_URL"] = "off"  # recorded trades must not mix with live ones
    _serve(host, port)


@main.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8060, show_default=True, help="Port.")
@click.option(
    "--speed", type=click.FloatRange(0), default=1.0, show_default=True, help="Market seconds per second."
)
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path))
def exchange(host: str, port: int, speed: float, files: tuple[Path, ...]) -> None:
    """Run the simulated exchange alone; with FILES it serves recorded trades."""
    from orderflow_dash.simulator import run_exchange

    try:
        run_exchange(host, port, speed, files)
    except (ValueError, OSError) as error:  # an invalid file, a port in use
        raise click.ClickException(str(error)) from error


@main.command("hash-password")
@click.argument("name", required=False)
def hash_password(name: str | None) -> None:
    """Print an entry of ORDERFLOW_USERS: NAME:HASH, or only the hash without NAME.

    Prompts for the password; without a terminal it is the first line of standard input.
    """
    from orderflow_dash.access.logins import hash_password as hashed
    from orderflow_dash.access.users import format_entry

    if sys.stdin.isatty():
        password = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
    else:
        password = sys.stdin.readline().rstrip("\r\n")
    if not password:
        raise click.ClickException("password required")
    if len(password) < _SHORT_PASSWORD:
        click.echo(f"Warning: passwords under {_SHORT_PASSWORD} characters are easy to guess.", err=True)
    try:
        click.echo(format_entry(name, hashed(password)))
    except ValueError as error:
        raise click.ClickException(str(error)) from error


@main.command("embed-token")
@click.option(
    "--exchange", type=click.Choice([each.value for each in Venue]), required=True, help="The only venue."
)
@click.option("--symbol", "symbols", multiple=True, required=True, help="A symbol; repeat it for more.")
@click.option(
    "--minutes",
    type=click.IntRange(1, LONGEST_MINUTES),
    default=60,
    show_default=True,
    help="Lifetime of the token, minutes.",
)
def embed_token(exchange: str, symbols: tuple[str, ...], minutes: int) -> None:
    """Print a token that opens one panel, for /embed?token=..., signed with ORDERFLOW_SECRET_KEY."""
    settings = _settings()
    if "secret_key" not in settings.model_fields_set:
        raise click.ClickException(
            "ORDERFLOW_SECRET_KEY is not set: the server cannot verify this token. Set the same key for both"
        )
    tokens = EmbedTokens(settings.secret_key.get_secret_value())
    try:
        click.echo(tokens.sign(Venue(exchange), symbols, minutes * 60))
    except ValueError as error:
        raise click.ClickException(str(error)) from error
