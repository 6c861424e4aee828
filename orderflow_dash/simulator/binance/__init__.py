"""The simulated exchange's side of Binance's protocols."""
