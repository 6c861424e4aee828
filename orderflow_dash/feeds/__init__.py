"""Complete streams of trades: connections, reconnects, gaps, backfill, listings and tickers."""
