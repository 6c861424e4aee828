"""Alembic's environment and revisions; ``schema.migrate`` runs them."""
