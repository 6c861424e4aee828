"""The WSGI entry point: starts the application configured by the environment."""

from __future__ import annotations

from orderflow_dash.application import Application
from orderflow_dash.settings import load_settings

application = Application(load_settings())
application.start()
server = application.server
