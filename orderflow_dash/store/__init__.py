"""Storage of closed minutes with their levels, in SQLite or PostgreSQL."""
