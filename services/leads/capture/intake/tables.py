"""Leads and the record of changes to their fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    Table,
    Text,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.bulk import BulkInsert, json_text
from services.leads.capture.intake.lead import Lead
from services.leads.deduplication.duplicates.rules import Claim
from services.leads.deduplication.duplicates.use_cases import claiming_keys
from services.leads.metadata import metadata
from shared.database.rows import Form
from shared.database.transactions import Tx
from shared.events.journal import RowChange

_CUSTOMERS = "owner_id is not null and status = 'won'"
leads = Table(
    "leads",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    Column("name", Text),
    Column("phone", Text),
    Column("phone_extension", Text),
    Column("phone_text", Text),
    Column("email", Text),
    Column("email_text", Text),
    Column("company", Text),
    Column("source", Text),
    Column("channel", Text),
    Column("region", Text),
    Column("product", Text),
    # Minor units of `value_currency`, and of the tenant's currency at the dated rate.
    Column("value_minor", BigInteger),
    Column("value_currency", Text),
    Column("value_tenant_minor", BigInteger),
    Column("tags", ARRAY(Text), nullable=False),
    Column("custom", JSONB, nullable=False),
    Column("pipeline_id", Uuid, nullable=False),
    Column("stage", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("stage_entered_at", DateTime(timezone=True), nullable=False),
    Column("owner_id", Uuid),
    Column("team_id", Uuid),
    Column("created_by", Uuid),
    Column("duplicate_of", Uuid),
    Column("started_at", DateTime(timezone=True), nullable=False),
    Column("start_known", Boolean, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("lost_reason", Text),
    Column("do_not_contact", Boolean, nullable=False, server_default=text("false")),
    # Where it lies, or came from; it lies there since.
    Column("pool_id", Uuid),
    Column("pooled_at", DateTime(timezone=True)),
    # The lead that this one is a part of now; it has no owner and lies in no pool meanwhile.
    Column("merged_into", Uuid),
    # The person is forgotten: what was known of them is gone, and nothing is done with the lead any more.
    Column("erased_at", DateTime(timezone=True)),
    # Whole numbers with their extensions, as in `duplicate_keys`.
    Column("other_phones", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("credit_code", Text),
    Column("credit_code_text", Text),
    Column("wecom_id", Text),
    Column("label", Text),
    Column("value_class", Text),
    Column("intent", Text),
    Column("score", Integer),
    # Those of label, value class and intent that rules gave.
    Column("ruled", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("campaign", Text),
    # What words and exact values find the lead by; see `search`.
    Column("search_text", Text, nullable=False),
    Column("terms", ARRAY(BigInteger), nullable=False),
    CheckConstraint("status in ('open', 'won', 'lost')", name="known_status"),
    CheckConstraint("(value_minor is null) = (value_currency is null)", name="whole_value"),
    CheckConstraint("label in ('key', 'potential', 'general')", name="known_label"),
    CheckConstraint("value_class in ('A', 'B', 'C', 'D')", name="known_value_class"),
    CheckConstraint("intent in ('A', 'B', 'C', 'D')", name="known_intent"),
    Index("ix_leads_terms", "terms", postgresql_using="gin"),
    Index("ix_leads_tenant_id_owner_id_id", "tenant_id", "owner_id", "id"),
    Index("ix_leads_tenant_id_team_id_id", "tenant_id", "team_id", "id"),
    # What a rep has created and nobody owns yet: theirs to see, and soon somebody's.
    Index(
        "ix_leads_tenant_id_created_by_id",
        "tenant_id",
        "created_by",
        "id",
        postgresql_where=text("owner_id is null"),
    ),
    Index("ix_leads_tenant_id_stage_id", "tenant_id", "stage", "id"),
    Index("ix_leads_tenant_id_updated_at_id", "tenant_id", "updated_at", "id"),
    # What else leads are sorted by.
    Index("ix_leads_tenant_id_stage_entered_at_id", "tenant_id", "stage_entered_at", "id"),
    *(
        Index(
            f"ix_leads_tenant_id_{name}_id",
            "tenant_id",
            name,
            "id",
            postgresql_where=text(f"{name} is not null"),
        )
        for name in ("value_tenant_minor", "score", "closed_at")
    ),
    Index(
        "ix_leads_created_at_started_at",
        "created_at",
        "started_at",
        postgresql_using="brin",
        postgresql_ops=dict.fromkeys(("created_at", "started_at"), "timestamptz_minmax_multi_ops"),
        postgresql_with={"autosummarize": "on"},
    ),
    Index(
        "ix_leads_tenant_id_pool_id_id",
        "tenant_id",
        "pool_id",
        "id",
        postgresql_where=text("pooled_at is not null"),
    ),
    # Whose terms are looked at again when a pool's change.
    Index(
        "ix_leads_tenant_id_pool_id_id_owned",
        "tenant_id",
        "pool_id",
        "id",
        postgresql_where=text("owner_id is not null and status = 'open'"),
    ),
    # Most leads are of none, and those have no place in it.
    Index(
        "ix_leads_tenant_id_campaign_id",
        "tenant_id",
        "campaign",
        "id",
        postgresql_where=text("campaign is not null"),
    ),
    Index("ix_leads_tenant_id_id_customers", "tenant_id", "id", postgresql_where=text(_CUSTOMERS)),
    Index(
        "ix_leads_tenant_id_owner_id_customers",
        "tenant_id",
        "owner_id",
        postgresql_where=text(_CUSTOMERS),
    ),
)

lead_changes = Table(
    "lead_changes",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("seq", BigInteger, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("changed_by", Uuid),
    Column("changed", ARRAY(Text), nullable=False),
    # Values before and after, by field: what may be kept, and what is lost with the person (see `sealing`).
    Column("plain", JSONB),
    Column("sealed", LargeBinary),
)

_NEW = BulkInsert(
    leads,
    [column.name for column in leads.columns],
    alike=(
        "tenant_id", "seq", "pipeline_id", "stage", "status", "stage_entered_at", "owner_id", "team_id",
        "duplicate_of", "started_at", "start_known", "created_at", "updated_at", "closed_at",
        "lost_reason", "do_not_contact", "pool_id", "pooled_at", "merged_into",
        "erased_at", "other_phones", "credit_code", "credit_code_text", "wecom_id", "label", "value_class",
        "intent", "score", "ruled", "campaign",
    ),
)  # fmt: skip
READ = tuple(column.name for column in leads.columns if column.name not in {"search_text", "terms"})
_READ = ", ".join(READ)
_REPEATS = "(select of_all from patches)"


def insertion(tenant_id: UUID, rows: Sequence[tuple[Lead, str, str]], claims: Sequence[Claim]) -> RowChange:
    """New leads, each with what it is found by; their keys are claimed by the same statement.

    It answers `(id, duplicate_of)` of those that repeat an earlier lead.
    """
    form, values = _NEW.sent([(*lead, words, terms) for lead, words, terms in rows])
    claimed, keys = claiming_keys(tenant_id, claims, len(_NEW.columns) + 1)
    return RowChange(
        items=_with_keys(claimed, form),
        arguments=[*values, *keys],
        answer="select lead_id as id, first_id as duplicate_of from repeats",
        patches=_REPEATS,
    )


# Nothing is returned from `leads` itself: that would ask the policy of what may be read about every new row.
@cache
def _with_keys(claimed: str, form: Form) -> str:
    # One object by lead and no join: the planner takes those that repeat for few and would look through all
    # of them for each lead, which is half a second for a thousand of them.
    first = f"({_REPEATS} -> r.id::text ->> 'duplicate_of')::uuid"
    repeated = f"case when {_REPEATS} is null then r.duplicate_of else coalesce({first}, r.duplicate_of) end"
    taken = ", ".join(repeated if name == "duplicate_of" else _NEW.taken(name) for name in _NEW.columns)
    return f"""{claimed}, patches as materialized (
    select jsonb_object_agg(lead_id, jsonb_build_object('duplicate_of', first_id)) as of_all from repeats),
