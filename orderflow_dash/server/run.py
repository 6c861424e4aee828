"""Runs the app under gunicorn with the configuration of a hosted one."""

from __future__ import annotations

from gunicorn.app.base import BaseApplication


class _Server(BaseApplication):  # type: ignore[misc]
    def __init__(self, bind: str) -> None:
        self._bind = bind
        super().__init__()

    def load_config(self) -> None:
        from orderflow_dash.server import gunicorn_config

        for name in self.cfg.settings:
            if hasattr(gunicorn_config, name):
                self.cfg.set(name, getattr(gunicorn_config, name))
        self.cfg.set("bind", self._bind)

    def load(self) -> object:
        from orderflow_dash.wsgi import server

        return server


def run_server(bind: str) -> None:
    """Serve on ``host:port`` until a signal stops it."""
    _Server(bind).run()
