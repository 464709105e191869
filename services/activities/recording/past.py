"""Recording what was done in the past, row by row idempotent by (source, external id)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID

from services.activities.recording.rules import digest_of, is_effective
from services.activities.recording.use_cases import Activity, Claim, Entry, claim_keys, store
from shared.access.directory import credits_at, team_credits_of
from shared.contracts.base import Credit, Dimensions
from shared.database.transactions import Tx
from shared.ids import new_id

Status = Literal["created", "unchanged", "failed"]


@dataclass(frozen=True, slots=True)
class Past:
    """One activity of the past. `rep_id` None: nobody knows who; `team_id` overrides what the org says of
    them.
    """

    external_id: str
    kind: str
    lead_id: UUID | None
    at: datetime
    duration_s: int | None
    outcome: str | None
    rep_id: UUID | None
    owner_id: UUID | None
    team_id: UUID | None
    dimensions: Dimensions


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of a row: `code` says why it failed."""

    status: Status
    activity_id: UUID | None
    code: str | None = None
    detail: str | None = None


async def import_activities(tx: Tx, source: str, rows: Sequence[Past], now: datetime) -> list[Imported]:
    """Store what is not there yet; answers in the order of the rows.

    A row that was imported with the same content is unchanged; one with other content fails and changes
    nothing.
    """
    digests = [_digest(row) for row in rows]
    fresh = [new_id() for _ in rows]
    given = {row.external_id: (row.external_id, fresh[at], digests[at]) for at, row in enumerate(rows)}
    claims = await claim_keys(tx, f"import:{source}", list(given.values()))
    answers = [_answer(claims[row.external_id], fresh[at], digests[at]) for at, row in enumerate(rows)]
    new = [
        (row, answer.activity_id)
        for row, answer in zip(rows, answers, strict=True)
        if answer.status == "created"
    ]
    credited = await _credits(tx, [row for row, _ in new])
    entries = [
        Entry(_activity(row, activity_id, credit, now), credit)
        for (row, activity_id), credit in zip(new, credited, strict=True)
        if activity_id is not None
    ]
    await store(tx, entries, historic=True)
    return answers


def _digest(row: Past) -> str:
    """Of what the row says itself. The ids of leads and people are ours, and the team may be known better
    later.
    """
    return digest_of(
        {"kind": row.kind, "at": row.at.isoformat(), "duration_s": row.duration_s, "outcome": row.outcome}
    )


def _answer(claim: Claim, activity_id: UUID, digest: str) -> Imported:
    if claim.activity_id == activity_id:
        return Imported("created", activity_id)
    if claim.digest == digest:
        return Imported("unchanged", claim.activity_id)
    return Imported(
        "failed", claim.activity_id, "changed_in_source", "another activity was imported under this id before"
    )


async def _credits(tx: Tx, rows: Sequence[Past]) -> list[Credit]:
    """Of who did each, in the team of that time; where nobody is known, of the owner's team."""
    people = [(person, row.at) for row in rows for person in (row.rep_id, row.owner_id) if person is not None]
    by_person = await credits_at(tx, people)
    by_team = await team_credits_of(tx, [row.team_id for row in rows if row.team_id is not None])
    return [_credit(row, by_person, by_team) for row in rows]


def _credit(row: Past, by_person: dict[tuple[UUID, datetime], Credit], by_team: dict[UUID, Credit]) -> Credit:
    person = row.rep_id or row.owner_id
    found = Credit() if person is None else by_person.get((person, row.at), Credit())
    if row.team_id is not None and row.team_id in by_team:
        found = by_team[row.team_id].model_copy(update={"rep_id": found.rep_id})
    return found if row.rep_id is not None else found.model_copy(update={"rep_id": None})


def _activity(row: Past, activity_id: UUID, credit: Credit, now: datetime) -> Activity:
    return Activity(
        id=activity_id,
        seq=1,
        kind=row.kind,
        lead_id=row.lead_id,
        rep_id=credit.rep_id,
        team_id=credit.team_id,
        owner_id=row.owner_id,
        recorded_by=None,
        started_at=row.at,
        duration_s=row.duration_s,
        outcome=row.outcome,
        effective=is_effective(row.kind, row.outcome, row.duration_s),
        note=None,
        region=row.dimensions.region,
        product=row.dimensions.product,
        channel=row.dimensions.channel,
        historic=True,
        recorded_at=now,
    )
