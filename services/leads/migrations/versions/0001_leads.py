"""The first schema of leads.

Revision ID: 0001
"""

from alembic import op

from services.leads.finding.search import tables as search
from shared.access import migrations as access
from shared.database.rls import run, search_policy, tenant_policy, visibility_policy
from shared.events import migrations as backbone
from shared.web import migrations as web

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    """create table assignment_rules (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        name text not null,
        position integer not null,
        strategy text not null,
        conditions jsonb not null,
        user_ids uuid[] not null,
        unit_id uuid,
        max_open_leads integer,
        active boolean not null,
        created_at timestamp with time zone not null,
        updated_at timestamp with time zone not null,
        constraint pk_assignment_rules primary key (tenant_id, id)
    )""",
    """create table rotations (
        tenant_id uuid not null,
        rule_id uuid not null,
        turn bigint not null,
        constraint pk_rotations primary key (tenant_id, rule_id)
    )""",
    """create table turns (
        tenant_id uuid not null,
        rule_id uuid not null,
        user_id uuid not null,
        last_turn bigint not null,
        constraint pk_turns primary key (tenant_id, rule_id, user_id)
    )""",
    """create table assignments (
        tenant_id uuid not null,
        id uuid not null,
        lead_id uuid not null,
        at timestamp with time zone not null,
        how text not null,
        owner_id uuid,
        previous_owner_id uuid,
        assigned_by uuid,
        rule_id uuid,
        rule_version bigint,
        reason text,
        explanation jsonb not null,
        constraint pk_assignments primary key (tenant_id, id)
    )""",
    "create index ix_assignments_tenant_id_lead_id_at on assignments (tenant_id, lead_id, at)",
    """create table duplicate_keys (
        tenant_id uuid not null,
        kind text not null,
        value text not null,
        lead_id uuid not null,
        constraint pk_duplicate_keys primary key (tenant_id, kind, value)
    )""",
    """create table import_keys (
        tenant_id uuid not null,
        source text not null,
        external_id text not null,
        lead_id uuid not null,
        steps integer not null,
        digest text not null,
        constraint pk_import_keys primary key (tenant_id, source, external_id)
    )""",
    """create table leads (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        name text,
        phone text,
        phone_extension text,
        phone_text text,
        email text,
        email_text text,
        company text,
        source text,
        channel text,
        region text,
        product text,
        value_minor bigint,
        value_currency text,
        value_tenant_minor bigint,
        tags text[] not null,
        custom jsonb not null,
        pipeline_id uuid not null,
        stage text not null,
        status text not null,
        stage_entered_at timestamp with time zone not null,
        owner_id uuid,
        team_id uuid,
        created_by uuid,
        duplicate_of uuid,
        started_at timestamp with time zone not null,
        start_known boolean not null,
        created_at timestamp with time zone not null,
        updated_at timestamp with time zone not null,
        closed_at timestamp with time zone,
        lost_reason text,
        search_text text not null,
        terms bigint[] not null,
        constraint pk_leads primary key (tenant_id, id),
        constraint ck_leads_known_status check (status in ('open', 'won', 'lost')),
        constraint ck_leads_whole_value check ((value_minor is null) = (value_currency is null))
    )""",
    "create index ix_leads_tenant_id_owner_id_id on leads (tenant_id, owner_id, id)",
    """create index ix_leads_tenant_id_created_by_id on leads (tenant_id, created_by, id)
        where owner_id is null""",
    "create index ix_leads_tenant_id_stage_id on leads (tenant_id, stage, id)",
    "create index ix_leads_tenant_id_team_id_id on leads (tenant_id, team_id, id)",
    "create index ix_leads_tenant_id_updated_at_id on leads (tenant_id, updated_at, id)",
    "create index ix_leads_terms on leads using gin (terms)",
    """create table lead_changes (
        tenant_id uuid not null,
        lead_id uuid not null,
        seq bigint not null,
        at timestamp with time zone not null,
        changed_by uuid,
        changed text[] not null,
        constraint pk_lead_changes primary key (tenant_id, lead_id, seq)
    )""",
    """create table pipelines (
        tenant_id uuid not null,
        id uuid not null,
        seq bigint not null,
        key text not null,
        name text not null,
        is_default boolean not null,
        stages jsonb not null,
        created_at timestamp with time zone not null,
        updated_at timestamp with time zone not null,
        constraint pk_pipelines primary key (tenant_id, id)
    )""",
    "create unique index uq_pipelines_tenant_id_is_default on pipelines (tenant_id) where is_default",
    "create unique index uq_pipelines_tenant_id_key on pipelines (tenant_id, key)",
    """create table stage_history (
        tenant_id uuid not null,
        lead_id uuid not null,
        seq bigint not null,
        at timestamp with time zone not null,
        from_stage text not null,
        to_stage text not null,
        from_status text not null,
        to_status text not null,
        duration_s bigint not null,
        moved_by uuid,
        reason text,
        value_minor bigint,
        value_currency text,
        constraint pk_stage_history primary key (tenant_id, lead_id, seq)
    )""",
    """create table lead_activities (
        tenant_id uuid not null,
        lead_id uuid not null,
        activity_id uuid not null,
        kind text not null,
        at timestamp with time zone not null,
        outcome text,
        duration_s bigint,
        effective boolean not null,
        rep_id uuid,
        constraint pk_lead_activities primary key (tenant_id, lead_id, activity_id)
    )""",
    "create index ix_lead_activities_tenant_id_lead_id_at on lead_activities (tenant_id, lead_id, at)",
    """create table rep_loads (
        tenant_id uuid not null,
        user_id uuid not null,
        open_leads bigint not null,
        constraint pk_rep_loads primary key (tenant_id, user_id)
    )""",
)
_OF_THE_TENANT = (
    "assignment_rules",
    "rotations",
    "turns",
    "assignments",
    "duplicate_keys",
    "import_keys",
    "lead_changes",
    "pipelines",
    "stage_history",
    "lead_activities",
    "rep_loads",
)


def upgrade() -> None:
    run(op.execute, backbone.V1, web.V1, access.V1, _TABLES)
    run(op.execute, visibility_policy("leads"), search_policy("leads"))
    for table in _OF_THE_TENANT:
        run(op.execute, tenant_policy(table))
    run(op.execute, search.V1)
