"""The venues' protocols: bytes in, trades out. No sockets, no threads, no clock."""
