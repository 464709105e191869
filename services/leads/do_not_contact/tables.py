"""The list. It holds no phone and no address: digests, terms of the search index, and a masked form."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, DateTime, Index, LargeBinary, Table, Text, Uuid

from services.leads.metadata import metadata

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
LISTED = "select digest from do_not_contact_list where tenant_id = $1 and digest = any($2::bytea[])"
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
REMOVE_UNTIL = """
delete from do_not_contact_list where tenant_id = $1 and digest = any($2::bytea[]) and at <= $3
"""
FORGET = """
update do_not_contact_list set shown = null where tenant_id = $1 and lead_id = any($2::uuid[])
"""
