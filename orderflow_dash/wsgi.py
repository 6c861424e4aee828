"""What gunicorn imports: the application of this process's environment, running."""

from __future__ import annotations

from orderflow_dash.application import Application
from orderflow_dash.settings import load_settings

application = Application(load_settings())
application.start()
server = application.server
