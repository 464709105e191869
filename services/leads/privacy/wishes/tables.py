"""What people said, word after word; the notices that they were shown, with every wording that these had; and
the list, which holds no phone and no address: digests, terms of the search index, and a masked form.
"""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
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

from services.leads.bulk import BulkInsert
from services.leads.deduplication.parts.whole import whole
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

do_not_contact_list = Table(
    "do_not_contact_list",
    metadata,
    Column("tenant_id", Uuid, primary_key=True),
    Column("id", Uuid, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("digest", LargeBinary, nullable=False),
    # What the search index has for the same value; see `search`.
    Column("term", BigInteger, nullable=False),
    Column("shown", Text),
    Column("reason", Text, nullable=False),
    Column("lead_id", Uuid),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("by_id", Uuid),
    Index("uq_do_not_contact_list_tenant_id_digest", "tenant_id", "digest", unique=True),
    Index("ix_do_not_contact_list_tenant_id_lead_id", "tenant_id", "lead_id"),
)

_CONSENT = tuple(column.name for column in consents.columns if column.name not in ("tenant_id", "lead_id"))
RECORD = BulkInsert(
    consents,
    [column.name for column in consents.columns],
    alike=("tenant_id", "granted", "recorded_at"),
)
# What was said of a part was said by the same person.
OF_LEAD = f"""
select {", ".join(f"c.{name}" for name in _CONSENT)} from {whole("$1", "$2::uuid")}
join consents c on c.tenant_id = $1 and c.lead_id = w.id order by c.at, c.id
"""  # noqa: S608
LAST_GRANTED = f"""
select r.lead_id, max(c.at) as at from unnest($2::uuid[]) as r(lead_id)
cross join lateral {whole("$1", "r.lead_id")}
join consents c on c.tenant_id = $1 and c.lead_id = w.id and c.granted group by r.lead_id
"""  # noqa: S608
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
LAST_VERSIONS = "select id, seq from notices where tenant_id = $1 and id = any($2::uuid[])"
LOCK_NOTICE = "select id from notices where tenant_id = $1 and id = $2 for update"
ADD_NOTICE = """
insert into notices (tenant_id, id, seq, source) values ($1, $2, 1, $3) on conflict do nothing returning true
"""
ADD_VERSION = """
insert into notice_versions (tenant_id, notice_id, version, basis, wording, at, by_id)
values ($1, $2, $3, $4, $5, $6, $7)
"""

_ENTRY = "id, kind, shown, reason, lead_id, at, by_id"
ADD = f"""
insert into do_not_contact_list (tenant_id, {_ENTRY}, digest, term)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
on conflict (tenant_id, digest) do update set at = excluded.at where do_not_contact_list.at < excluded.at
returning old.id is null
"""  # noqa: S608 - own names
OF_DIGESTS = f"""
select {_ENTRY} from do_not_contact_list where tenant_id = $1 and digest = any($2::bytea[]) order by id
"""  # noqa: S608
# One entry of each is enough: lists are long.
TENANTS_WITH_LIST = """
select t.tenant_id from unnest($1::uuid[]) as t(tenant_id)
where exists (select from do_not_contact_list d where d.tenant_id = t.tenant_id)
"""
ANYBODY = "select exists (select from do_not_contact_list where tenant_id = $1)"
PAGE = f"""
select {_ENTRY} from do_not_contact_list
where tenant_id = $1 and ($2::uuid is null or id < $2) order by id desc limit $3
"""  # noqa: S608
SOUGHT = "select digest, term from do_not_contact_list where tenant_id = $1 and id = $2"
REMOVE = "delete from do_not_contact_list where tenant_id = $1 and id = $2 returning true"
FORGET_SHOWN = """
update do_not_contact_list set shown = null where tenant_id = $1 and lead_id = any($2::uuid[])
"""
LISTED = "select digest from do_not_contact_list where tenant_id = $1 and digest = any($2::bytea[])"
REMOVE_UNTIL = """
delete from do_not_contact_list d using unnest($2::bytea[], $3::timestamptz[]) as r(digest, at)
where d.tenant_id = $1 and d.digest = r.digest and d.at <= r.at
"""
