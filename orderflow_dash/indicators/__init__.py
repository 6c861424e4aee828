"""Read off candles, pure: volume profile, imbalances, session CVD."""
