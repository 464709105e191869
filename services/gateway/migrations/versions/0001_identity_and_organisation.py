"""Tenants, people, their way in, and keys."""

from alembic import op

from shared.database.rls import run, tenant_policy
from shared.events import migrations as events
from shared.web import migrations as web

revision = "0001"
down_revision = None

TABLES = (
    """create table accounts (
      tenant_id uuid not null,
      user_id uuid not null,
      email text not null,
      password_hash text,
      enabled boolean not null,
      password_changed_at timestamp with time zone,
      created_at timestamp with time zone not null,
      constraint pk_accounts primary key (tenant_id, user_id),
      constraint uq_accounts_email unique (email)
    )""",
    """create table api_keys (
      tenant_id uuid not null,
      id uuid not null,
      seq bigint not null,
      user_id uuid not null,
      name text not null,
      scopes text[] not null,
      secret_hash bytea not null,
      created_at timestamp with time zone not null,
      expires_at timestamp with time zone,
      revoked_at timestamp with time zone,
      constraint pk_api_keys primary key (tenant_id, id)
    )""",
    "create index ix_api_keys_user on api_keys (tenant_id, user_id)",
    """create table rates (
      tenant_id uuid not null,
      currency text not null,
      valid_on date not null,
      rate numeric(24, 12) not null,
      version bigint not null,
      constraint pk_rates primary key (tenant_id, currency, valid_on)
    )""",
    """create table tenants (
      tenant_id uuid not null,
      id uuid not null,
      seq bigint not null,
      name text not null,
      timezone text not null,
      currency text not null,
      created_at timestamp with time zone not null,
      constraint pk_tenants primary key (tenant_id, id),
      constraint ck_tenants_own_tenant check (id = tenant_id),
      constraint uq_tenants_name unique (name)
    )""",
    """create table unit_closure (
      tenant_id uuid not null,
      ancestor_id uuid not null,
      descendant_id uuid not null,
      depth integer not null,
      constraint pk_unit_closure primary key (tenant_id, ancestor_id, descendant_id)
    )""",
    "create index ix_unit_closure_descendant on unit_closure (tenant_id, descendant_id)",
    """create table units (
      tenant_id uuid not null,
      id uuid not null,
      parent_id uuid,
      kind text not null,
      code text not null,
      name text not null,
      active boolean not null,
      version bigint not null,
      constraint pk_units primary key (tenant_id, id),
      constraint fk_units_tenant_id_parent_id_units foreign key(tenant_id, parent_id)
        references units (tenant_id, id),
      constraint ck_units_kind check (kind in ('company', 'region', 'team'))
    )""",
    "create unique index uq_units_code on units (tenant_id, code)",
    "create unique index uq_units_root on units (tenant_id) where parent_id is null",
    """create table sessions (
      tenant_id uuid not null,
      id uuid not null,
      user_id uuid not null,
      created_at timestamp with time zone not null,
      last_used_at timestamp with time zone not null,
      expires_at timestamp with time zone not null,
      revoked_at timestamp with time zone,
      address text,
      user_agent text,
      constraint pk_sessions primary key (tenant_id, id),
      constraint fk_sessions_tenant_id_user_id_accounts foreign key(tenant_id, user_id)
        references accounts (tenant_id, user_id)
    )""",
    "create index ix_sessions_revoked on sessions (revoked_at)",
    "create index ix_sessions_user on sessions (tenant_id, user_id)",
    """create table users (
      tenant_id uuid not null,
      id uuid not null,
      unit_id uuid not null,
      display_name text not null,
      code text not null,
      roles text[] not null,
      visibility text not null,
      is_rep boolean not null,
      active boolean not null,
      version bigint not null,
      created_at timestamp with time zone not null,
      constraint pk_users primary key (tenant_id, id),
      constraint fk_users_tenant_id_unit_id_units foreign key(tenant_id, unit_id)
        references units (tenant_id, id),
      constraint ck_users_visibility check (visibility in ('own', 'team', 'subtree', 'tenant'))
    )""",
    "create index ix_users_unit on users (tenant_id, unit_id)",
    "create unique index uq_users_code on users (tenant_id, code)",
    """create table refresh_tokens (
      tenant_id uuid not null,
      id uuid not null,
      session_id uuid not null,
      token_hash bytea not null,
      issued_at timestamp with time zone not null,
      used_at timestamp with time zone,
      constraint pk_refresh_tokens primary key (tenant_id, id),
      constraint fk_refresh_tokens_tenant_id_session_id_sessions foreign key(tenant_id, session_id)
        references sessions (tenant_id, id)
    )""",
    "create index ix_refresh_tokens_session on refresh_tokens (tenant_id, session_id)",
    """create table transfers (
      tenant_id uuid not null,
      id uuid not null,
      user_id uuid not null,
      from_unit_id uuid,
      to_unit_id uuid not null,
      effective_at timestamp with time zone not null,
      state text not null,
      constraint pk_transfers primary key (tenant_id, id),
      constraint fk_transfers_tenant_id_user_id_users foreign key(tenant_id, user_id)
        references users (tenant_id, id),
      constraint ck_transfers_state check (state in ('planned', 'done', 'void'))
    )""",
    "create index ix_transfers_user on transfers (tenant_id, user_id, effective_at)",
)

# Before anybody is known there is no tenant: the row of the e-mail that was typed may be read, no other.
SIGN_IN = (
    "create policy sign_in on accounts for select to cox_app"
    " using (email = nullif(current_setting('cox.sign_in', true), ''))",
)

BELOW = "select c.descendant_id from unit_closure c where c.tenant_id = cox_tenant() and c.ancestor_id = cox_unit()"
ABOVE = "select c.ancestor_id from unit_closure c where c.tenant_id = cox_tenant() and c.descendant_id = cox_unit()"
VISIBLE_USERS = f"""(cox_visibility() = 'tenant' or id = cox_user()
    or (cox_visibility() = 'team' and unit_id = cox_unit())
    or (cox_visibility() = 'subtree' and unit_id in ({BELOW})))"""
VISIBLE_KEYS = "(cox_visibility() = 'tenant' or user_id = cox_user())"
VISIBLE_UNITS = f"(cox_visibility() = 'tenant' or id in ({ABOVE}) or id in ({BELOW}))"


def narrowed(table: str, visible: str) -> list[str]:
    """Within its tenant the app sees what the caller may see."""
    return [
        f"create policy app_visible on {table} as restrictive to cox_app using {visible} with check (true)"
    ]


def upgrade() -> None:
    run(op.execute, events.V1, web.V1, TABLES, SIGN_IN)
    for table in (
        "tenants",
        "units",
        "unit_closure",
        "users",
        "transfers",
        "rates",
        "accounts",
        "sessions",
        "refresh_tokens",
        "api_keys",
    ):
        run(op.execute, tenant_policy(table))
    run(op.execute, narrowed("users", VISIBLE_USERS), narrowed("units", VISIBLE_UNITS))
    run(op.execute, narrowed("api_keys", VISIBLE_KEYS))
