"""Real databases: SQLite files, and a PostgreSQL server of the tests' own."""

from __future__ import annotations

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import count
from pathlib import Path

import psycopg
import pytest

from orderflow_dash.store.store import Store, open_store

_names = count()


class Server:
    """A PostgreSQL server on a free port of loopback, its data in a folder of its own."""

    def __init__(self, programs: Path, folder: Path) -> None:
        self._programs = programs
        self._data = folder / "data"
        self._log = folder / "log"
        self._user = _unprivileged()
        with closing(socket.socket()) as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        if self._user:
            shutil.chown(folder, self._user)
        self._run("initdb", "--username=orderflow", "--auth=trust", "--no-sync", "--encoding=UTF8")
        options = f"-p {self.port} -h 127.0.0.1 -k '{folder}' -c fsync=off -c full_page_writes=off"
        self._start = ("pg_ctl", "start", "--wait", "--silent", f"--log={self._log}", f"--options={options}")

    def start(self) -> None:
        """Start to serve."""
        self._run(*self._start)

    def stop(self) -> None:
        """End it at once, as if it had died: clients are cut."""
        self._run("pg_ctl", "stop", "--mode=immediate", "--wait", "--silent")

    def url(self, database: str, scheme: str = "postgresql") -> str:
        """Address of one of its databases."""
        return f"{scheme}://orderflow@127.0.0.1:{self.port}/{database}"

    def create(self) -> str:
        """A new, empty database; its name."""
        name = f"test{next(_names)}"
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        return name

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._programs / program), f"--pgdata={self._data}", *arguments]
        extra = {"user": self._user, "group": self._user_group()} if self._user else {}
        done = subprocess.run(command, capture_output=False, stdout=subprocess.DEVNULL, check=False, **extra)
        if done.returncode:
            pytest.fail(f"{program} failed: {self._log.read_text() if self._log.exists() else command}")

    def _user_group(self) -> int:
        return pwd.getpwnam(str(self._user)).pw_gid


def _unprivileged() -> str | None:
    """Who runs the server where root runs the tests; PostgreSQL refuses to be root's."""
    if os.geteuid() != 0:
        return None
    known = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in known else "nobody"


def _programs() -> Path | None:
    versions = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    if versions:
        return versions[-1].parent
    found = shutil.which("initdb")
    return Path(found).resolve().parent if found else None


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A running PostgreSQL server."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL's server is missing; `make test` installs it where it may")
    folder = Path(tempfile.mkdtemp(prefix="orderflow-postgres-"))
    folder.chmod(0o755)
    server = Server(programs, folder)
    server.start()
    yield server
    server.stop()
    shutil.rmtree(folder)


@pytest.fixture(params=["sqlite", "postgresql"])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a new, empty database of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'kept.sqlite3'}"
    server: Server = request.getfixturevalue("postgres")
    return server.url(server.create())


@pytest.fixture
def store(url: str) -> Iterator[Store]:
    """A store in a new database."""
    opened = open_store(url)
    yield opened
    opened.close()


@pytest.fixture
def open_again() -> Iterator[Callable[[str], Store]]:
    """Opens stores that are closed after the test."""
    opened: list[Store] = []

    def open_(url: str) -> Store:
        opened.append(open_store(url))
        return opened[-1]

    yield open_
    for each in opened:
        each.close()


@pytest.fixture
def outsider() -> Iterator[Path]:
    """A folder whose permissions apply: the test runs as an unprivileged user, since root ignores them."""
    folder = Path(tempfile.mkdtemp(prefix="orderflow-store-"))
    folder.chmod(0o777)
    was_root = os.geteuid() == 0
    if was_root:
        user = pwd.getpwnam("nobody")
        os.chown(folder, user.pw_uid, user.pw_gid)
        os.setegid(user.pw_gid)
        os.seteuid(user.pw_uid)
    try:
        yield folder
    finally:
        if was_root:
            os.seteuid(0)
            os.setegid(0)
        folder.chmod(0o777)
        shutil.rmtree(folder)
