"""The process: gunicorn's configuration, and how it is started."""
