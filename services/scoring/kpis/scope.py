"""From ids and codes to surrogates and back: what a question may see and asks for, and how its keys are
called.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from services.scoring.kpis.questions import By, Seen, Slice
from services.scoring.kpis.views import KINDS, Dimension
from shared.access.directory import subtree
from shared.database.transactions import Access, Tx

_FIND = """select d.kind, d.key, d.id from dimensions d
join unnest($2::smallint[], $3::text[]) w(kind, key) on d.kind = w.kind and d.key = w.key
where d.tenant_id = $1"""
_KEYS = "select id, key from dimensions where tenant_id = $1 and id = any($2::int[])"
_NAMES = {
    "rep": """select id::text, display_name from org_users
where tenant_id = $1 and id = any($2::text[]::uuid[])""",
    "team": "select id::text, name from org_units where tenant_id = $1 and id = any($2::text[]::uuid[])",
    "region": """select code, name from org_units
where tenant_id = $1 and kind = 'region' and code = any($2::text[])""",
}


@dataclass(frozen=True, slots=True)
class Named:
    """A dimension's value as the world knows it: its id or code, and its present name."""

    key: str
    label: str


async def slice_of(tx: Tx, access: Access, filters: Mapping[Dimension, str]) -> Slice:
    """The slice of the facts that the filters name and the caller may see; what is unknown matches
    nothing.
    """
    wanted: dict[Dimension, list[str]] = {dimension: [key] for dimension, key in filters.items()}
    if "team" in filters:
        wanted["team"] = await _with_subtree(tx, UUID(filters["team"]))
    units = await _seen_units(tx, access)
    me = [] if units is None else [str(access.user_id)]
    keys = [(dimension, key) for dimension, values in wanted.items() for key in values]
    keys += [("rep", key) for key in me] + [("team", key) for key in units or ()]
    found = await _surrogates(tx, access.tenant_id, keys) if keys else {}
    chosen = {
        dimension: frozenset(found[dimension, key] for key in values if (dimension, key) in found)
        for dimension, values in wanted.items()
    }
    if units is None:
        return Slice(chosen)
    teams = frozenset(found["team", key] for key in units if ("team", key) in found)
    return Slice(chosen, Seen(next((found["rep", key] for key in me if ("rep", key) in found), -1), teams))


async def _seen_units(tx: Tx, access: Access) -> list[str] | None:
    """The units whose facts the caller sees besides their own; None: the whole tenant."""
    if access.visibility == "tenant":
        return None
    if access.visibility == "own" or access.unit_id is None:
        return []
    if access.visibility == "team":
        return [str(access.unit_id)]
    return await _with_subtree(tx, access.unit_id)


async def _with_subtree(tx: Tx, unit_id: UUID) -> list[str]:
    return list({str(unit_id), *map(str, await subtree(tx, unit_id))})


async def _surrogates(
    tx: Tx, tenant_id: UUID, keys: Iterable[tuple[Dimension, str]]
) -> dict[tuple[Dimension, str], int]:
    names = {number: name for name, number in KINDS.items()}
    wanted = list(set(keys))
    raw = await tx.raw()
    rows = await raw.fetch(_FIND, tenant_id, [KINDS[kind] for kind, _ in wanted], [key for _, key in wanted])
    return {(names[row["kind"]], row["key"]): row["id"] for row in rows}


async def surrogate_of(tx: Tx, tenant_id: UUID, dimension: Dimension, key: str) -> int:
    """The surrogate of one id or code; where it is not known, a number that nothing has."""
    return (await _surrogates(tx, tenant_id, [(dimension, key)])).get((dimension, key), -1)


async def keys_of(tx: Tx, tenant_id: UUID, surrogates: Collection[int]) -> dict[int, str]:
    """Ids and codes by surrogate."""
    if not surrogates:
        return {}
    raw = await tx.raw()
    return {row[0]: row[1] for row in await raw.fetch(_KEYS, tenant_id, list(set(surrogates)))}


async def named(tx: Tx, tenant_id: UUID, by: By, surrogates: Collection[int]) -> dict[int, Named]:
    """Keys and present names by surrogate; what has no name is called by its key."""
    keys = await keys_of(tx, tenant_id, surrogates)
    names: dict[str, str] = {}
    if by in _NAMES and keys:
        raw = await tx.raw()
        names = {row[0]: row[1] for row in await raw.fetch(_NAMES[by], tenant_id, list(keys.values()))}
    found = ((surrogate, keys.get(surrogate, "unknown")) for surrogate in surrogates)
    return {surrogate: Named(key, names.get(key, key)) for surrogate, key in found}
