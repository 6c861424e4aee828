"""Indicators of candles: volume profile, imbalances, session CVD. No I/O, no clock, no threads."""
