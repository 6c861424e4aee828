"""What every request passes: guard, limits, headers, compression, errors."""
