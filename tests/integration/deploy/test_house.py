"""The house rules find what they are there to find."""

from __future__ import annotations

from pathlib import Path

from deploy.cli.house import (
    check_folders,
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


class TestPrivateTables:
    def test_import_is_named_when_it_reaches_into_another_room(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/intake/tables.py")
        write(
            tmp_path, "services/leads/pool/use_cases.py", "from services.leads.intake.tables import leads\n"
        )
        (found,) = check_tables_private(tmp_path)
        assert found.startswith("services/leads/pool/use_cases.py:1: services.leads.intake.tables is private")

    def test_nothing_is_said_when_the_room_itself_or_the_wiring_imports(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/intake/tables.py")
        write(tmp_path, "services/leads/intake/use_cases.py", "from services.leads.intake import tables\n")
        write(tmp_path, "services/leads/bootstrap.py", "from services.leads.intake import tables\n")
        assert list(check_tables_private(tmp_path)) == []


class TestRoutes:
    def test_import_is_named_when_routes_go_to_tables(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/intake/tables.py")
        write(tmp_path, "services/leads/intake/api.py", "from services.leads.intake.tables import leads\n")
        (found,) = check_routes_translate(tmp_path)
        assert found.startswith("services/leads/intake/api.py:1: routes take services.leads.intake.tables")

    def test_nothing_is_said_when_routes_go_by_use_cases(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/intake/api.py", "from services.leads.intake import use_cases\n")
        assert list(check_routes_translate(tmp_path)) == []


class TestLayers:
    def test_circle_is_named_when_rooms_import_one_another(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/intake/use_cases.py", "import services.leads.pool.use_cases\n")
        write(tmp_path, "services/leads/pool/use_cases.py", "import services.leads.duplicates.rules\n")
        write(tmp_path, "services/leads/duplicates/rules.py", "import services.leads.intake.rules\n")
        (found,) = check_layers(tmp_path)
        assert "intake" in found
        assert "circle" in found

    def test_nothing_is_said_when_rooms_import_downwards(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/intake/use_cases.py", "import services.leads.pool.use_cases\n")
        write(tmp_path, "services/leads/pool/use_cases.py", "import services.leads.pool.rules\n")
        assert list(check_layers(tmp_path)) == []


class TestModules:
    def test_module_is_named_when_it_is_too_long(self, tmp_path: Path) -> None:
        write(tmp_path, "shared/long.py", "x = 1\n" * 401)
        write(tmp_path, "shared/short.py", "x = 1\n" * 400)
        (found,) = check_lengths(tmp_path)
        assert found.startswith("shared/long.py: 401 lines")

    def test_folder_is_named_when_it_does_not_say_what_it_owns(self, tmp_path: Path) -> None:
        write(tmp_path, "services/leads/intake/rules.py")
        (tmp_path / "services/leads/intake/__init__.py").write_text("")
        (found,) = check_folders(tmp_path)
        assert found.startswith("services/leads/intake:")
