"""What a venue says: bytes in, trades out. No sockets, no threads, no clock."""
