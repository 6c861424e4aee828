"""``python -m orderflow_dash`` is ``orderflow-dash``."""

from .cli import main

main()
