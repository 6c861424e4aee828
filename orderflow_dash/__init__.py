"""Live order flow of crypto perpetuals: footprints, delta and CVD whose numbers can be trusted."""

__version__ = "0.1.0"
