"""Every merge, and which of them hold."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, Table, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB

from services.leads.metadata import metadata
from shared.database.rls import search_function, sees_end, visible

merges = Table(
    "merges",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("lead_id", Uuid, nullable=False),
    Column("into_id", Uuid, nullable=False),
    # The lead that all of it is a part of, which is itself a part of none; null: undone.
    Column("root_id", Uuid),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by_id", Uuid),
    Column("reason", Text),
    # Whose it was, or where it lay, to be so again.
    Column("owner_id", Uuid),
    Column("pool_id", Uuid),
    Column("pooled_at", DateTime(timezone=True)),
    # What the other one took over: names of fields, tags, keys of custom fields; never a person's data.
    Column("taken", JSONB, nullable=False),
    # The other one's versions when it took over, and when it gave back, as far as that changed it.
    Column("taken_seq", BigInteger),
    Column("given_seq", BigInteger),
    Column("undone_at", DateTime(timezone=True)),
    Column("undone_by", Uuid),
    Index("ix_merges_tenant_id_lead_id_at", "tenant_id", "lead_id", "at"),
    Index("ix_merges_tenant_id_into_id_at", "tenant_id", "into_id", "at"),
    Index(
        "uq_merges_tenant_id_lead_id",
        "tenant_id",
        "lead_id",
        unique=True,
        postgresql_where=text("root_id is not null"),
    ),
    Index(
        "ix_merges_tenant_id_root_id",
        "tenant_id",
        "root_id",
        postgresql_where=text("root_id is not null"),
    ),
)

_COLUMNS = ", ".join(column.name for column in merges.columns if column.name != "tenant_id")
INSERT = """
insert into merges (tenant_id, id, lead_id, into_id, root_id, at, by_id, reason, owner_id, pool_id, pooled_at,
                    taken, taken_seq)
values ($1, $2, $3, $4, $4, $5, $6, $7, $8, $9, $10, $11::jsonb, $12)
"""
UNDO = """
update merges set root_id = null, undone_at = $3, undone_by = $4, given_seq = $5
where tenant_id = $1 and id = $2
"""
RETAKE = """
update merges set taken = $3::jsonb, taken_seq = coalesce(taken_seq, $4) where tenant_id = $1 and id = $2
"""
# All that was a part of the one is a part of the other.
REROOT = """
update merges set root_id = $3 where tenant_id = $1 and lead_id = any($2::uuid[]) and root_id is not null
"""
STANDING = f"select {_COLUMNS} from merges where tenant_id = $1 and root_id is not null"  # noqa: S608 - own names
OF_LEAD = f"{STANDING} and lead_id = $2"
DIRECT = f"{STANDING} and into_id = $2 order by at, id"
PARTS = "select root_id, lead_id from merges where tenant_id = $1 and root_id = any($2::uuid[])"
ROOTS = """
select lead_id, root_id from merges
where tenant_id = $1 and lead_id = any($2::uuid[]) and root_id is not null
"""
# What was merged into a lead that was merged itself, however far round.
BELOW = """
with recursive below as (
  select lead_id from merges where tenant_id = $1 and into_id = $2 and root_id is not null
  union
  select m.lead_id from merges m join below b on m.into_id = b.lead_id
  where m.tenant_id = $1 and m.root_id is not null)
select lead_id from below
"""
ABOUT = f"""
select {_COLUMNS} from merges where tenant_id = $1 and (lead_id = $2 or into_id = $2) order by at, id
"""  # noqa: S608

# Somebody sees what was merged if they see the lead that it is a part of.
_SIGNATURE = "sees_lead(uuid)"
V1: tuple[str, ...] = (
    sees_end("sees_lead", "leads", "id", "merged_into"),
    *search_function(_SIGNATURE),
    f"""alter policy app_visible on leads using (tenant_id = cox_tenant()
      and ({visible("owner_id", "team_id", "created_by")}
           or (merged_into is not null and {_SIGNATURE.replace("uuid", "merged_into")})))""",
)
"""What the migration executes."""
