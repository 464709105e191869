"""Taking in rows of a file: one statement or two for all that are new, one by one what changes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.leads.assigning.assignment.giving import ToGive, give_all
from services.leads.assigning.assignment.use_cases import (
    AssignNotAllowed,
    SameOwner,
    assign_lead,
    unfit_owner,
)
from services.leads.assigning.workload.use_cases import lock_loads
from services.leads.capture.history_import.use_cases import RepeatedRow, claim_rows, give_up_rows, rows_known
from services.leads.capture.intake.changes import keys, update_lead
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.opening import Opening, opening
from services.leads.capture.intake.preparing import Newcomer, Prepared, prepare
from services.leads.capture.intake.rules import Contact, contact_of
from services.leads.capture.intake.use_cases import get_leads, store_prepared
from services.leads.capture.normalising.regions import region_of
from services.leads.capture.row_import.rules import (
    Asked,
    ChangedInSource,
    KeyKind,
    Mode,
    NoSuchLead,
    changes_of,
    key_of,
    with_custom,
)
from services.leads.deduplication.duplicates.rules import Key
from services.leads.deduplication.duplicates.use_cases import holders_of
from services.leads.privacy.consents.rules import not_on_record
from services.leads.privacy.consents.use_cases import consents_of, grant
from services.leads.privacy.wishes.rules import Agreed
from shared.access.directory import people, tenant_of
from shared.database.transactions import Tx
from shared.errors import CoxError, FieldError, errors_under
from shared.ids import new_id

Status = Literal["created", "updated", "unchanged", "failed"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What all rows share. `run` is the import; `key` says which lead a row is about that is changed."""

    source: str
    user_id: UUID
    run: UUID
    mode: Mode = "create"
    key: KeyKind | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a row; `keys` are those of the lead as it is now."""

    status: Status
    lead_id: UUID | None = None
    error: CoxError | None = None
    keys: tuple[Key, ...] = ()
    duplicate_of: UUID | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """Rows by their place, as far as they could be made ready while `start` held; `failed` are those that
    could not.

    `leads` are those that they would make, where the mode makes any.
    """

    start: Opening
    asked: Mapping[int, Asked]
    leads: Mapping[int, Prepared | CoxError]
    failed: Mapping[int, CoxError]


async def make_ready(
    tx: Tx, tenant_id: UUID, batch: Batch, rows: Sequence[Asked | CoxError], at: datetime
) -> Ready:
    """All that can be done before it is the rows' turn: nothing is locked or written, so parts that wait for
    one another cannot stand in each other's way.
    """
    start = await opening(tx, tenant_id, {batch.user_id}, at)
    asked: dict[int, Asked] = {}
    failed: dict[int, CoxError] = {}
    for place, row in enumerate(rows):
        try:
            if isinstance(row, CoxError):
                raise row
            asked[place] = with_custom(row, start.schema, start.tenant.timezone) if row.draft.custom else row
        except CoxError as error:
            failed[place] = error
    new = [] if batch.mode == "update" else [Newcomer(row.draft, batch.user_id) for row in asked.values()]
    leads = await prepare(tx, start, new, at)
    return Ready(start, asked, dict(zip(asked, leads, strict=bool(new))), failed)


async def as_of_now(
    tx: Tx, tenant_id: UUID, batch: Batch, rows: Sequence[Asked | CoxError], ready: Ready, at: datetime
) -> Ready:
    """The rows as they were made ready, or anew if what held then does not hold any more."""
    if ready.start == await opening(tx, tenant_id, {batch.user_id}, at):
        return ready
    return await make_ready(tx, tenant_id, batch, rows, at)


def only_claims(batch: Batch, ready: Ready) -> bool:
    """Whether all that rows ask of earlier ones is who has a key, which waits for their transaction to end.

    What is looked up instead would miss them.
    """
    return batch.mode == "create" and ready.start.policy.only_flags


async def import_rows(
    tx: Tx,
    tenant_id: UUID,
    batch: Batch,
    ready: Ready,
    at: datetime,
    keys_held: Callable[[], None] | None = None,
) -> list[Taken]:
    """What became of each row, in their order; `ready` as of now. Rows that are refused keep no other out.

    `keys_held`: see `store_prepared`.
    """
    taken = {place: Taken("failed", error=error) for place, error in ready.failed.items()}
    asked = dict(ready.asked)
    await _check_owners(tx, tenant_id, batch, asked, taken)
    new, later = await _divided(tx, tenant_id, batch, asked, taken)
    await _create(tx, tenant_id, batch, ready, new, taken, at, keys_held)
    if later:
        found = await _found(tx, tenant_id, batch, {place: key for place, (_, key) in later.items()})
        for place, (row, key) in later.items():
            taken[place] = await _update(tx, tenant_id, batch, row, key, found.get(place), at)
    return [taken[place] for place in sorted(taken)]


async def _check_owners(
    tx: Tx, tenant_id: UUID, batch: Batch, asked: dict[int, Asked], taken: dict[int, Taken]
) -> None:
    """Rows whose owner cannot be are out; the counters of the others are locked."""
    owners = {row.owner_id for row in asked.values() if row.owner_id is not None}
    if not owners:
        return
    known = await people(tx, sorted(owners))
    fit = {user for user in owners if (person := known.get(user)) is not None and person.active}
    only_own = tx.access is not None and tx.access.visibility == "own"
    for place, row in list(asked.items()):
        if row.owner_id is None:
            continue
        if row.owner_id not in fit:
            taken[place] = Taken("failed", error=unfit_owner(row.owner_id))
        elif only_own and row.owner_id != batch.user_id:
            taken[place] = Taken("failed", error=AssignNotAllowed())
        else:
            continue
        del asked[place]
    await lock_loads(tx, tenant_id, fit)


async def _divided(
    tx: Tx, tenant_id: UUID, batch: Batch, asked: Mapping[int, Asked], taken: dict[int, Taken]
) -> tuple[dict[int, Asked], dict[int, tuple[Asked, Key]]]:
    """Rows that make leads, and rows about leads that there are, or are made by an earlier row."""
    if batch.mode == "create" or batch.key is None:
        return dict(asked), {}
    tenant = await tenant_of(tx)
    region = region_of(tenant.timezone, tenant.currency)
    by_key: dict[int, Key] = {}
    for place, row in asked.items():
        try:
            contact = (
                Contact(None, None) if batch.key == "external_id" else contact_of(row.draft.given, region)
            )
            by_key[place] = key_of(row, batch.key, contact)
        except CoxError as error:
            taken[place] = Taken("failed", error=error)
    if batch.mode == "update":
        return {}, {place: (asked[place], key) for place, key in by_key.items()}
    found = await _found(tx, tenant_id, batch, by_key)
    new: dict[int, Asked] = {}
    later: dict[int, tuple[Asked, Key]] = {}
    made: set[Key] = set()
    for place, key in by_key.items():
        if place in found or key in made:
            later[place] = (asked[place], key)
        else:
            made.add(key)
            new[place] = asked[place]
    return new, later


async def _found(tx: Tx, tenant_id: UUID, batch: Batch, by_key: Mapping[int, Key]) -> dict[int, Lead]:
    """The lead that each key names: the first one that has it, if the caller may see that."""
    if batch.key == "external_id":
        known = await rows_known(tx, tenant_id, batch.source, [key.value for key in by_key.values()])
        ids = {place: known[key.value] for place, key in by_key.items() if key.value in known}
    else:
        holders = await holders_of(tx, tenant_id, by_key.values())
        ids = {place: holders[key] for place, key in by_key.items() if key in holders}
    seen = {lead.id: lead for lead in await get_leads(tx, tenant_id, sorted(set(ids.values())))}
    return {place: seen[lead_id] for place, lead_id in ids.items() if lead_id in seen}


async def _create(
    tx: Tx,
    tenant_id: UUID,
    batch: Batch,
    ready: Ready,
    asked: Mapping[int, Asked],
    taken: dict[int, Taken],
    at: datetime,
    keys_held: Callable[[], None] | None,
) -> None:
    if not asked:
        return
    first: dict[str, int] = {}
    for place, row in asked.items():
        first.setdefault(row.external_id, place)
    digests = {name: f"{asked[place].digest}@{batch.run}" for name, place in first.items()}
    claims = {name: (_lead_id(ready.leads[place]), digests[name]) for name, place in first.items()}
    known = await claim_rows(tx, tenant_id, batch.source, claims)
    again = [lead_id for name, (lead_id, digest) in known.items() if digest == digests[name]]
    made_before = {lead.id: lead for lead in await get_leads(tx, tenant_id, again)}
    new: list[int] = []
    for place, row in asked.items():
        if row.external_id in known:
            taken[place] = _known(row, *known[row.external_id], made_before)
        elif first[row.external_id] != place:
            taken[place] = Taken("failed", error=RepeatedRow("an earlier row has the same external id"))
        else:
            new.append(place)
    made = await store_prepared(tx, ready.start, [ready.leads[place] for place in new], keys_held)
    gifts: list[ToGive] = []
    for place, lead in zip(new, made, strict=True):
        if isinstance(lead, CoxError):
            taken[place] = Taken("failed", error=lead)
            continue
        taken[place] = Taken("created", lead.id, None, _keys(ready.leads[place]), lead.duplicate_of)
        if (owner_id := asked[place].owner_id) is not None:
            gifts.append(ToGive(lead, owner_id))
    failed = [asked[place].external_id for place in new if taken[place].status == "failed"]
    await give_up_rows(tx, tenant_id, batch.source, failed)
    await give_all(tx, tenant_id, gifts, at, by_id=batch.user_id, reason=None, by_hand="import")


def _lead_id(ready: Prepared | CoxError) -> UUID:
    """Also for a row that makes none: it is known whether it did before."""
    return ready.lead.id if isinstance(ready, Prepared) else new_id()


def _keys(ready: Prepared | CoxError) -> tuple[Key, ...]:
    return ready.keys if isinstance(ready, Prepared) else ()


def _known(row: Asked, lead_id: UUID, digest: str, made_before: Mapping[UUID, Lead]) -> Taken:
    """A row that was here before: of this very import, whose answer was lost, or of an earlier one."""
    if (lead := made_before.get(lead_id)) is not None:
        return Taken("created", lead_id, None, keys(lead), lead.duplicate_of)
    if digest.partition("@")[0] == row.digest:
        return Taken("unchanged", lead_id)
    detail = "the row said something else when it was imported: update by external_id"
    errors = [FieldError("/external_id", ChangedInSource.code, detail)]
    return Taken("failed", error=ChangedInSource(detail, errors=errors))


async def _update(
    tx: Tx, tenant_id: UUID, batch: Batch, row: Asked, key: Key, lead: Lead | None, at: datetime
) -> Taken:
    if lead is None:
        detail = f"no lead that you may see has this {key.kind}"
        return Taken(
            "failed", error=NoSuchLead(detail, errors=[FieldError(f"/{key.kind}", NoSuchLead.code, detail)])
        )
    try:
        async with tx.savepoint():
            changed = await _changed(tx, tenant_id, batch, row, lead, at)
    except CoxError as error:
        return Taken("failed", error=error)
    status: Status = "unchanged" if changed.seq == lead.seq else "updated"
    return Taken(status, lead.id, None, keys(changed), changed.duplicate_of)


async def _changed(tx: Tx, tenant_id: UUID, batch: Batch, row: Asked, lead: Lead, at: datetime) -> Lead:
    anyhow = lambda version: None  # noqa: E731 - whoever imports says what is to be, whatever it was
    changed = await update_lead(
        tx, tenant_id, batch.user_id, lead.id, changes_of(row, lead), at, check_version=anyhow
    )
    if row.draft.consent is not None:
        changed = await _agreed(tx, tenant_id, batch, row.draft.consent, changed, at)
    if row.owner_id is None or row.owner_id == changed.owner_id:
        return changed
    try:
        return await assign_lead(
            tx, tenant_id, batch.user_id, lead.id, row.owner_id, None, at, check_version=anyhow
        )
    except SameOwner:
        return changed._replace(owner_id=row.owner_id)


async def _agreed(tx: Tx, tenant_id: UUID, batch: Batch, agreed: Agreed, lead: Lead, at: datetime) -> Lead:
    """What the row says that the person agreed to is on record: a file that comes again adds nothing."""
    with errors_under("/consent"):
        left = not_on_record(agreed, (await consents_of(tx, tenant_id, lead.id)).history)
        if not left:
            return lead
        said = agreed._replace(purposes=left).statement(batch.user_id, at)
        return (await grant(tx, tenant_id, lead.id, said, at, check=lambda _: None)).lead
