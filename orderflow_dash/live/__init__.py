"""Streams on demand, their views, history and session profiles."""
