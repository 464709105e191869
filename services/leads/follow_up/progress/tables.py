"""Every accepted move of every lead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import BigInteger, Column, DateTime, Table, Text, Uuid

from services.leads.bulk import BulkInsert
from services.leads.metadata import metadata

stage_history = Table(
    "stage_history",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    # The seq of the move's event.
    Column("seq", BigInteger, primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("from_stage", Text, nullable=False),
    Column("to_stage", Text, nullable=False),
    Column("from_status", Text, nullable=False),
    Column("to_status", Text, nullable=False),
    Column("duration_s", BigInteger, nullable=False),
    Column("moved_by", Uuid),
    # Here the text as given; events carry codes only.
    Column("reason", Text),
    Column("value_minor", BigInteger),
    Column("value_currency", Text),
)

_COLUMNS = tuple(column.name for column in stage_history.columns)
INSERT_HISTORY = BulkInsert(stage_history, _COLUMNS)
_PASSED = f"""insert into stage_history ({", ".join(_COLUMNS)})
values ({", ".join(f"{{{at}}}" for at in range(len(_COLUMNS)))})"""  # noqa: S608 - own names
SELECT_HISTORY = """
select seq, at, from_stage, to_stage, from_status, to_status, duration_s, moved_by, reason, value_minor,
       value_currency
from stage_history where tenant_id = $1 and lead_id = $2 order by seq
"""


def passage_of(row: Mapping[str, object]) -> tuple[str, Sequence[object]]:
    """One move, for `RowChange.of`."""
    return _PASSED, [row[name] for name in _COLUMNS]


# From a move into a stage until the next one.
STAYS = """
select lead_id, to_stage as stage, at as from_at, next_at as to_at from (
  select h.lead_id, h.to_stage, h.to_status, h.at,
    lead(h.at) over (partition by h.lead_id order by h.seq) as next_at
  from stage_history h where h.tenant_id = $1 and h.lead_id = any($2::uuid[])) moves
where to_status = 'open' and to_stage = any($3::text[])
order by lead_id, at
"""
LAST_MOVES = """
select r.lead_id, max(h.at) as at from unnest($2::uuid[], $3::timestamptz[]) as r(lead_id, since)
join stage_history h on h.tenant_id = $1 and h.lead_id = r.lead_id and h.at >= r.since
where not $4 or (h.from_status <> 'open' and h.to_status = 'open')
group by r.lead_id
"""


FORGET = """
update stage_history set reason = null
where tenant_id = $1 and lead_id = any($2::uuid[]) and reason !~ '^[a-z0-9_]{1,40}$'
"""
