"""Parts of any long-running service, independent of markets."""
