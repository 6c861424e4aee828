"""``python -m orderflow_dash`` is ``orderflow-dash``."""

from orderflow_dash.cli import main

main()
