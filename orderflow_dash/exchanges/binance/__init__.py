"""Binance USD-M futures: bytes to events."""
