"""Scoring's migrations, by Alembic."""
