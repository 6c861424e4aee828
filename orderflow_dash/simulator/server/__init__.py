"""The loopback server: connections, publishing, schedules and faults."""
