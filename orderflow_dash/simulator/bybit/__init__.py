"""The simulated exchange's side of Bybit's protocols."""
