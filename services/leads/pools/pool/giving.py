"""Leads that lie in a pool are given to somebody by who looks after it: one by hand, or many at once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID
from zoneinfo import ZoneInfo

from services.leads.assigning.assignment.use_cases import (
    AssignNotAllowed,
    assign_lead,
    assigned,
    assignment_row,
    store_assignments,
    unfit_owner,
)
from services.leads.assigning.workload.use_cases import shift_loads
from services.leads.capture.intake.lead import Lead
from services.leads.capture.intake.use_cases import UnknownLead, get_leads, lock_leads, store_owners
from services.leads.pools.pool.definitions import UnknownPool, hold_pool
from services.leads.pools.pool.hands import coolings_of, in_hand
from services.leads.pools.pool.looking import open_pool, pooled_lead
from services.leads.pools.pool.rules import (
    Cooling,
    Hands,
    LeadAlreadyClaimed,
    Pool,
    check_gift,
    check_kind,
    waits_until,
)
from shared.access.directory import Person, credits_of, people, tenant_of
from shared.access.principal import Principal
from shared.access.visibility import in_sight
from shared.access.working import profiles_of
from shared.contracts.base import Credit
from shared.database.transactions import Tx
from shared.errors import CoxError
from shared.events.journal import NewEvent

Check = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Gift:
    """Which lead to whom."""

    lead_id: UUID
    owner_id: UUID


@dataclass(frozen=True, slots=True)
class Given:
    """A lead as it is now; `in_sight`: whoever gave it sees what its new owner has."""

    lead: Lead
    in_sight: bool


@dataclass(slots=True)
class _Taker:
    """Somebody who is to have leads; `refusal` says why not. `in_hand` grows with what they are given."""

    credit: Credit
    level: str | None
    in_sight: bool
    refusal: CoxError | None
    in_hand: int


@dataclass(frozen=True, slots=True)
class Handout:
    """What decides who may be given what lies in a pool: who asks for it is in `takers` already.

    `coolings` are of the leads in question; whoever looks at further ones adds theirs.
    """

    pool: Pool
    takers: Mapping[UUID, _Taker]
    coolings: dict[UUID, Sequence[Cooling]]
    at: datetime
    zone: ZoneInfo

    def check(self, lead_id: UUID, owner_id: UUID, *, do_not_contact: bool) -> None:
        """Raises why they cannot have it: see `_refusal` and `check_gift`."""
        taker = self.takers[owner_id]
        if taker.refusal is not None:
            raise taker.refusal
        until = waits_until(self.coolings.get(lead_id, ()), owner_id, taker.credit.team_id)
        hands = Hands(taker.in_hand, taker.level, until)
        check_gift(self.pool, hands, self.at, self.zone, do_not_contact=do_not_contact)

    def took(self, owner_id: UUID, leads: int = 1) -> None:
        """So many more are in their hands, out of this pool or from elsewhere; fewer, where it is below 0."""
        if owner_id in self.takers:
            self.takers[owner_id].in_hand += leads


async def begin_handout(
    tx: Tx, who: Principal, pool: Pool, user_ids: Collection[UUID], at: datetime, *, lock: bool
) -> Handout:
    """For these users, out of a pool that is open to the caller. `lock`: see `in_hand`."""
    takers = await _takers(tx, who, pool, user_ids, lock=lock)
    return Handout(pool, takers, {}, at, ZoneInfo((await tenant_of(tx)).timezone))


@dataclass(frozen=True, slots=True)
class _Giving:
    """A handout, and the locked leads that it is of; both change as gifts are made."""

    handout: Handout
    leads: dict[UUID, Lead]

    def give(self, gift: Gift, check: Check | None) -> CoxError | None:
        """Why it cannot be; None: it is done."""
        try:
            self._check(gift, check)
        except CoxError as refusal:
            return refusal
        self.handout.took(gift.owner_id)
        self.leads[gift.lead_id] = self.leads[gift.lead_id]._replace(pooled_at=None)
        return None

    def _check(self, gift: Gift, check: Check | None) -> None:
        lead, pool = self.leads.get(gift.lead_id), self.handout.pool
        if lead is None or lead.pool_id != pool.id:
            raise UnknownLead("no such lead lies there")
        if lead.pooled_at is None:
            raise LeadAlreadyClaimed("it lies in the pool no more")
        if check is not None:
            check(lead.version)
        check_kind(pool, lead.status)
        self.handout.check(lead.id, gift.owner_id, do_not_contact=lead.do_not_contact)


async def give_lead(
    tx: Tx, who: Principal, gift: Gift, reason: str | None, at: datetime, *, check_version: Check
) -> Given:
    """Give a lead to somebody by hand, wherever it is.

    Raises what `assign_lead` raises, what stands in the way of a lead that lies in a pool (see `check_gift`),
    and what `check_version` raises.
    """
    found = await get_leads(tx, who.tenant_id, [gift.lead_id])
    seen = found[0] if found else await pooled_lead(tx, who, gift.lead_id)
    check_version(seen.version)
    if seen.pooled_at is None or seen.pool_id is None:
        by = who.user_id
        lead = await assign_lead(
            tx, who.tenant_id, by, seen.id, gift.owner_id, reason, at, check_version=check_version
        )
        return Given(lead, True)
    try:
        [given] = await give_leads(tx, who, seen.pool_id, [gift], reason, at, check_version=check_version)
    except UnknownPool:
        # They see the lead because they created it.
        raise AssignNotAllowed("it lies in a pool that is not open to you") from None
    if isinstance(given, CoxError):
        raise given
    return given


async def give_leads(
    tx: Tx,
    who: Principal,
    pool_id: UUID,
    gifts: Sequence[Gift],
    reason: str | None,
    at: datetime,
    *,
    check_version: Check | None = None,
) -> list[Given | CoxError]:
    """Give leads that lie in a pool to others, one gift after the other; in the place of each that cannot be
    stands why. A fixed number of statements; locks in the house's order: the pool, loads, leads.

    Raises UnknownPool.
    """
    await open_pool(tx, who, pool_id)
    pool = await hold_pool(tx, who.tenant_id, pool_id)
    await tx.as_tenant()
    handout = await begin_handout(tx, who, pool, {gift.owner_id for gift in gifts}, at, lock=True)
    leads = await lock_leads(tx, who.tenant_id, list({gift.lead_id for gift in gifts}))
    handout.coolings.update(await coolings_of(tx, who.tenant_id, list(leads), at))
    now = _Giving(handout, dict(leads))
    refusals = [now.give(gift, check_version) for gift in gifts]
    made = {gift.lead_id: gift for gift, refused in zip(gifts, refusals, strict=True) if refused is None}
    pairs = [(leads[one.lead_id], one) for one in made.values()]
    given = await _store(tx, who, pairs, handout.takers, reason, at)
    return [refused or given[gift.lead_id] for gift, refused in zip(gifts, refusals, strict=True)]


async def _takers(
    tx: Tx, who: Principal, pool: Pool, user_ids: Collection[UUID], *, lock: bool
) -> dict[UUID, _Taker]:
    """Everybody who is to have leads; `lock` holds the counters of those who may."""
    persons, credit = await people(tx, user_ids), await credits_of(tx, user_ids)
    profiles = await profiles_of(tx, user_ids)
    takers = {}
    for user in sorted(user_ids):
        theirs = credit.get(user, Credit())
        refusal = _refusal(who, pool, user, persons.get(user), theirs)
        takers[user] = _Taker(theirs, profiles[user].level, in_sight(who, user, theirs), refusal, 0)
    fit = [user for user, taker in takers.items() if taker.refusal is None]
    for user, count in (await in_hand(tx, who.tenant_id, pool, fit, lock=lock)).items():
        takers[user].in_hand = count
    return takers


def gives_to_whom_they_like(who: Principal, pool: Pool) -> bool:
    """Others only to members whose leads they see."""
    return who.visibility == "tenant" or who.user_id in pool.admin_ids


def _refusal(
    who: Principal, pool: Pool, user_id: UUID, person: Person | None, credit: Credit
) -> CoxError | None:
    """Admins give to whom they like, superiors to members whose leads they see; nobody goes around the claim
    for themselves.
    """
    if person is None or not person.active:
        return unfit_owner(user_id)
    is_member = pool.has_member(credit)
    if is_member and user_id == who.user_id:
        return AssignNotAllowed("it lies in a pool: claim it")
    if gives_to_whom_they_like(who, pool):
        return None
    if is_member and who.visibility != "own" and in_sight(who, user_id, credit):
        return None
    return AssignNotAllowed("out of a pool you may give to its members whose leads you see")


async def _store(
    tx: Tx,
    who: Principal,
    gifts: Sequence[tuple[Lead, Gift]],
    takers: Mapping[UUID, _Taker],
    reason: str | None,
    at: datetime,
) -> dict[UUID, Given]:
    """By lead, as it is then."""
    if not gifts:
        return {}
    owners, events, rows = {}, [], []
    for lead, gift in gifts:
        credit = takers[gift.owner_id].credit
        owners[lead.id] = (gift.owner_id, credit.team_id)
        events.append(NewEvent(lead.id, assigned(lead, credit, "manual"), at))
        rows.append(assignment_row(lead, "manual", gift.owner_id, at, assigned_by=who.user_id, reason=reason))
    versions = await store_owners(tx, who.tenant_id, owners, events, at)
    await store_assignments(tx, rows)
    await shift_loads(
        tx, who.tenant_id, Counter(gift.owner_id for lead, gift in gifts if lead.status == "open")
    )
    return {
        lead.id: Given(
            _as_given(lead, owners[lead.id], versions[lead.id], at), takers[gift.owner_id].in_sight
        )
        for lead, gift in gifts
    }


def _as_given(lead: Lead, owner: tuple[UUID, UUID | None], version: int, at: datetime) -> Lead:
    owner_id, team_id = owner
    return lead._replace(owner_id=owner_id, team_id=team_id, pooled_at=None, seq=version, updated_at=at)
