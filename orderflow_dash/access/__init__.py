"""Access control: passwords, trusted proxies, origins, embed tokens. Independent of the web framework."""
