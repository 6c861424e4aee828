"""What keeps a stream alive and whole: connections, watchdog, continuity, symbols and tickers."""
