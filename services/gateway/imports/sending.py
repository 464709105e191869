"""Batches on their way to leads and activities, and what became of their rows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol, TypeAlias
from uuid import UUID

import orjson

from services.gateway.imports.history import Deal, Deed, Folded
from services.gateway.imports.lead_rows import LeadRow
from services.gateway.imports.mapping import HistoryShape, LeadsMapping
from services.gateway.imports.report import Report
from services.gateway.imports.rules import Options, Problem
from services.gateway.imports.tables import Import
from services.gateway.upstream.services import NotNow, Services
from shared.access.principal import Principal

MAX_ITEMS = 1000
ROWS_OF_LINE = 100
_OF_CONSENT = {"purposes": "consent"}
Before: TypeAlias = "asyncio.Task[None] | None"


class Turn(NamedTuple):
    """Where a part stands: what is to be `over` first, the number of the last row before it, and its own."""

    over: Before
    after: int
    last: int


class Sender(Protocol):
    """What sending needs to know of the import under way."""

    services: Services
    known: Import
    options: Options
    report: Report
    people: dict[str, UUID]
    after_org: str

    async def as_service(self) -> Principal: ...

    async def as_user(self) -> Principal: ...


@dataclass(slots=True)
class SentRow:
    """What became of a row; `keys` tell which rows share a phone, say."""

    line: int
    status: str
    keys: Sequence[str]
    duplicate_of: str | None


@dataclass(slots=True)
class Sent:
    """`failed_units` are external ids of deals that were refused; `keys` those of rows that were taken;
    `blocking`: what no two leads may share, of a dry run.
    """

    problems: list[Problem] = field(default_factory=list)
    failed_units: set[str] = field(default_factory=set)
    positions: list[str] = field(default_factory=list)
    keys: list[tuple[str, int]] = field(default_factory=list)
    rows: list[SentRow] = field(default_factory=list)
    blocking: frozenset[str] = frozenset()


async def send_history(sender: Sender, mapping: HistoryShape, folded: Sequence[Folded]) -> Sent:
    """Deals to leads, then their activities to activities: an activity needs its lead's id."""
    sent = Sent()
    whole = [one for one in folded if one.deal is not None]
    deals = [one.deal for one in whole if one.deal is not None]
    if not deals:
        return sent
    lead_ids = await _send_deals(sender, mapping, deals, sent)
    pairs = [
        (one.deal, deed) for one in whole for deed in one.deeds
        if one.deal is not None and one.deal.external_id in lead_ids
    ]  # fmt: skip
    for start in range(0, len(pairs), MAX_ITEMS):
        await _send_deeds(sender, mapping, pairs[start : start + MAX_ITEMS], lead_ids, sent)
    return sent


async def _send_deals(
    sender: Sender, mapping: HistoryShape, deals: Sequence[Deal], sent: Sent
) -> dict[str, str]:
    pipeline = None if mapping.pipeline is None else mapping.pipeline.key
    items = [_deal_item(sender, pipeline, deal) for deal in deals]
    body: dict[str, Any] = {"source": mapping.source, "items": items, "dry_run": sender.known.dry_run}
    if sender.known.dry_run and mapping.pipeline is not None:
        body["pipeline"] = mapping.pipeline.model_dump()
    answer = await sender.services.post(
        "leads",
        "/internal/leads/import",
        body,
        principal=await sender.as_service(),
        wait_for=sender.after_org,
    )
    if answer.position:
        sent.positions.append(answer.position)
    lead_ids: dict[str, str] = {}
    for deal, item in zip(deals, answer.body["items"], strict=True):
        sender.report.counts[f"deals_{item['status']}"] += 1
        if item["status"] == "failed":
            sent.problems.append(_problem(deal.line, item))
            sent.failed_units.add(deal.external_id)
        else:
            lead_ids[deal.external_id] = item["lead_id"]
            sent.keys += [(key, deal.line) for key in item["keys"]]
    return lead_ids


def _deal_item(sender: Sender, pipeline: str | None, deal: Deal) -> dict[str, Any]:
    """A deal as leads takes it. What happened at a start that nobody knows happened when the import was
    asked for.
    """
    begun = deal.started_at or sender.known.created_at
    steps = []
    for step in deal.steps:
        item: dict[str, Any] = {"at": _wire(step.at or begun), "do": step.do}
        if step.do == "assign":
            item["owner_id"] = _person(sender, step.person)
        else:
            item |= {"to": step.to, "reason": step.reason, "value": step.value}
        steps.append(item)
    texts: Mapping[str, str | None] = dict.fromkeys(("company", "product", "region", "channel", "origin"))
    return {
        "external_id": deal.external_id,
        "pipeline": pipeline,
        **texts,
        **deal.texts,
        "value": deal.value,
        "started_at": None if deal.started_at is None else _wire(deal.started_at),
        "creator_id": _person(sender, deal.creator),
        "tags": deal.tags,
        "steps": steps,
    }


