"""Labels, classes, qualification and score of leads.

Revision ID: 0017
"""

from __future__ import annotations

from alembic import op

from shared.database.rls import run, tenant_policy

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
    """create table classification_rules (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        name text not null,
        position integer not null,
        demands jsonb not null,
        label text,
        value_class text,
        intent text,
        active boolean not null,
        created_at timestamp with time zone not null,
        updated_at timestamp with time zone not null,
        constraint pk_classification_rules primary key (tenant_id, id)
    )""",
    """create table score_definitions (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        score jsonb,
        updated_at timestamp with time zone not null,
        constraint pk_score_definitions primary key (tenant_id, id)
    )""",
    """create table qualifications (
        tenant_id uuid not null,
        lead_id uuid not null,
        criterion text not null,
        answer text not null,
        evidence text,
        activity_id uuid,
        by_id uuid,
        at timestamp with time zone not null,
        constraint pk_qualifications primary key (tenant_id, lead_id, criterion),
        constraint ck_qualifications_known_answer check (answer in ('yes', 'no', 'unknown'))
    )""",
    "create unique index uq_score_definitions_tenant_id on score_definitions (tenant_id)",
)
_OF_THE_TENANT = ("classification_rules", "score_definitions", "qualifications")


def upgrade() -> None:
    run(op.execute, _CHANGES)
    for table in _OF_THE_TENANT:
        run(op.execute, tenant_policy(table))
