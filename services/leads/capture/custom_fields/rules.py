"""A tenant's custom fields: what a lead may say in them, and what a stage demands. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal
from uuid import UUID

from services.leads.capture.custom_fields.values import (
    CHOOSING,
    SEARCHABLE,
    FieldType,
    Misfit,
    Option,
    converted,
    read,
    taken,
)
from shared.errors import Conflict, FieldError, Invalid

State = Literal["ready", "checking", "converting", "refused"]
"""`checking`: what is stored is looked through before `wanted` holds; `refused`: some of it does not fit;
`converting`: all of it fits, and is written as the type has it.
"""
KEY = re.compile(r"\w{1,40}")
MOST_FIELDS = 200
MOST_OPTIONS = 500


class BadCustomField(Invalid):
    code = "bad_custom_field"
    title = "Not a field that leads could have"


class BadCustomValue(Invalid):
    code = "bad_custom_value"
    title = "A custom field does not take this"


class FieldInChange(Conflict):
    code = "field_in_change"
    title = "The field's values are being written anew; try again when it is ready"


@dataclass(frozen=True, slots=True)
class CustomField:
    """A field as it is defined. `type` is None until it first holds, `wanted` what it is to become.

    `labels` by language; `required_from` is a stage's key or `won`; `searchable`: found by parts of its text.
    """

    id: UUID
    key: str
    labels: Mapping[str, str]
    type: FieldType | None
    wanted: FieldType | None = None
    state: State = "ready"
    options: tuple[Option, ...] = ()
    default: Any = None
    required_from: str | None = None
    searchable: bool = False
    position: int = 0
    active: bool = True
    version: int = 1

    @property
    def shown_type(self) -> FieldType:
        """What it is, or before it holds what it is to be."""
        found = self.type or self.wanted
        assert found is not None  # noqa: S101 - a field has one of them
        return found

    def take(self, value: object) -> Any:
        """As it is stored: it fits the type that holds, and the one that is wanted. Raises Misfit."""
        kept = taken(self.shown_type, self.options, value)
        if self.type is not None and self.wanted is not None and self.state == "checking":
            converted(self.wanted, self.options, kept)
        return kept

    def read(self, text: str, zone: str) -> Any:
        """What a cell of a file says; see `values.read`. Raises Misfit."""
        return read(self.shown_type, self.options, text, zone)


@dataclass(frozen=True, slots=True)
class Schema:
    """All fields of a tenant by key, retired ones too. Without any, whatever scalars come are kept."""

    version: int = 0
    keeps_unknown: bool = False
    fields: Mapping[str, CustomField] = field(default_factory=dict)

    @property
    def required(self) -> list[CustomField]:
        """Those that some stage demands."""
        return [one for one in self.fields.values() if one.active and one.required_from and one.type]

    def of_new(self, given: Mapping[str, Any], stage: str) -> dict[str, Any]:
        """What a new lead, which begins in `stage`, has: as stored, with defaults. Raises BadCustomValue
        naming every field that is wrong or missing.
        """
        if not self.fields:
            return dict(given)
        kept, errors = self._taken(given, {})
        for one in self.fields.values():
            if one.default is not None and one.active and one.type and one.key not in given:
                kept[one.key] = one.default
        errors += [_missing(one) for one in self.missing(kept, {stage}) if one.key not in _named(errors)]
        return _good(kept, errors)

    def of_changed(
        self, given: Mapping[str, Any], before: Mapping[str, Any], passed: Collection[str]
    ) -> dict[str, Any]:
        """What a lead has after a change; what is as it was may stay. `passed`: the stages up to its own.

        Raises BadCustomValue, also where a field that a stage passed demands is emptied.
        """
        if not self.fields:
            return dict(given)
        kept, errors = self._taken(given, before)
        emptied = [one for one in self.missing(kept, passed) if before.get(one.key) is not None]
        errors += [_missing(one) for one in emptied if one.key not in _named(errors)]
        return _good(kept, errors)

    def missing(self, custom: Mapping[str, Any], stages: Collection[str]) -> list[CustomField]:
        """The fields that one of these stages demands and the lead has not."""
        return [one for one in self.required if one.required_from in stages and custom.get(one.key) is None]

    def _taken(
        self, given: Mapping[str, Any], before: Mapping[str, Any]
    ) -> tuple[dict[str, Any], list[FieldError]]:
        kept: dict[str, Any] = {}
        errors: list[FieldError] = []
        for key, value in given.items():
            if key in before and type(before[key]) is type(value) and before[key] == value:
                kept[key] = value
                continue
            try:
                found = self._value(key, value)
            except Misfit as misfit:
                errors.append(FieldError(pointer_of(key), misfit.code, misfit.detail))
                continue
            if found is not None:
                kept[key] = found
        return kept, errors

    def _value(self, key: str, value: Any) -> Any:
        known = self.fields.get(key)
        empty = value is None or (isinstance(value, str) and not value.strip())
        if known is None and self.keeps_unknown:
            return value
        if empty:
            return None
        if known is None:
            names = ", ".join(one.key for one in self.fields.values() if one.active)
            raise Misfit(
                "unknown_custom_field", f"there is no field {key[:40]!r}; there are {names or 'none'}"
            )
        if not known.active:
            raise Misfit("retired_custom_field", f"{key} is no longer used")
        return known.take(value)


def pointer_of(key: str) -> str:
    """Where a field stands in a lead."""
    return "/custom/" + key.replace("~", "~0").replace("/", "~1")


def _missing(one: CustomField) -> FieldError:
    return FieldError(
        pointer_of(one.key), "required_custom_field", f"{one.key} is demanded from {one.required_from} on"
    )


def _named(errors: Sequence[FieldError]) -> set[str]:
    return {error.pointer.removeprefix("/custom/").replace("~1", "/").replace("~0", "~") for error in errors}


def _good(kept: dict[str, Any], errors: Sequence[FieldError]) -> dict[str, Any]:
    if errors:
        raise BadCustomValue(errors[0].detail, errors=errors, code=errors[0].code)
    return kept


def check_field(one: CustomField) -> CustomField:
    """The field with its default as stored. Raises BadCustomField naming all that is wrong with it."""
    errors = list(_faults(one))
    default = one.default
    if default is not None:
        try:
            default = taken(one.wanted or one.shown_type, one.options, default)
        except Misfit as misfit:
            errors.append(FieldError("/default", misfit.code, misfit.detail))
    if errors:
        raise BadCustomField(errors[0].detail, errors=errors, code=errors[0].code)
    return replace(one, default=default)


def _faults(one: CustomField) -> Iterator[FieldError]:
    kind = one.wanted or one.shown_type
    if not KEY.fullmatch(one.key):
        yield FieldError("/key", "bad_key", "1 to 40 letters of any script, digits and _")
    if not one.labels:
        yield FieldError("/labels", "no_label", "a label in Chinese (zh) or English (en)")
    if kind in CHOOSING and not any(option.active for option in one.options):
        yield FieldError("/options", "no_options", "a choice has at least one option in use")
    if kind not in CHOOSING and one.options and one.type not in CHOOSING:
        yield FieldError("/options", "options_without_choice", f"a field of type {kind} has no options")
    if one.searchable and kind not in SEARCHABLE:
        yield FieldError("/searchable", "not_searchable", "only texts and addresses are found by their parts")
    seen: set[str] = set()
    for at, option in enumerate(one.options):
        if option.key in seen:
            yield FieldError(f"/options/{at}/key", "repeated_key", f"{option.key} stands twice")
        seen.add(option.key)


def changed(old: CustomField, changes: Mapping[str, Any]) -> CustomField:
    """The field with other words, options and demands; or on its way to another type, or back to its own.

    What was refused is looked through again when its type is asked for once more. Raises FieldInChange.
    """
    given = dict(changes)
    kind: FieldType | None = given.pop("type", None)
    new = replace(old, **given)
    anew = new.searchable != old.searchable or (new.active and not old.active)
    moves = kind is not None and (kind != old.shown_type or old.wanted is not None)
    if (anew or moves) and old.state == "converting":
        raise FieldInChange
    if moves and kind == old.type:
        new = replace(new, wanted=None, state="ready")
    elif moves and not (kind == old.wanted and old.state == "checking"):
        new = replace(new, wanted=kind, state="checking")
    if not anew or new.type is None:
        return new
    if new.wanted is not None:
        raise FieldInChange("change its type first, or go back to the one that it has")
    return replace(new, state="converting")


def check_options(old: Sequence[Option], new: Sequence[Option]) -> None:
    """Options are retired and not removed: leads may have them. Raises BadCustomField."""
    lost = [option.key for option in old if option.key not in {each.key for each in new}]
    if lost:
        errors = [
            FieldError("/options", "option_removed", f"{key} may stand in leads: retire it (active: false)")
            for key in lost
        ]
        raise BadCustomField(errors[0].detail, errors=errors, code=errors[0].code)


EMPTY = Schema()
"""Of a tenant that has defined no fields."""
