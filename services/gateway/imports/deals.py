"""A row per deal, as the deal stands now, becomes the steps that must have led there."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import blake2b
from zoneinfo import ZoneInfo

import orjson

from services.gateway.imports.history import TEXTS, Deal, Folded, Step
from services.gateway.imports.mapping import DealsMapping
from services.gateway.imports.rules import Fields, Note, RowError, Worth, needed, parse_amount, parse_moment
from services.gateway.imports.stages import OPEN, stage_of, stage_words

_NAMING = ("name", "company", "phone", "email")


@dataclass(frozen=True, slots=True)
class Reading:
    """What all rows of a file are read by: the tenant's zone and currency, what its headings say of amounts,
    and what words for stages mean. `first_stage` is where a deal of the pipeline begins, if that is known.
    """

    mapping: DealsMapping
    zone: ZoneInfo
    currency: str
    factor: Decimal | None = None
    words: Mapping[str, str] = field(default_factory=lambda: stage_words(()))
    first_stage: str | None = None
    identified: bool = True


def fold_deal(line: int, fields: Fields, reading: Reading) -> Folded:
    """The deal of one row: started, its owner's, in its stage, won or lost on its closing day.

    A row without a start stays without one: its deal begins when it is imported and counts in no cycle.
    """
    folded = Folded()
    try:
        folded.deal = _deal(line, fields, reading, folded)
    except RowError as fault:
        folded.problems.append(fault.at(line))
        folded.notes.clear()
        return folded
    if folded.deal.started_at is None:
        folded.notes.append(Note(line, "no_start", "starts at import time, outside every cycle figure"))
    if "name" not in fields and "company" not in fields:
        folded.notes.append(Note(line, "no_name", "neither name nor company: named by its id"))
    return folded


def _deal(line: int, fields: Fields, reading: Reading, folded: Folded) -> Deal:
    mapping = reading.mapping
    external_id = _identity(fields, reading)
    stage = _stage(fields, reading)
    started = parse_moment(fields, "started", mapping.dates, reading.zone) if "started" in fields else None
    closed = parse_moment(fields, "closed", mapping.dates, reading.zone) if "closed" in fields else None
    worth = _worth(fields, reading)
    if worth is not None and worth.said:
        folded.notes.append(Note(line, "amount_read", worth.said))
    value = worth.money if worth else None
    ended = stage in ("won", "lost")
    _check_dates(ended, started, closed, stage)
    steps = [Step(started, "assign", person=fields["owner"])] if "owner" in fields else []
    if ended:
        reason = fields.get("reason") if stage == "lost" else None
        steps.append(Step(closed, "move", to=stage, reason=reason, value=value))
    elif stage == OPEN:
        folded.notes.append(
            Note(line, "stage_unsaid", f"{fields['stage']!r} names no stage: in the first one")
        )
    elif stage != reading.first_stage:
        steps.append(Step(started, "move", to=stage))
    texts = {name: fields[name] for name in TEXTS if name in fields}
    texts.setdefault("name", next((texts[name] for name in _NAMING if name in texts), external_id))
    tags = tuple(tag.strip() for tag in fields.get("tags", "").split(";") if tag.strip())
    return Deal(external_id, line, started, texts, value, fields.get("creator"), tuple(steps), tags)


def _identity(fields: Fields, reading: Reading) -> str:
    """The row's id; in a file without, its content: the same row is the same deal in another export."""
    if reading.identified:
        return needed(fields, "id")
    if not any(name in fields for name in _NAMING):
        raise RowError("name", "missing_value", "nothing says whom the deal is with")
    return row_identity(fields)


def row_identity(fields: Fields) -> str:
    """A name for what a row says."""
    return "row:" + blake2b(orjson.dumps(fields, option=orjson.OPT_SORT_KEYS), digest_size=16).hexdigest()


def _worth(fields: Fields, reading: Reading) -> Worth | None:
    if "value" not in fields:
        return None
    currency = fields.get("currency", "").upper() or reading.mapping.currency or reading.currency
    return parse_amount(fields, "value", currency, reading.factor)


def _stage(fields: Fields, reading: Reading) -> str:
    word, mapping = needed(fields, "stage"), reading.mapping
    found = stage_of(word, mapping, reading.words)
    if found is None:
        own = (*mapping.pipeline.stage_keys, "won", "lost") if mapping.pipeline else ("won", "lost")
        known = ", ".join(mapping.stages) or ", ".join(own)
        said = f"{word[:60]!r} is no stage of the mapping; it knows {known}"
        raise RowError("stage", "unknown_stage", said)
    return found


def _check_dates(ended: bool, started: datetime | None, closed: datetime | None, stage: str) -> None:
    if ended and closed is None:
        raise RowError("closed", "outcome_without_date", f"the deal is {stage}, but not since when")
    if ended and started is not None and closed is not None and closed < started:
        raise RowError("closed", "closed_before_start", "the deal was closed before it started")