made as (
    insert into leads ({", ".join(_NEW.columns)}) select {taken} from {_NEW.rows(form)})"""  # noqa: S608 - own names


# Each `where` names the tenant, so that the key is used; row-level security holds the visibility.
SELECT_LEADS = f"select {_READ} from leads where tenant_id = $1 and id = any($2::uuid[])"  # noqa: S608 - own names
SELECT_LEAD = f"select {_READ} from leads where tenant_id = $1 and id = $2"  # noqa: S608
LOCK_LEAD = f"{SELECT_LEAD} for update"
LOCK_LEADS = f"{SELECT_LEADS} order by id for update"
# One lead of each stage is enough, by the index of stages.
STAGES_IN_USE = """
select s.stage from unnest($3::text[]) as s(stage)
cross join lateral (
  select from leads l
  where l.tenant_id = $1 and l.stage = s.stage and l.pipeline_id = $2 and l.status = 'open'
  order by l.id limit 1) one
"""

_OWNED = """
select id from leads
where tenant_id = $1 and owner_id is not null and status = 'open' and {which}
  and ($3::uuid is null or id > $3)
order by id limit $4
"""
OWNED_OF_POOL = _OWNED.format(which="pool_id = $2")
OWNED_OF_NONE = _OWNED.format(which="pool_id is null and $2::uuid is null")
AFTER = """
select id from leads where tenant_id = $1 and ($2::uuid is null or id > $2) order by id limit $3
"""
CUSTOMERS = f"""
select id from leads where tenant_id = $1 and {_CUSTOMERS} and ($2::uuid is null or id > $2)
order by id limit $3
"""  # noqa: S608 - own words
COUNT_CUSTOMERS = f"""
select owner_id, count(*) from leads
where tenant_id = $1 and owner_id = any($2::uuid[]) and {_CUSTOMERS} group by owner_id
"""  # noqa: S608

PUT_FOUND = """
update leads set search_text = r.words, terms = r.terms::bigint[]
from unnest($2::uuid[], $3::text[], $4::text[]) as r(id, words, terms)
where leads.tenant_id = $1 and leads.id = r.id
"""
# The next leads by id, and what each says in a custom field, if it does.
VALUES_BEHIND = """
select id, custom ? $2 as has_value, custom -> $2 as value from leads
where tenant_id = $1 and ($3::uuid is null or id > $3) order by id limit $4
"""
WHEREABOUTS = """
select id, status, owner_id, pool_id, pooled_at, do_not_contact, merged_into, erased_at from leads
where tenant_id = $1 and id = any($2::uuid[]) order by id
"""

INSERT_CHANGE = """
insert into lead_changes (tenant_id, lead_id, seq, at, changed_by, changed, plain, sealed)
values ({0}, {1}, {2}, {3}, {4}, {5}, {6}::jsonb, {7})
"""
CHANGED_BY_PEOPLE = """
select distinct r.lead_id from unnest($2::uuid[], $3::timestamptz[]) as r(lead_id, since)
join lead_changes c on c.tenant_id = $1 and c.lead_id = r.lead_id and c.at >= r.since
where c.changed_by is not null
"""
SELECT_CHANGES = """
select seq, at, changed_by, changed from lead_changes where tenant_id = $1 and lead_id = $2 order by seq
"""

_CHANGEABLE = (
    "name", "phone", "phone_extension", "phone_text", "email", "email_text", "company", "source", "channel",
    "region", "product", "value_minor", "value_currency", "value_tenant_minor", "tags", "duplicate_of",
    "do_not_contact", "updated_at", "other_phones", "credit_code", "credit_code_text", "wecom_id", "label",
    "value_class", "intent", "score", "ruled", "campaign",
)  # fmt: skip
_SET = ", ".join(f"{name} = {{{at}}}" for at, name in enumerate(_CHANGEABLE, 6))
_STORE = f"""
update leads set
  custom = {{2}}::jsonb, search_text = {{3}}, terms = {{4}}::text::bigint[], seq = {{5}}, {_SET}
