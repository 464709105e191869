"""Everything that a move needs, read and locked at once: the lead, its pipeline, its tenant, its owner.

One statement over the tables of several rooms on purpose: a move has to wait for nothing else.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from services.leads.capture.custom_fields.rules import Schema
from services.leads.capture.custom_fields.use_cases import schema_at
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import UnknownLead, living
from services.leads.deduplication.parts.whole import whole
from services.leads.follow_up.pipelines.rules import Pipeline
from services.leads.follow_up.pipelines.use_cases import pipeline_of
from shared.access.directory import Tenant, TenantUnknown, credit_from, unit_of_user
from shared.contracts.base import Credit
from shared.database.transactions import Tx
from shared.errors import Conflict

_LEAD = ", ".join(f"l.{name}" for name in Lead._fields)
# The owner's counter is locked before the lead, here as everywhere: whoever changes counters changes leads
# after them. The lead is locked last of all, when the rest has been read.
_SITUATION = f"""
with seen as materialized (select owner_id, status from leads where tenant_id = $1 and id = $2),
counters as materialized (
  select r.user_id from seen join rep_loads r on r.tenant_id = $1 and r.user_id = seen.owner_id
  where seen.status <> $3 for update of r)
select {_LEAD}, seen.owner_id as seen_owner_id, seen.status as seen_status,
  p.id as pipeline__id, p.seq as pipeline__seq, p.key as pipeline__key, p.name as pipeline__name,
  p.is_default as pipeline__is_default, p.stages as pipeline__stages,
  t.name as tenant__name, t.timezone as tenant__timezone, t.currency as tenant__currency,
  c.is_rep as owner__is_rep, c.team_id as owner__team_id, c.path as owner__path, c.region as owner__region,
  array(
    select distinct a.kind from {whole("$1", "$2::uuid")}
    join lead_activities a on a.tenant_id = $1 and a.lead_id = w.id) as done,
  array(
    select q.criterion from qualifications q
    where q.tenant_id = $1 and q.lead_id = $2 and q.answer = 'yes') as qualified,
  counted.number as counters,
  (select s.version from custom_schemas s where s.tenant_id = $1) as schema_version
from leads l
cross join (select count(*) as number from counters) counted
join seen on true
join pipelines p on p.tenant_id = l.tenant_id and p.id = l.pipeline_id
left join org_tenants t on t.tenant_id = l.tenant_id
left join lateral (
  select u.is_rep, n.id as team_id, n.path, n.region
  from org_users u
  {unit_of_user()}
  where u.tenant_id = l.tenant_id and u.id = l.owner_id
) c on true
where l.tenant_id = $1 and l.id = $2
for update of l
"""  # noqa: S608 - own names


class OwnerChanged(Conflict):
    code = "owner_changed"
    title = "The lead got another owner at the same moment; try again"


@dataclass(frozen=True, slots=True)
class Situation:
    """A locked lead and what decides where it may go. `done`: kinds of the activities recorded for it;
    `qualified`: what of its qualification is answered with yes.
    """

    lead: Lead
    pipeline: Pipeline
    schema: Schema
    credit: Credit
    done: frozenset[str]
    qualified: frozenset[str]
    _tenant: Tenant | None

    @property
    def lacking(self) -> dict[str, str]:
        """Custom fields that the lead has not, with the stages that demand them."""
        required = ((one.key, one.required_from) for one in self.schema.required)
        return {key: stage for key, stage in required if stage and self.lead.custom.get(key) is None}

    @property
    def tenant(self) -> Tenant:
        """Raises TenantUnknown."""
        if self._tenant is None:
            raise TenantUnknown("Try again in a moment")
        return self._tenant


async def lock_situation(tx: Tx, tenant_id: UUID, lead_id: UUID, to_status: str) -> Situation:
    """Until the transaction ends; its owner's counter too, if the move changes the lead's status.

    Raises UnknownLead, LeadErased, LeadMerged, OwnerChanged.
    """
    row = await tx.connection.fetchrow(_SITUATION, tenant_id, lead_id, to_status)
    if row is None:
        raise UnknownLead(f"there is no lead {lead_id} that you may see")
    lead = living(Lead.of({name: row[name] for name in Lead._fields}))
    if (lead.owner_id, lead.status) != (row["seen_owner_id"], row["seen_status"]):
        raise OwnerChanged
    tenant = None
    if row["tenant__name"] is not None:
        tenant = Tenant(tenant_id, row["tenant__name"], row["tenant__timezone"], row["tenant__currency"])
    known = lead.owner_id is not None and row["owner__is_rep"] is not None
    return Situation(
        lead,
        pipeline_of(row, "pipeline__"),
        await schema_at(tx, tenant_id, row["schema_version"]),
        credit_from(lead.owner_id, row, "owner__") if known and lead.owner_id else Credit(),
        frozenset(row["done"]),
        frozenset(row["qualified"]),
        tenant,
    )
