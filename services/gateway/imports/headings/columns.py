"""Which column holds which field: as the mapping says, or as the headings do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal

from services.gateway.imports.files.table import Fits, WrongHeader, missing_columns
from services.gateway.imports.headings.folding import Heading, folded
from services.gateway.imports.headings.synonyms import JOINED, YIELDING, meaning
from services.gateway.imports.mapping import AnyMapping, DealsMapping, LeadsMapping, OrgMapping
from shared.errors import FieldError

NAMING = ("name", "company", "phone", "email")
"""A row must say by one of these whom it is about."""


@dataclass(frozen=True, slots=True)
class Columns:
    """Where each field stands; `joined` fields take all their columns together, the others the first filled.

    `custom` has the places of custom fields by key, `unused` those of the columns that mean nothing here.
    """

    header: tuple[str, ...]
    places: Mapping[str, tuple[int, ...]]
    custom: Mapping[str, int] = field(default_factory=dict)
    joined: frozenset[str] = frozenset()
    factor: Decimal | None = None
    currency: str | None = None
    recognised: bool = False

    def fields_of(self) -> dict[int, str]:
        """The field of each column that is used."""
        used = {place: name for name, places in self.places.items() for place in places}
        return used | {place: f"custom.{key}" for key, place in self.custom.items()}


def columns_of(
    mapping: AnyMapping, header: Sequence[str], custom: Mapping[str, Sequence[str]] | None = None
) -> Columns:
    """Where the fields of a mapping stand; without `columns` in it, as the headings say.

    `custom`: the tenant's custom fields, {key: what it is called}, which headings may name too.

    :raises WrongHeader: names every column that is missing or there twice, and those that were found.
    """
    declared = mapping.declared_columns()
    if declared is not None:
        return _declared(mapping, declared, tuple(header))
    found = _recognised(mapping, tuple(header), custom or {})
    _check_needed(mapping, found)
    return found


def fits_of(mapping: AnyMapping) -> Fits:
    """How much a row looks like the header that a mapping needs."""
    declared = mapping.declared_columns()
    if declared is None:
        return lambda cells: len({known[0] for cell in cells if (known := meaning(mapping.shape, cell))})
    named = [*declared.values(), mapping.custom_columns().values()]
    wanted = {folded(name).name for names in named for name in names}
    return lambda cells: len(wanted & {folded(cell).name for cell in cells if cell.strip()})


def _declared(mapping: AnyMapping, declared: Mapping[str, Sequence[str]], header: tuple[str, ...]) -> Columns:
    places = resolve_columns(header, declared, mapping.optional_columns())
    custom = resolve_columns(header, _lists(mapping.custom_columns()))
    units = _units(header, places.get("value", ())[:1])
    return Columns(
        header,
        places,
        {key: found[0] for key, found in custom.items()},
        factor=units[0].factor if units else None,
        currency=units[0].currency if units else None,
    )


def _units(header: Sequence[str], places: Sequence[int]) -> list[Heading]:
    """What the headings of amounts say that they are counted in: taken for what they are not, all would be
    ten thousand times too small.
    """
    headings = [folded(header[place]) for place in places]
    for place, heading in zip(places, headings, strict=True):
        if heading.unclear is not None:
            said = f"{header[place]!r}: how much is {heading.unclear!r}? Say 万元, or 万美元"
            raise missing_columns([FieldError("/header", "unknown_unit", said)], header)
    return headings


def resolve_columns(
    header: Sequence[str], wanted: Mapping[str, Sequence[str]], optional: frozenset[str] = frozenset()
) -> dict[str, tuple[int, ...]]:
    """Where each field's columns are: spelt as wanted, or else the same when folded.

    :raises WrongHeader: names every column that is missing or there twice, and those that were found.
    """
    exact: dict[str, list[int]] = {}
    alike: dict[str, list[int]] = {}
    for at, name in enumerate(header):
        exact.setdefault(name, []).append(at)
        alike.setdefault(folded(name).name, []).append(at)
    places: dict[str, tuple[int, ...]] = {}
    wrong: list[FieldError] = []
    for field_name, names in wanted.items():
        found: list[int] = []
        for name in names:
            there = exact.get(name) or alike.get(folded(name).name, [])
            if len(there) > 1:
                wrong.append(FieldError("/header", "ambiguous_column", f"two columns are called {name!r}"))
            elif not there and field_name not in optional:
                said = f"no column is called {name!r}"
                wrong.append(FieldError(f"/columns/{field_name}", "missing_column", said))
            found += there[:1]
        if found:
            places[field_name] = tuple(found)
    if wrong:
        raise missing_columns(list(dict.fromkeys(wrong)), header)
    return places


def _recognised(mapping: AnyMapping, header: tuple[str, ...], custom: Mapping[str, Sequence[str]]) -> Columns:
    ranked: dict[str, list[tuple[int, int]]] = {}
    own = {folded(word).name for words in custom.values() for word in words}
    for at, name in enumerate(header):
        known = meaning(mapping.shape, name)
        if known is not None and not (known[0] in YIELDING and folded(name).name in own):
            ranked.setdefault(known[0], []).append((known[1], at))
    _place_customer(ranked)
    places = {
        name: tuple(at for _, at in sorted(found)) if name in JOINED else (min(found)[1],)
        for name, found in ranked.items()
    }
    units = _units(header, places.get("value", ()))
    named = {
        key: found[0] for key, found in resolve_columns(header, _lists(mapping.custom_columns())).items()
    }
    used = {place for found in places.values() for place in found} | set(named.values())
    return Columns(
        header,
        places,
        _custom_places(header, custom, used) | named,
        joined=frozenset(name for name in JOINED if len(places.get(name, ())) > 1),
        factor=units[0].factor if units else None,
        currency=units[0].currency if units else None,
        recognised=True,
    )


def _lists(columns: Mapping[str, str]) -> dict[str, list[str]]:
    return {key: [name] for key, name in columns.items()}


def _place_customer(ranked: dict[str, list[tuple[int, int]]]) -> None:
    """`客户名称` is who it is about: the person's name where no other column has it, else the company's."""
    found = ranked.pop("customer", None)
    if found is None:
        return
    if "name" not in ranked:
        ranked["name"] = found
    elif "company" not in ranked:
        ranked["company"] = found


def _custom_places(
    header: Sequence[str], custom: Mapping[str, Sequence[str]], used: set[int]
) -> dict[str, int]:
    by_name = {folded(word).name: key for key, words in custom.items() for word in words}
    found: dict[str, int] = {}
    for at, name in enumerate(header):
        key = by_name.get(folded(name).name)
        if key is not None and at not in used and key not in found:
            found[key] = at
    return found


def _check_needed(mapping: AnyMapping, found: Columns) -> None:
    """Without these a file of this kind says nothing."""
    missing: list[FieldError] = []
    if isinstance(mapping, OrgMapping) and "rep" not in found.places:
        missing.append(FieldError("/columns/rep", "missing_column", "no column is called 'rep'"))
    if isinstance(mapping, DealsMapping) and "stage" not in found.places:
        said = "no column is called 'stage', nor as it is usually"
        missing.append(FieldError("/columns/stage", "missing_column", said))
    named = any(name in found.places for name in NAMING) or "id" in found.places
    if isinstance(mapping, (DealsMapping, LeadsMapping)) and not named:
        said = f"no column is called {' or '.join(map(repr, NAMING))}, nor as these are usually"
        missing.append(FieldError("/columns/name", "missing_column", said))
    if missing:
        raise missing_columns(missing, found.header)


__all__ = ["Columns", "WrongHeader", "columns_of", "fits_of", "resolve_columns"]
