"""What survives a restart: closed minutes with their levels, in SQLite or PostgreSQL."""