async def _send_deeds(
    sender: Sender,
    mapping: HistoryShape,
    pairs: Sequence[tuple[Deal, Deed]],
    lead_ids: Mapping[str, str],
    sent: Sent,
) -> None:
    items = [_deed_item(sender, lead_ids[deal.external_id], deal, deed) for deal, deed in pairs]
    answer = await sender.services.post(
        "activities",
        "/internal/activities/import",
        {"source": mapping.source, "items": items, "dry_run": sender.known.dry_run},
        principal=await sender.as_service(),
        wait_for=sender.after_org,
    )
    if answer.position:
        sent.positions.append(answer.position)
    for (_, deed), item in zip(pairs, answer.body["items"], strict=True):
        sender.report.counts[f"activities_{item['status']}"] += 1
        if item["status"] == "created":
            sender.report.counts[f"{deed.kind}s_created"] += 1
        elif item["status"] == "failed":
            sent.problems.append(_problem(deed.line, item))


def _deed_item(sender: Sender, lead_id: str, deal: Deal, deed: Deed) -> dict[str, Any]:
    return {
        "external_id": deed.external_id,
        "kind": deed.kind,
        "lead_id": lead_id,
        "at": _wire(deed.at),
        "outcome": deed.outcome,
        "duration_s": deed.duration_s,
        "rep_id": _person(sender, deed.person),
        "owner_id": _person(sender, deed.owner),
        "dimensions": {name: deal.texts.get(name) for name in ("region", "product", "channel")},
    }


async def send_rows(sender: Sender, mapping: LeadsMapping, rows: Sequence[LeadRow], turn: Turn) -> Sent:
    """Live leads, on behalf of whoever asked, taken when it is their turn. A row sent twice is stored once:
    its source knows it.
    """
    sent, asker = Sent(), (await sender.as_user()).access()
    shared = {
        "rows": len(rows),
        "asker": {
            "user_id": str(asker.user_id),
            "visibility": asker.visibility,
            "unit_id": None if asker.unit_id is None else str(asker.unit_id),
        },
        "run": str(sender.known.id),
        "after": turn.after,
        "last": turn.last,
        "source": mapping.source,
        "mode": sender.options.mode,
        "key": sender.options.key,
        "dry_run": sender.known.dry_run,
    }
    answer = await sender.services.stream(
        "leads",
        "/internal/leads/rows",
        _lines(shared, [_row_item(sender, row) for row in rows], turn.over),
        principal=await sender.as_service(),
        wait_for=sender.after_org,
    )
    sent.blocking = frozenset(answer.body["blocking"])
    if answer.position and not sender.known.dry_run:
        sent.positions.append(answer.position)
    for row, item in zip(rows, answer.body["items"], strict=True):
        if item["status"] == "failed":
            sent.problems.append(_problem(row.line, item))
        sent.rows.append(SentRow(row.line, item["status"], item["keys"], item["duplicate_of"]))
    return sent


async def _lines(
    shared: Mapping[str, Any], items: Sequence[Mapping[str, Any]], before: Before
) -> AsyncIterator[bytes]:
    """What all rows share, the rows, and an empty line, which says that they may be taken: after those before
    them. Leads reads them while it works on these.
    """
    yield orjson.dumps(shared) + b"\n"
    for start in range(0, len(items), ROWS_OF_LINE):
        yield orjson.dumps({"items": items[start : start + ROWS_OF_LINE]}) + b"\n"
    if before is not None:
        await asyncio.wait([before])
        if before.cancelled() or before.exception() is not None:
            raise NotNow("the rows before these were not taken")
    yield b"\n"


def _row_item(sender: Sender, row: LeadRow) -> dict[str, Any]:
    return {
        "external_id": row.external_id,
        "digest": row.digest,
        "lead": row.body,
        "owner_id": _person(sender, row.owner),
        "emptied": row.emptied,
    }


def _problem(line: int, item: Mapping[str, Any]) -> Problem:
    """The first error of a row that a service refused."""
    errors = item.get("errors") or [{"pointer": "", "code": "refused", "detail": "refused"}]
    first = errors[0]
    *above, last = str(first.get("pointer", "")).strip("/").split("/")
    field = _OF_CONSENT.get(last, f"consent_{last}") if above == ["consent"] else last or None
    return Problem(line, field, str(first.get("code", "refused")), str(first.get("detail", "refused")))


def _person(sender: Sender, name: str | None) -> str | None:
    """Nobody, too, for people whom a dry run would have made: it stands in for them."""
    found = None if name is None else sender.people[name]
    return None if found is None or found == sender.known.id else str(found)


def _wire(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
