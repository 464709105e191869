"""Rules of the house that no linter knows, read from the source's syntax trees.

`python -m deploy.cli.house [--migrations]`. Within a service: a room's tables are private to it, its
routes go by its use cases, and rooms form layers: no two of them import one another, however far round.
"""

from __future__ import annotations

import ast
import asyncio
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

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


def room_of(module: str) -> tuple[str, str] | None:
    """(service, room) of `services.leads.intake.api`; None outside rooms."""
    parts = module.split(".")
    if len(parts) < 4 or parts[0] != "services" or parts[2] in _WIRING:
        return None
    return parts[1], parts[2]


def check_tables_private(root: Path) -> Iterator[str]:
    """`services.X.room.tables` is imported by that room and the service's wiring only."""
    for path in sorted((root / "services").rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if len(parts) < 4 or parts[2] in _WIRING:
            continue
        for module, line in imports(path):
            room = room_of(module)
            if room and module.split(".")[3:] == ["tables"] and room != (parts[1], parts[2]):
                yield f"{path.relative_to(root)}:{line}: {module} is private to the room {room[1]}"


def check_routes_translate(root: Path) -> Iterator[str]:
    """A room's `api.py` goes by its use cases, never to tables, its own neither."""
    for path in sorted((root / "services").rglob("api.py")):
        for module, line in imports(path):
            if room_of(module) and module.split(".")[3:] == ["tables"]:
                yield f"{path.relative_to(root)}:{line}: routes take {module} by way of use_cases"


def check_layers(root: Path) -> Iterator[str]:
    """The rooms of a service import one another in one direction."""
    for service in SERVICES:
        graph: dict[str, set[str]] = {}
        for path in sorted((root / "services" / service).rglob("*.py")):
            parts = path.relative_to(root).parts
            if len(parts) < 4 or parts[2] in _WIRING:
                continue
            others = {
                room[1] for module, _ in imports(path) if (room := room_of(module)) and room[0] == service
            }
            graph.setdefault(parts[2], set()).update(others - {parts[2]})
        try:
            TopologicalSorter(graph).prepare()
        except CycleError as error:
            yield f"services/{service}: rooms import one another in a circle: {' -> '.join(error.args[1])}"


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
        for path in sorted((root / folder).rglob("*.py")):
            own = path.parent / "__init__.py"
            if path.parent.name == "versions" or path.parent.name == "migrations":
                continue
            if not own.exists() or ast.get_docstring(ast.parse(own.read_text(encoding="utf-8"))) is None:
                yield f"{path.parent.relative_to(root)}: __init__.py with a docstring is missing"
                break


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


def main() -> int:
    if sys.argv[1:] == ["--migrations"]:
        found = list(check_migrations())
    else:
        checks = (check_tables_private, check_routes_translate, check_layers, check_lengths, check_folders)
        found = [complaint for check in checks for complaint in check(ROOT)]
    for complaint in found:
        print(complaint)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
