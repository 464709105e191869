"""Leads whose persons are forgotten.

Revision ID: 0004
"""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.execute("alter table known_leads add column erased boolean default false not null")
