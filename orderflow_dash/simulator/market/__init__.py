"""Markets to trade on: synthetic ones, their tapes and their contracts."""