where tenant_id = {{0}} and id = {{1}}
"""  # noqa: S608 - own names


def field_change(lead: Lead, words: str, terms: str) -> tuple[str, Sequence[Any]]:
    """All that PATCH may change, what the lead is found by, and its version, for `RowChange.of`."""
    values = [_sent(getattr(lead, name)) for name in _CHANGEABLE]
    return _STORE, (lead.tenant_id, lead.id, json_text(lead.custom), words, terms, lead.seq, *values)


def _sent(value: Any) -> Any:
    return list(value) if isinstance(value, tuple) else value


_PUT = """
update leads set owner_id = r.owner_id, team_id = r.team_id, pooled_at = null, updated_at = $5
from unnest($2::uuid[], $3::uuid[], $4::uuid[]) as r(id, owner_id, team_id)
where leads.tenant_id = $1 and leads.id = r.id
"""


async def put_owners(
    tx: Tx, tenant_id: UUID, owners: Mapping[UUID, tuple[UUID, UUID | None]], at: datetime
) -> None:
    """Set `{lead: (owner, team)}`; the leads are locked already."""
    ids = sorted(owners)
    await tx.connection.execute(
        _PUT, tenant_id, ids, [owners[lead][0] for lead in ids], [owners[lead][1] for lead in ids], at
    )


_POOL = """
update leads set owner_id = null, team_id = null, pool_id = $3, pooled_at = $4, updated_at = $4
where tenant_id = $1 and id = any($2::uuid[])
"""


async def put_in_pool(tx: Tx, tenant_id: UUID, ids: Sequence[UUID], pool_id: UUID, at: datetime) -> None:
    """Nobody owns them any more; the leads are locked already."""
    await tx.connection.execute(_POOL, tenant_id, list(ids), pool_id, at)


JOIN = """
update leads set merged_into = $3, owner_id = null, team_id = null, pooled_at = null, updated_at = $4
where tenant_id = $1 and id = $2
"""
SEPARATE = """
update leads set merged_into = null, owner_id = $3, team_id = $4, pooled_at = $5, updated_at = $6
where tenant_id = $1 and id = $2
"""
TOUCH = "update leads set updated_at = {2}, seq = {3} where tenant_id = {0} and id = {1}"
REPEATS = "update leads set duplicate_of = $3 where tenant_id = $1 and id = $2"
_WHOLE = """
update leads set stage = $3, status = $4, stage_entered_at = $5, closed_at = $6, lost_reason = $7,
  value_minor = $8, value_currency = $9, value_tenant_minor = $10, updated_at = $11, owner_id = $12,
  team_id = $13
where tenant_id = $1 and id = $2
"""


async def write_passed(tx: Tx, changed: Sequence[Lead]) -> None:
    """Store standing, value and owner of many locked leads."""
    await tx.connection.executemany(
        _WHOLE,
        [(*_standing(lead), lead.owner_id, lead.team_id) for lead in sorted(changed, key=lambda one: one.id)],
    )


_STANDING = """
update leads set stage = {2}, status = {3}, stage_entered_at = {4}, closed_at = {5}, lost_reason = {6},
  value_minor = {7}, value_currency = {8}, value_tenant_minor = {9}, updated_at = {10}, seq = {11}
where tenant_id = {0} and id = {1}
"""


def standing_change(lead: Lead) -> tuple[str, Sequence[Any]]:
    """Where the lead stands, its value and its version, for `RowChange.of`."""
    return _STANDING, (*_standing(lead), lead.seq)


def _standing(lead: Lead) -> tuple[Any, ...]:
    return (
        lead.tenant_id,
        lead.id,
        lead.stage,
        lead.status,
        lead.stage_entered_at,
        lead.closed_at,
        lead.lost_reason,
        lead.value_minor,
        lead.value_currency,
        lead.value_tenant_minor,
        lead.updated_at,
    )
