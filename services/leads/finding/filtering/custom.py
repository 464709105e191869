"""Asking for custom fields: `industry=steel`, `headcount>=50`, `site~example`. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from services.leads.capture.custom_fields.finding import MARK, contains_terms, equal_term, range_terms
from services.leads.capture.custom_fields.rules import CustomField, FieldInChange, Schema
from services.leads.capture.custom_fields.values import ORDERED, Misfit, written
from services.leads.capture.normalising.texts import folded
from services.leads.finding.search.use_cases import CustomTerms
from shared.errors import FieldError, Invalid

_ASKED = re.compile(r"(\w{1,40})\s*(=|>=|<=|~)\s*(.+)", re.DOTALL)
_DAY = re.compile(r"\d{4}-\d\d-\d\d")
_INSTANT = timedelta(microseconds=1)
_LEAST_CHARACTERS = 2
_ENDS = (">=", "<=")


class BadCustomFilter(Invalid):
    code = "bad_custom_filter"
    title = "Custom fields are asked for as key=value, key>=value, key<=value or key~part"


@dataclass(frozen=True, slots=True)
class _Test:
    pointer: str
    field: CustomField
    operator: str
    text: str
    value: Any


@dataclass(frozen=True, slots=True)
class Wanted:
    """Conditions on custom fields, as texts, and what is needed to understand them: `zone` (IANA) is that of
    times which name none; `hidden` are fields that the caller is not shown.
    """

    texts: Sequence[str]
    pointer: str
    schema: Schema
    tenant_id: UUID
    zone: str
    hidden: Collection[str] = ()

    def terms(self) -> CustomTerms:
        """What leads must match: values of one field by `=` are alternatives, all else holds together.

        Raises BadCustomFilter naming everything that cannot be asked, FieldInChange.
        """
        tests, errors = [], []
        for at, text in enumerate(self.texts):
            try:
                tests.append(self._test(text, f"{self.pointer}/{at}"))
            except Misfit as misfit:
                errors.append(FieldError(f"{self.pointer}/{at}", misfit.code, misfit.detail))
        found = []
        for several in _grouped(tests):
            try:
                found.append(self._found(several))
            except Misfit as misfit:
                errors.append(FieldError(several[-1].pointer, misfit.code, misfit.detail))
        if errors:
            raise BadCustomFilter(errors[0].detail, errors=errors, code=errors[0].code)
        return CustomTerms(
            terms=tuple(term for one in found for term in one.terms),
            any_terms=tuple(terms for one in found for terms in one.any_terms),
            paths=tuple(path for one in found for path in one.paths),
            lines=tuple(line for one in found for line in one.lines),
        )

    def _test(self, text: str, pointer: str) -> _Test:
        parts = _ASKED.fullmatch(text)
        if parts is None:
            raise Misfit("bad_custom_filter", "key=value, key>=value, key<=value or key~part")
        field = self.schema.fields.get(parts[1])
        if field is None or not field.active or field.key in self.hidden:
            raise Misfit("unknown_custom_field", f"there is no custom field {parts[1]} to ask for")
        if field.type is None or field.state == "converting":
            raise FieldInChange(f"{field.key} can be asked for once it is ready")
        operator, asked = parts[2], parts[3]
        if operator in _ENDS and field.type not in ORDERED:
            raise Misfit("not_ordered", f"{field.key} has no order: it is asked for by =")
        value = None if operator == "~" else self._value(field, asked, ends=operator == "<=")
        return _Test(pointer, field, operator, asked, value)

    def _found(self, several: Sequence[_Test]) -> CustomTerms:
        [first, *_] = several
        if first.operator == "=":
            return self._equal(first.field, [one.value for one in several])
        if first.operator == "~":
            return self._containing(first.field, first.text)
        return self._between(first.field, several)

    def _equal(self, field: CustomField, values: Sequence[Any]) -> CustomTerms:
        parts = [str(value).split(";") if field.type == "choices" else [written(value)] for value in values]
        path = " || ".join(_same(field, value) for value in values)
        paths = (f"{_member(field.key)} ? ({path})",)
        if len(values) == 1:
            terms = tuple(equal_term(self.tenant_id, field.key, part) for part in parts[0])
            return CustomTerms(terms=terms, paths=paths)
        firsts = tuple(equal_term(self.tenant_id, field.key, each[0]) for each in parts)
        return CustomTerms(any_terms=(firsts,), paths=paths)

    def _between(self, field: CustomField, several: Sequence[_Test]) -> CustomTerms:
        low = max((one.value for one in several if one.operator == ">="), default=None)
        high = min((one.value for one in several if one.operator == "<="), default=None)
        # Both ends at once: beyond each may lie nearly everything, and between them little.
        terms = range_terms(self.tenant_id, field.key, field.shown_type, low, high)
        paths = (f"{_member(field.key)} ? (@ {one.operator} {_json(one.value)})" for one in several)
        return CustomTerms(any_terms=(tuple(terms),), paths=tuple(paths))

    def _containing(self, field: CustomField, text: str) -> CustomTerms:
        if not field.searchable:
            raise Misfit("not_searchable", f"{field.key} is not searchable: it is asked for by =")
        words = folded(text).split()
        if any(len(word) < _LEAST_CHARACTERS and word.isascii() for word in words) or not words:
            raise Misfit("too_short", f"parts of {_LEAST_CHARACTERS} characters or more")
        terms = [term for word in words for term in contains_terms(self.tenant_id, field.key, word)]
        begin = f"(^|\\n){MARK}{re.escape(field.key)}="
        lines = tuple(f"{begin}[^\\n]*{_escaped(word)}" for word in words)
        return CustomTerms(terms=tuple(terms), lines=lines)

    def _value(self, field: CustomField, text: str, *, ends: bool = False) -> Any:
        if field.type == "datetime" and _DAY.fullmatch(text.strip()):
            # A day is all of it.
            try:
                day = date.fromisoformat(text.strip()) + timedelta(days=1 if ends else 0)
            except ValueError:
                raise Misfit("no_such_date", "a day such as 2026-03-01") from None
            at = datetime.combine(day, time(), ZoneInfo(self.zone)) - (_INSTANT if ends else timedelta())
            return field.take(at.isoformat(timespec="microseconds"))
        return field.read(text, self.zone)


def _grouped(tests: Sequence[_Test]) -> Iterator[list[_Test]]:
    """Alternatives together, and the ends of a range; every other test by itself."""
    together: dict[tuple[str, bool], list[_Test]] = {}
    for test in tests:
        if test.operator == "~":
            yield [test]
        else:
            together.setdefault((test.field.key, test.operator == "="), []).append(test)
    yield from together.values()


def _same(field: CustomField, value: Any) -> str:
    """In JSON's path language: this value; of several choices these among others."""
    if field.type != "choices":
        return f"@ == {_json(value)}"
    parts = (f"@ like_regex {_json(f'(^|;){re.escape(part)}(;|$)')}" for part in str(value).split(";"))
    return "(" + " && ".join(parts) + ")"


def _member(key: str) -> str:
    return f"$.{_json(key)}"


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _escaped(word: str) -> str:
    """A word in PostgreSQL's regular expressions."""
    return re.sub(r"([^\w])", r"\\\1", word)
