"""Labels, classes, qualification and score of leads.

Revision ID: 0017
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run

revision = "0017"
down_revision = "0016"

_CHANGES = (
    """alter table leads
        add column label text,
        add column value_class text,
        add column intent text,
        add column score integer,
        add column ruled text[] not null default '{}',
        add constraint ck_leads_known_label check (label in ('key', 'potential', 'general')),
        add constraint ck_leads_known_value_class check (value_class in ('A', 'B', 'C', 'D')),
        add constraint ck_leads_known_intent check (intent in ('A', 'B', 'C', 'D'))""",
)


def upgrade() -> None:
    run(op.execute, _CHANGES)
