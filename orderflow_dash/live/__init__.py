"""What is watched now: streams on demand, their views, history and session profiles."""
