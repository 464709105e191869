"""The gateway's migrations, by Alembic."""
