"""The panel of one symbol: controls, charts and tables."""
