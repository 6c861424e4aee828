"""Bybit v5 linear perpetuals: bytes to events."""
