"""Recorded trades: day files and captures as a market."""
