"""Layers that every request passes: guard, limits, headers, compression, errors."""
