"""After the storm: heal, wait until quiet, then hold everything against everything."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from uuid import UUID

from deploy.local.topology import SERVICES
from tests.chaos import stored
from tests.chaos.checks import Heard, Told, check_journal, check_ledger, check_log, check_stream, repeats
from tests.chaos.company import TIMEZONE, Company
from tests.chaos.derived import check_derived
from tests.chaos.findings import Finding
from tests.chaos.ledger import Ledger
from tests.chaos.numbers import GRAINS, check_numbers
from tests.chaos.stack import Stack
from tests.chaos.stored import Row
from tests.support.recompute import facts_of

_COUNTED = (
    "lead_created", "lead_assigned", "lead_pooled", "lead_updated", "stage_changed", "response_given",
    "activity_recorded", "lead_merged", "lead_unmerged", "lead_absorbed", "lead_separated",
)  # fmt: skip
_PARTED = "cox.leads.lead_unmerged.v1"


async def check_everything(
    stack: Stack,
    company: Company,
    ledger: Ledger,
    *,
    heard: Iterable[Heard] = (),
    grains: Sequence[str] = GRAINS,
    figures: dict[str, float | int | str] | None = None,
) -> list[Finding]:
    """Ledger against databases, journals against topics and projections, KPIs against a recomputation.

    The copy must be quiet. `figures` gets how much was compared.
    """
    tenant = company.tenant.id
    found = check_ledger(ledger.entries.values(), await stored.effects(stack, tenant))
    journals = {service: await stored.journal(stack, service, tenant) for service in SERVICES}
    sent_again = 0
    partings = set[Told]()
    for service, rows in journals.items():
        told = [row.told for row in rows]
        log = await stored.log(stack, service, tenant)
        # A service may go on recording what nobody consumes: scoring's notices come when they come.
        since = await stored.journal(stack, service, tenant)
        later = [row.told for row in since]
        sent_again += repeats(log)
        found += check_journal(later)
        found += check_log(told, log, later, {row.event_id: row.id for row in since})
        partings |= {one for one in (*told, *log) if one.type == _PARTED}
    await stack.quiet()
    found += await check_derived(stack, tenant, journals, Counter[UUID](one.aggregate_id for one in partings))
    counted = [row for name in ("leads", "activities") for row in journals[name] if counts(row)]
    # A new token: the one of the company's founding may be over.
    await company.tenant.admin.sign_in(company.tenant.email)
    found += await check_numbers(company.tenant.admin, facts_of(counted, TIMEZONE), grains)
    for one in heard:
        found += check_stream([row.told for row in counted], one)
    if figures is not None:
        figures["events"] = sum(map(len, journals.values()))
        figures["published_again"] = sent_again
    return found


def counts(row: Row) -> bool:
    """Whether it is of those events that KPIs are made of, which listeners ask for too."""
    return row.type.split(".")[2] in _COUNTED
