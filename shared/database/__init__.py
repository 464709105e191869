"""PostgreSQL: engines, the one kind of transaction, metadata, migrations, roles and row-level security.

Owns no table. Every service's `tables.py` files stand on it.
"""
