"""Who may come in: passwords, trusted proxies, origins, embed tokens. Knows no web framework."""
