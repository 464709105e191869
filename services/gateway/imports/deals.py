"""A row per deal, as the deal stands now, becomes the steps that must have led there."""

from __future__ import annotations

from datetime import datetime
from zoneinfo import ZoneInfo

from services.gateway.imports.history import TEXTS, Deal, Folded, Step
from services.gateway.imports.mapping import DealsMapping
from services.gateway.imports.rules import Fields, Note, RowError, needed, parse_amount, parse_moment


def fold_deal(
    line: int, fields: Fields, mapping: DealsMapping, zone: ZoneInfo, tenant_currency: str
) -> Folded:
    """The deal of one row: started, its owner's, in its stage, won or lost on its closing day.

    A row without a start stays without one: its deal begins when it is imported and counts in no cycle.
    """
    folded = Folded()
    try:
        folded.deal = _deal(line, fields, mapping, zone, mapping.currency or tenant_currency)
    except RowError as fault:
        folded.problems.append(fault.at(line))
        return folded
    if folded.deal.started_at is None:
        folded.notes.append(Note(line, "no_start", "starts at import time, outside every cycle figure"))
    if "name" not in fields and "company" not in fields:
        folded.notes.append(Note(line, "no_name", "neither name nor company: named by its id"))
    return folded


def _deal(line: int, fields: Fields, mapping: DealsMapping, zone: ZoneInfo, currency: str) -> Deal:
    external_id = needed(fields, "id")
    stage = _stage(fields, mapping)
    started = parse_moment(fields, "started", mapping.dates, zone) if "started" in fields else None
    closed = parse_moment(fields, "closed", mapping.dates, zone) if "closed" in fields else None
    value = parse_amount(fields, "value", currency) if "value" in fields else None
    ended = stage in ("won", "lost")
    _check_dates(ended, started, closed, stage)
    steps = [Step(started, "assign", person=fields["owner"])] if "owner" in fields else []
    if ended:
        reason = fields.get("reason") if stage == "lost" else None
        steps.append(Step(closed, "move", to=stage, reason=reason, value=value))
    elif mapping.pipeline is None or stage != mapping.pipeline.stage_keys[0]:
        steps.append(Step(started, "move", to=stage))
    texts = {name: fields[name] for name in TEXTS if name in fields}
    texts.setdefault("name", texts.get("company", external_id))
    return Deal(external_id, line, started, texts, value, fields.get("creator"), tuple(steps))


def _stage(fields: Fields, mapping: DealsMapping) -> str:
    word = needed(fields, "stage")
    if word in mapping.stages:
        return mapping.stages[word]
    own = (*mapping.pipeline.stage_keys, "won", "lost") if mapping.pipeline else ("won", "lost")
    if word in own:
        return word
    known = ", ".join(mapping.stages) or ", ".join(own)
    raise RowError("stage", "unknown_stage", f"{word[:60]!r} is no stage of the mapping; it knows {known}")


def _check_dates(ended: bool, started: datetime | None, closed: datetime | None, stage: str) -> None:
    if ended and closed is None:
        raise RowError("closed", "outcome_without_date", f"the deal is {stage}, but not since when")
    if ended and started is not None and closed is not None and closed < started:
        raise RowError("closed", "closed_before_start", "the deal was closed before it started")
