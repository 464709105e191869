"""What is wrong with a lead's data, field by field. Pure."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args
from uuid import UUID

from shared.errors import Forbidden

Field = Literal[
    "name", "phone", "email", "company", "credit_code", "source", "channel", "campaign", "region", "product",
    "value",
]  # fmt: skip
FIELDS: tuple[Field, ...] = get_args(Field)
USUAL: tuple[Field, ...] = ("name", "phone", "company", "source", "region", "product", "value")
"""What is looked at unless somebody says otherwise."""
Fault = Literal["missing", "placeholder", "repeated"]
FAULTS: tuple[Fault, ...] = get_args(Fault)
WORST = 5

# What people type where they know nothing.
_PLACEHOLDER = re.compile(
    r"(?:test|测试|未知|不详|无名?|暂无|没有|待定|匿名|先生|女士|客户|none|null|unknown|n/?a|tbd|asdf|aaa+|xxx+"
    r"|[\W\d_]+|.)",
    re.IGNORECASE,
)
# Seven times the same digit, or all of them one after another: nobody's number.
_IDLE_PHONE = re.compile(r"(\d)\1{6}|1?23456789|98765432")
_IDLE_EMAIL = re.compile(r"(?:test|none|no|a|abc|null|xxx+)@|@(?:test|example)\.", re.IGNORECASE)
_SUSPECT: Mapping[Field, re.Pattern[str]] = {"phone": _IDLE_PHONE, "email": _IDLE_EMAIL}
_NAMES: frozenset[Field] = frozenset({"name", "company"})


class QualityNotAllowed(Forbidden):
    code = "quality_not_allowed"
    title = "Who sees only their own leads compares no teams"


@dataclass(frozen=True, slots=True)
class Flawed:
    """A lead and what is wrong with it, by field."""

    lead_id: UUID
    faults: Mapping[Field, Fault]


@dataclass(frozen=True, slots=True)
class Kept:
    """How well somebody's leads are kept. `filled` and `valid`: how many of `leads` have it, and for real;
    `score`: the share of all fields that are valid, None without leads.
    """

    leads: int
    filled: Mapping[Field, int]
    valid: Mapping[Field, int]
    repeated: int
    worst: tuple[Flawed, ...]

    @property
    def score(self) -> float | None:
        looked_at = self.leads * len(self.valid)
        return sum(self.valid.values()) / looked_at if looked_at else None


def faults_of(row: Mapping[str, Any], fields: Iterable[Field]) -> dict[Field, Fault]:
    """What is missing, only looks filled in, or repeats another lead's."""
    found: dict[Field, Fault] = {}
    for field in fields:
        value = row[field]
        if value is None:
            found[field] = "missing"
        elif _is_idle(field, value):
            found[field] = "placeholder"
        elif field == "phone" and row["duplicate_of"] is not None:
            found[field] = "repeated"
    return found


def _is_idle(field: Field, value: Any) -> bool:
    if field in _NAMES:
        return bool(_PLACEHOLDER.fullmatch(value.strip()))
    if field in _SUSPECT:
        return bool(_SUSPECT[field].search(value))
    return field == "value" and value == 0


def kept(rows: Sequence[Mapping[str, Any]], fields: Sequence[Field]) -> Kept:
    """Of the leads of one owner or team, the newest first; the worst ones are those with the most faults."""
    found = [Flawed(row["id"], faults_of(row, fields)) for row in rows]
    faults = Counter((field, fault) for one in found for field, fault in one.faults.items())
    filled = {field: len(rows) - faults[field, "missing"] for field in fields}
    valid = {field: len(rows) - sum(faults[field, fault] for fault in FAULTS) for field in fields}
    worst = sorted((one for one in found if one.faults), key=lambda one: -len(one.faults))[:WORST]
    return Kept(
        leads=len(rows),
        filled=filled,
        valid=valid,
        repeated=sum(row["duplicate_of"] is not None for row in rows),
        worst=tuple(worst),
    )
