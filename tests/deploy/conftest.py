"""Real programs around the app: a proxy and a browser, on loopback."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.browser.conftest import chrome
from tests.conftest import wait_until
from tests.deploy.recipes import recipe, replaced

_AROUND = """\
daemon off;
{user}
worker_processes 1;
pid {folder}/pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/recipe.conf;
}}
"""


class Nginx:
    """An nginx with the recipe of ``docs/deploy.md`` in front of a port."""

    def __init__(self, program: str, folder: Path, upstream_port: int) -> None:
        self.port = _free_port()
        self.url = f"https://127.0.0.1:{self.port}"
        self._folder = folder
        _make_certificate(folder)
        server = replaced(
            recipe("nginx"),
            {
                "listen 443 ssl;": f"listen 127.0.0.1:{self.port} ssl;",
                "server 127.0.0.1:8050;": f"server 127.0.0.1:{upstream_port};",
                "flow.example.com;": "127.0.0.1;",
                "/etc/ssl/flow.example.com.pem": f"{folder}/certificate.pem",
                "/etc/ssl/private/flow.example.com.key": f"{folder}/key.pem",
            },
        )
        (folder / "recipe.conf").write_text(server)
        user = "user root;" if os.geteuid() == 0 else ""
        (folder / "nginx.conf").write_text(_AROUND.format(folder=folder, user=user))
        self._process = subprocess.Popen(
            [program, "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(folder / "nginx.conf")],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        wait_until(self._is_up, 10, "nginx listens")

    def _is_up(self) -> bool:
        assert self._process.poll() is None, (self._folder / "error.log").read_text()
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def connect(self) -> ssl.SSLSocket:
        """A TLS connection for a client of the test's own."""
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=10)
        return trusting().wrap_socket(connection)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait(10)


def trusting() -> ssl.SSLContext:
    """TLS that accepts the test's certificate."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _make_certificate(folder: Path) -> None:
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
         "-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", f"{folder}/key.pem", "-out", f"{folder}/certificate.pem"],
        check=True, capture_output=True, timeout=30,
    )  # fmt: skip


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@pytest.fixture(scope="module")
def nginx_before() -> Iterator[Callable[[int], Nginx]]:
    """Starts an nginx in front of a port; skips without nginx."""
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None or shutil.which("openssl") is None:
        pytest.skip("nginx or openssl is missing; `make test` installs them where it may")
    running: list[Nginx] = []
    folders: list[Path] = []

    def start(port: int) -> Nginx:
        folders.append(Path(tempfile.mkdtemp(prefix="orderflow-nginx-")))
        running.append(Nginx(program, folders[-1], port))
        return running[-1]

    yield start
    for each in running:
        each.stop()
    for folder in folders:
        shutil.rmtree(folder)


@pytest.fixture(scope="module")
def driver() -> Iterator[Chrome]:
    """A browser that accepts the test's certificate."""
    yield from chrome(accepts_any_certificate=True)
