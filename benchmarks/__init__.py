"""Figures of the hot paths, each beside a plain baseline in the same run: ``make bench``."""
