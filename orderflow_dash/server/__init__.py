"""The process: gunicorn's configuration and the way it is started."""
