"""Benchmarks of the hot paths, each with a plain baseline in the same run: ``make bench``."""
