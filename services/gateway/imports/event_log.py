"""A row per event of a case: a case's whole history is folded in the order of its times, equal times as in
the file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from zoneinfo import ZoneInfo

from services.gateway.imports.history import TEXTS, Deal, Deed, Folded, Step
from services.gateway.imports.mapping import EventLogMapping, EventRule
from services.gateway.imports.rules import (
    Fields,
    RowError,
    check_line,
    needed,
    parse_amount,
    parse_code,
    parse_moment,
    parse_seconds,
)


@dataclass(frozen=True, slots=True)
class _Happening:
    at: datetime
    line: int
    activity: str
    fields: Fields
    rule: EventRule | None


@dataclass(slots=True)
class _Case:
    """The case while it is being folded: whose it is and where it stands."""

    stage: str | None
    status: str = "open"
    owner: str | None = None
    steps: list[Step] = field(default_factory=list)
    deeds: list[Deed] = field(default_factory=list)
    seen: Counter[str] = field(default_factory=Counter)


def fold_case(
    case_id: str,
    rows: Sequence[tuple[int, Fields]],
    mapping: EventLogMapping,
    zone: ZoneInfo,
    tenant_currency: str,
) -> Folded:
    """The deal of one case and what was done for it. Rows that cannot be read are problems; the others go
    on.
    """
    folded = Folded()
    happenings = _in_order(rows, mapping, zone, folded)
    if not happenings:
        return folded
    case = _Case(mapping.pipeline.stage_keys[0] if mapping.pipeline else None)
    for happening in happenings:
        _hand_over(case, happening)
        _apply(case, happening, case_id, folded)
    folded.deeds = case.deeds
    folded.deal = _deal(case_id, happenings, case, mapping.currency or tenant_currency, folded)
    return folded


def _in_order(
    rows: Sequence[tuple[int, Fields]], mapping: EventLogMapping, zone: ZoneInfo, folded: Folded
) -> list[_Happening]:
    found: list[_Happening] = []
    for line, fields in rows:
        try:
            activity = needed(fields, "activity")
            needed(fields, "at")
            check_line(fields, "person", 200)
            at = parse_moment(fields, "at", mapping.dates, zone)
        except RowError as fault:
            folded.problems.append(fault.at(line))
            continue
        rule = mapping.rule_for(activity, fields.get("lifecycle", ""))
        found.append(_Happening(at, line, activity, fields, rule))
    return sorted(found, key=lambda happening: (happening.at, happening.line))


def _hand_over(case: _Case, happening: _Happening) -> None:
    """Another person than the owner: while the case is open it is theirs from now on. Nobody named changes
    nothing.
    """
    person = happening.fields.get("person")
    if person is not None and person != case.owner and case.status == "open":
        case.owner = person
        case.steps.append(Step(happening.at, "assign", person=person))


def _apply(case: _Case, happening: _Happening, case_id: str, folded: Folded) -> None:
    rule = happening.rule
    if rule is None:
        folded.unmapped[happening.activity] += 1
    elif rule.ignore:
        folded.ignored += 1
    elif rule.record is not None:
        try:
            case.deeds.append(_deed(case, happening, case_id, rule.record))
        except RowError as fault:
            folded.problems.append(fault.at(happening.line))
    elif rule.outcome is not None:
        _end(case, happening.at, rule.outcome, rule.reason)
    elif rule.stage != case.stage or case.status != "open":
        case.stage, case.status = rule.stage, "open"
        case.steps.append(Step(happening.at, "move", to=rule.stage))


def _end(case: _Case, at: datetime, outcome: str, reason: str | None) -> None:
    """The first of several words for the same outcome counts; the rest repeat it."""
    if case.status == outcome:
        return
    case.status = outcome
    case.steps.append(Step(at, "move", to=outcome, reason=reason))


def _deed(case: _Case, happening: _Happening, case_id: str, kind: str) -> Deed:
    """Its id says what, when and for whom, so that the same row is the same activity in another export of
    the log.

    :raises RowError: outcome or duration cannot be one.
    """
    stem = f"{case_id}\x1f{happening.activity}\x1f{happening.at.isoformat()}"
    case.seen[stem] += 1
    name = blake2b(f"{stem}\x1f{case.seen[stem]}".encode(), digest_size=16).hexdigest()
    return Deed(
        external_id=name,
        line=happening.line,
        kind=kind,
        at=happening.at,
        person=happening.fields.get("person"),
        owner=case.owner,
        outcome=parse_code(happening.fields, "outcome"),
        duration_s=parse_seconds(happening.fields, "duration_s"),
    )


def _deal(case_id: str, happenings: Sequence[_Happening], case: _Case, currency: str, folded: Folded) -> Deal:
    """The case's own fields are those of its first row that has each."""
    merged: Fields = {}
    for happening in happenings:
        for name, content in happening.fields.items():
            merged.setdefault(name, content)
    try:
        value = parse_amount(merged, "value", currency).money if "value" in merged else None
    except RowError as fault:
        folded.problems.append(fault.at(happenings[0].line))
        value = None
    texts = {name: merged[name] for name in TEXTS if name in merged}
    texts.setdefault("name", texts.get("company", case_id))
    first = happenings[0]
    return Deal(case_id, first.line, first.at, texts, value, first.fields.get("person"), tuple(case.steps))
