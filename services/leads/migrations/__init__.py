"""Alembic versions of the leads database."""
