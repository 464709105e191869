"""Everything that new leads need to know, read at once: their tenant, its pipeline, custom fields and policy
of duplicates, their creators' credit.

One statement over the tables of several rooms on purpose: creating a lead is the hottest write, and each
further round trip costs it more than reading all of them together.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from services.leads.capture.custom_fields.finding import Found, found_by
from services.leads.capture.custom_fields.rules import EMPTY, Schema
from services.leads.capture.custom_fields.use_cases import schema_at
from services.leads.deduplication.duplicates.policy import policy_columns, policy_from
from services.leads.deduplication.duplicates.rules import FLAGS, Policy
from services.leads.follow_up.pipelines.rules import Pipeline
from services.leads.follow_up.pipelines.use_cases import default_pipeline, pipeline_of
from shared.access.directory import Tenant, credit_from, tenant_of, unit_of_user
from shared.contracts.base import Credit
from shared.database.transactions import Tx

_OPENING = f"""
select t.tenant_id, t.name as tenant_name, t.timezone, t.currency,
  p.id, p.seq, p.key, p.name, p.is_default, p.stages,
  c.user_id, c.is_rep, c.team_id, c.path, c.region, s.version as schema_version,
  {policy_columns("d", "policy_version")}
from org_tenants t
left join pipelines p on p.tenant_id = t.tenant_id and p.is_default
left join custom_schemas s on s.tenant_id = t.tenant_id
left join duplicate_policies d on d.tenant_id = t.tenant_id
left join lateral (
  select u.id as user_id, u.is_rep, n.id as team_id, n.path, n.region
  from org_users u
  {unit_of_user()}
  where u.tenant_id = t.tenant_id and u.id = any($2::uuid[]) and u.is_rep
) c on true
where t.tenant_id = $1
"""  # noqa: S608 - our own words


@dataclass(frozen=True, slots=True)
class Opening:
    """`credits` has those of the creators who are reps."""

    tenant: Tenant
    pipeline: Pipeline
    schema: Schema
    policy: Policy
    credits: Mapping[UUID, Credit]

    def credit(self, creator_id: UUID | None) -> Credit:
        """The creator's if a rep, else empty."""
        return (None if creator_id is None else self.credits.get(creator_id)) or Credit()

    def found_by(self, custom: Mapping[str, Any]) -> Found:
        """What custom fields add to what a lead is found by."""
        return found_by(self.tenant.id, self.schema.fields.values(), custom)


async def opening(tx: Tx, tenant_id: UUID, creators: Collection[UUID], at: datetime) -> Opening:
    """Raises TenantUnknown; makes the default pipeline of a tenant so new that it has none yet."""
    rows = await tx.connection.fetch(_OPENING, tenant_id, list(creators))
    if not rows:
        tenant = await tenant_of(tx)
        return Opening(tenant, await default_pipeline(tx, tenant_id, at), EMPTY, FLAGS, {})
    row = rows[0]
    tenant = Tenant(row["tenant_id"], row["tenant_name"], row["timezone"], row["currency"])
    found = row["id"] is not None
    pipeline = pipeline_of(row) if found else await default_pipeline(tx, tenant_id, at)
    reps = (each for each in rows if each["user_id"] is not None)
    schema = await schema_at(tx, tenant_id, row["schema_version"])
    credit = {each["user_id"]: credit_from(each["user_id"], each) for each in reps}
    return Opening(tenant, pipeline, schema, policy_from(row, "policy_version"), credit)
