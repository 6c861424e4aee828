"""Trades as minutes, candles, levels and their measures. No I/O, no clock, no threads."""
