"""Notices with every wording that they had, and what people said, word after word."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, Table, Text, Uuid, text

from services.leads.metadata import metadata

notices = Table(
    "notices",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("seq", BigInteger, nullable=False),
    # Null: of every source that has none of its own.
    Column("source", Text),
    Index("uq_notices_tenant_id_source", "tenant_id", text("coalesce(source, '')"), unique=True),
)

notice_versions = Table(
    "notice_versions",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("notice_id", Uuid, primary_key=True),
    Column("version", BigInteger, primary_key=True),
    Column("basis", Text, nullable=False),
    Column("wording", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by_id", Uuid),
)

consents = Table(
    "consents",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("lead_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("purpose", Text, nullable=False),
    Column("granted", Boolean, nullable=False),
    Column("how", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("recorded_at", DateTime(timezone=True), nullable=False),
    Column("by_id", Uuid),
    Column("notice_id", Uuid),
    Column("notice_version", Integer),
    Column("evidence", Text),
)

_CONSENT = "id, purpose, granted, how, at, recorded_at, by_id, notice_id, notice_version, evidence"
RECORD = f"""
insert into consents (tenant_id, lead_id, {_CONSENT})
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""  # noqa: S608 - own names
OF_LEAD = f"select {_CONSENT} from consents where tenant_id = $1 and lead_id = $2 order by at, id"  # noqa: S608
LAST_GRANTED = """
select lead_id, max(at) as at from consents
where tenant_id = $1 and lead_id = any($2::uuid[]) and granted group by lead_id
"""
FORGET = "update consents set evidence = null where tenant_id = $1 and lead_id = any($2::uuid[])"

_NOTICE = """
select n.id, v.version, n.source, v.basis, v.wording, v.at from notices n
join notice_versions v on v.tenant_id = n.tenant_id and v.notice_id = n.id
where n.tenant_id = $1
"""
ALL_NOTICES = f"{_NOTICE} and v.version = n.seq order by n.id"
VERSIONS = f"{_NOTICE} and n.id = $2 order by v.version"
# What held then, of the source itself or of all that have none of their own.
HELD = f"""{_NOTICE} and coalesce(n.source, '') = any(array[coalesce($2, ''), ''])
  and (v.at <= $3 or v.version = 1)
order by n.source is null, v.version desc limit 1
"""
LOCK_NOTICE = "select id from notices where tenant_id = $1 and id = $2 for update"
ADD_NOTICE = """
insert into notices (tenant_id, id, seq, source) values ($1, $2, 1, $3) on conflict do nothing returning true
"""
ADD_VERSION = """
insert into notice_versions (tenant_id, notice_id, version, basis, wording, at, by_id)
values ($1, $2, $3, $4, $5, $6, $7)
"""
