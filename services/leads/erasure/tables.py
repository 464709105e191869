"""Which leads were emptied, and what is kept of them; and the statement that empties a row of `leads`."""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import ARRAY, Column, Date, DateTime, Table, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.intake.tables import leads
from services.leads.metadata import metadata
from shared.database.rls import search_function

erasures = Table(
    "erasures",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("erased_by", Uuid),
    Column("reason", Text, nullable=False),
    # What must be kept of a deal that was won, up to that day.
    Column("kept", JSONB),
    Column("kept_until", Date),
)

STAYS = frozenset({
    "tenant_id", "id", "seq", "source", "channel", "region", "product", "value_minor", "value_currency",
    "value_tenant_minor", "pipeline_id", "stage", "status", "stage_entered_at", "created_by", "started_at",
    "start_known", "created_at", "closed_at", "pool_id", "merged_into", "label", "value_class", "intent",
    "score",
})  # fmt: skip
"""What says nothing about a person by itself, and what numbers and references stand on. A column that is not
named here is emptied: a new one, too.
"""
# Nobody has an open lead in hand any more, nor does it lie anywhere; a code of why it was lost stays.
_BECOMES = {
    "owner_id": "case when status <> 'open' then owner_id end",
    "team_id": "case when status <> 'open' then team_id end",
    "lost_reason": "case when lost_reason ~ '^[a-z0-9_]{1,40}$' then lost_reason end",
    "do_not_contact": "true",
    "updated_at": "$3",
    "erased_at": "$3",
}


def _emptied() -> Iterator[str]:
    for column in leads.columns:
        if column.name in STAYS:
            continue
        nothing = "null" if column.nullable else "'{}'" if isinstance(column.type, ARRAY | JSONB) else "''"
        yield f"{column.name} = {_BECOMES.get(column.name, nothing)}"


EMPTY = f"update leads set {', '.join(_emptied())} where tenant_id = $1 and id = any($2::uuid[])"  # noqa: S608

_COLUMNS = "lead_id, at, erased_by, reason, kept, kept_until"
INSERT = f"""
insert into erasures (tenant_id, {_COLUMNS})
select $1, r.lead_id, $2, $3, $4, r.kept::jsonb, r.kept_until
from unnest($5::uuid[], $6::text[], $7::date[]) as r(lead_id, kept, kept_until)
"""  # noqa: S608 - own names
SELECT = f"select {_COLUMNS} from erasures where tenant_id = $1 and lead_id = any($2::uuid[])"  # noqa: S608
LET_GO = "update erasures set kept = null where tenant_id = $1 and lead_id = $2"

# An operator of arrays is not leakproof: under row-level security it may use no index. Whoever asks sees all.
_SHARING = """
create function leads_sharing(wanted bigint[], most integer) returns setof uuid
language sql stable as $body$
  select id from leads where tenant_id = cox_tenant() and terms && wanted limit most
$body$
"""
_SIGNATURE = "leads_sharing(bigint[], integer)"
V1: tuple[str, ...] = (_SHARING, *search_function(_SIGNATURE))
"""What the migration executes."""
SHARING = "select leads_sharing($1, $2) as id"
LOCK_KEYS = """
select kind, value, lead_id from duplicate_keys
where tenant_id = $1 and (kind, value) in (select * from unnest($2::text[], $3::text[]))
order by kind, value for update
"""
