"""Routes for programs and for the pages' scripts."""
