"""The house rules find what they are there to find."""

from __future__ import annotations

from pathlib import Path

import pytest

from deploy.cli.house import (
    check_folders,
    check_groups,
    check_layers,
    check_lengths,
    check_routes_translate,
    check_tables_private,
)


def write(root: Path, path: str, text: str = "") -> None:
    """A file of a small tree of our shape, its packages documented."""
    target = root / path
    target.parent.mkdir(parents=True, exist_ok=True)
    for folder in target.relative_to(root).parents:
        if folder.name:
            (root / folder / "__init__.py").write_text('"""What it owns."""\n')
    target.write_text(text)


@pytest.fixture(params=["", "capture/"], ids=["beside one another", "in a group"])
def rooms(request: pytest.FixtureRequest) -> str:
    """Where the rooms of leads lie."""
    return f"services/leads/{request.param}"


def module(path: str) -> str:
    """A path as it is imported."""
    return path.replace("/", ".")


class TestPrivateTables:
    def test_import_is_named_when_it_reaches_into_another_room(self, tmp_path: Path, rooms: str) -> None:
        write(tmp_path, f"{rooms}intake/tables.py")
        tables = module(f"{rooms}intake/tables")
        write(tmp_path, f"{rooms}refitting/use_cases.py", f"from {tables} import leads\n")
        (found,) = check_tables_private(tmp_path)
        assert found.startswith(f"{rooms}refitting/use_cases.py:1: {tables} is private")

    def test_import_is_named_when_it_reaches_into_another_group(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/capture/intake/tables.py")
        write(
            tmp_path,
            "services/leads/pools/pool/use_cases.py",
            "from services.leads.capture.intake import tables\n",
        )
        (found,) = check_tables_private(tmp_path)
        assert found.endswith("services.leads.capture.intake.tables is private to the room capture.intake")

    def test_nothing_is_said_when_the_room_itself_or_the_wiring_imports(
        self, tmp_path: Path, rooms: str
    ) -> None:
        write(tmp_path, f"{rooms}intake/tables.py")
        asking = f"from {module(f'{rooms}intake')} import tables\n"
        write(tmp_path, f"{rooms}intake/use_cases.py", asking)
        write(tmp_path, "services/leads/bootstrap.py", asking)
        assert list(check_tables_private(tmp_path)) == []


class TestRoutes:
    def test_import_is_named_when_routes_go_to_tables(self, tmp_path: Path, rooms: str) -> None:
        write(tmp_path, f"{rooms}intake/tables.py")
        tables = module(f"{rooms}intake/tables")
        write(tmp_path, f"{rooms}intake/api.py", f"from {tables} import leads\n")
        (found,) = check_routes_translate(tmp_path)
        assert found.startswith(f"{rooms}intake/api.py:1: routes take {tables}")

    def test_nothing_is_said_when_routes_go_by_use_cases(self, tmp_path: Path, rooms: str) -> None:
        write(tmp_path, f"{rooms}intake/api.py", f"from {module(f'{rooms}intake')} import use_cases\n")
        assert list(check_routes_translate(tmp_path)) == []


class TestLayers:
    def test_circle_is_named_when_rooms_import_one_another(self, tmp_path: Path, rooms: str) -> None:
        for own, other in (("intake", "refitting"), ("refitting", "campaigns"), ("campaigns", "intake")):
            write(tmp_path, f"{rooms}{own}/rules.py", f"import {module(f'{rooms}{other}')}.rules\n")
        (found,) = check_layers(tmp_path)
        assert "intake" in found
        assert "circle" in found

    def test_circle_is_named_when_it_goes_through_two_groups(self, tmp_path: Path) -> None:
        intake, pool = "services/leads/capture/intake/rules", "services/leads/pools/pool/rules"
        write(tmp_path, f"{intake}.py", f"import {module(pool)}\n")
        write(tmp_path, f"{pool}.py", f"import {module(intake)}\n")
        (found,) = check_layers(tmp_path)
        assert "capture.intake" in found

    def test_nothing_is_said_when_rooms_import_downwards(self, tmp_path: Path, rooms: str) -> None:
        write(tmp_path, f"{rooms}intake/rules.py", f"import {module(f'{rooms}refitting')}.rules\n")
        write(tmp_path, f"{rooms}refitting/rules.py", f"import {module(f'{rooms}refitting')}.models\n")
        assert list(check_layers(tmp_path)) == []

    def test_nothing_is_said_when_only_groups_import_one_another(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/capture/intake/rules.py", "import services.leads.pools.pool.rules\n")
        write(tmp_path, "services/leads/pools/pool/rules.py")
        write(
            tmp_path, "services/leads/pools/curation/rules.py", "import services.leads.capture.intake.rules\n"
        )
        assert list(check_layers(tmp_path)) == []


class TestGroups:
    def test_nothing_is_said_when_all_rooms_lie_alike(self, tmp_path: Path) -> None:
        write(tmp_path, "services/gateway/org/rules.py")
        write(tmp_path, "services/gateway/imports/rules.py")
        write(tmp_path, "services/gateway/imports/files/rules.py")
        write(tmp_path, "services/leads/capture/intake/rules.py")
        write(tmp_path, "services/leads/pools/pool/rules.py")
        write(tmp_path, "services/leads/migrations/env.py")
        write(tmp_path, "services/leads/bootstrap.py")
        assert list(check_groups(tmp_path)) == []

    def test_room_is_named_when_it_lies_beside_groups(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/capture/intake/rules.py")
        write(tmp_path, "services/leads/pool/rules.py")
        (found,) = check_groups(tmp_path)
        assert found.startswith("services/leads/pool: a room beside groups")

    def test_module_makes_a_room_of_a_group_when_it_lies_in_one(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/capture/intake/rules.py")
        write(tmp_path, "services/leads/pools/pool/rules.py")
        write(tmp_path, "services/leads/pools/helpers.py")
        (found,) = check_groups(tmp_path)
        assert found.startswith("services/leads/pools: a room beside groups")

    def test_group_is_named_when_it_lies_in_another(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/capture/files/rows/rules.py")
        (found,) = check_groups(tmp_path)
        assert found.startswith("services/leads/capture/files: a group in a group")


class TestModules:
    def test_module_is_named_when_it_is_too_long(self, tmp_path: Path) -> None:
        write(tmp_path, "shared/long.py", "x = 1\n" * 401)
        write(tmp_path, "shared/short.py", "x = 1\n" * 400)
        (found,) = check_lengths(tmp_path)
        assert found.startswith("shared/long.py: 401 lines")

    def test_folder_is_named_when_it_does_not_say_what_it_owns(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/capture/intake/rules.py")
        (tmp_path / "services/leads/capture/intake/__init__.py").write_text("")
        (found,) = check_folders(tmp_path)
        assert found.startswith("services/leads/capture/intake:")

    def test_group_is_named_when_it_does_not_say_what_is_found_there(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/capture/intake/rules.py")
        (tmp_path / "services/leads/capture/__init__.py").unlink()
        (found,) = check_folders(tmp_path)
        assert found.startswith("services/leads/capture:")
