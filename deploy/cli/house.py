"""Rules of the house that no linter knows, read from the source's syntax trees.

`python -m deploy.cli.house [--migrations]`. Within a service: a room's tables are private to it, its
routes go by its use cases, and rooms form layers: no two of them import one another, however far round.
Rooms lie directly in their service, or all of them in groups.
"""

from __future__ import annotations

import ast
import asyncio
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import NamedTuple

from deploy.local.home import ROOT
from deploy.local.topology import SERVICES

LONGEST_MODULE = 400
# A service's own wiring may see every room's tables: metadata for migrations, handlers for the worker.
_WIRING = frozenset({"bootstrap", "metadata", "app", "worker", "settings", "migrations"})


def imports(path: Path) -> Iterator[tuple[str, int]]:
    """Every module that a file imports, with the line."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.lineno
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


class Room(NamedTuple):
    """`leads`, `pools.recycling`; `org` where a service has no groups."""

    service: str
    name: str


def folders(folder: Path) -> list[Path]:
    """Those in a folder that hold modules, however deep."""
    return sorted(each for each in folder.iterdir() if each.is_dir() and any(each.rglob("*.py")))


def is_group(folder: Path) -> bool:
    """Whether it holds packages and no module of its own, as a room does."""
    own = {module.name for module in folder.glob("*.py")} - {"__init__.py"}
    return not own and bool(folders(folder))


def groups_in(root: Path) -> frozenset[str]:
    """Every group of the services, as `services.leads.pools`."""
    found = (each for service in folders(root / "services") for each in folders(service) if is_group(each))
    return frozenset(module_of(root, each) for each in found)


def module_of(root: Path, path: Path) -> str:
    """A file or folder as it is imported."""
    return ".".join(path.relative_to(root).with_suffix("").parts)


def room_of(module: str, groups: frozenset[str]) -> tuple[Room, str] | None:
    """The room of `services.leads.capture.intake.api`, and `api`; None outside rooms."""
    parts = module.split(".")
    depth = 4 if ".".join(parts[:3]) in groups else 3
    if len(parts) <= depth or parts[0] != "services" or parts[2] in _WIRING:
        return None
    return Room(parts[1], ".".join(parts[2:depth])), ".".join(parts[depth:])


def check_tables_private(root: Path) -> Iterator[str]:
    """A room's `tables` is imported by that room and the service's wiring only."""
    groups = groups_in(root)
    for path in sorted((root / "services").rglob("*.py")):
        own = room_of(module_of(root, path), groups)
        if own is None:
            continue
        for module, line in imports(path):
            match room_of(module, groups):
                case room, "tables" if room != own[0]:
                    yield f"{path.relative_to(root)}:{line}: {module} is private to the room {room.name}"


def check_routes_translate(root: Path) -> Iterator[str]:
    """A room's `api.py` goes by its use cases, never to tables, its own neither."""
    groups = groups_in(root)
    for path in sorted((root / "services").rglob("api.py")):
        for module, line in imports(path):
            match room_of(module, groups):
                case _, "tables":
                    yield f"{path.relative_to(root)}:{line}: routes take {module} by way of use_cases"


def check_layers(root: Path) -> Iterator[str]:
    """The rooms of a service import one another in one direction, whatever groups they lie in."""
    groups = groups_in(root)
    for service in SERVICES:
        graph: dict[str, set[str]] = {}
        for path in sorted((root / "services" / service).rglob("*.py")):
            own = room_of(module_of(root, path), groups)
            if own is None:
                continue
            asked = {found[0] for module, _ in imports(path) if (found := room_of(module, groups))}
            others = {room.name for room in asked - {own[0]} if room.service == service}
            graph.setdefault(own[0].name, set()).update(others)
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            yield f"services/{service}: rooms import one another in a circle: {' -> '.join(error.args[1])}"


def check_groups(root: Path) -> Iterator[str]:
    """Where a service has groups, every room lies in one; a group holds rooms, and no group."""
    for service in folders(root / "services"):
        capabilities = [each for each in folders(service) if each.name not in _WIRING]
        groups = [each for each in capabilities if is_group(each)]
        if not groups:
            continue
        for room in capabilities:
            if room not in groups:
                yield f"{room.relative_to(root)}: a room beside groups; it belongs into one of them"
        for group in groups:
            for room in folders(group):
                if is_group(room):
                    yield f"{room.relative_to(root)}: a group in a group; groups lie directly in a service"


def check_lengths(root: Path) -> Iterator[str]:
    """No module of ours is longer than the house allows."""
    for folder in ("services", "shared", "deploy"):
        for path in sorted((root / folder).rglob("*.py")):
            lines = len(path.read_text(encoding="utf-8").splitlines())
            if lines > LONGEST_MODULE:
                yield f"{path.relative_to(root)}: {lines} lines; split it (at most {LONGEST_MODULE})"


def check_folders(root: Path) -> Iterator[str]:
    """Every package says in its `__init__.py` what it owns."""
    for folder in ("services", "shared", "deploy"):
        above = {parent for path in (root / folder).rglob("*.py") for parent in path.parents}
        for package in sorted(each for each in above if each.is_relative_to(root / folder)):
            own = package / "__init__.py"
            if package.name == "versions" or package.name == "migrations":
                continue
            if not own.exists() or ast.get_docstring(ast.parse(own.read_text(encoding="utf-8"))) is None:
                yield f"{package.relative_to(root)}: __init__.py with a docstring is missing"


def check_migrations() -> Iterator[str]:
    """Each service's migrations make what its tables describe; on a PostgreSQL started for it."""
    from shared.database import migrate
    from tests.support.pair import ask_for_pair, kept_for_the_run

    with kept_for_the_run():
        pair = ask_for_pair()
        asyncio.run(migrate.create_databases_and_roles(pair.postgres_url, [], pair.role_password))
        for service in SERVICES:
            for difference in migrate.compare(pair.postgres_url, service):
                yield f"services/{service}: {difference}"


CHECKS = (
    check_tables_private,
    check_routes_translate,
    check_layers,
    check_groups,
    check_lengths,
    check_folders,
)


def main() -> int:
    if sys.argv[1:] == ["--migrations"]:
        found = list(check_migrations())
    else:
        found = [complaint for check in CHECKS for complaint in check(ROOT)]
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
