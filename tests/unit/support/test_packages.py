"""What a folder's tests share ends with the last of them."""

from __future__ import annotations

from pathlib import Path

TESTS = Path(__file__).resolve().parents[2]


def test_a_folder_is_a_package_when_its_fixtures_are_a_packages() -> None:
    sharing = [file.parent for file in TESTS.rglob("conftest.py") if 'scope="package"' in file.read_text()]
    assert sharing
    assert [folder for folder in sharing if not (folder / "__init__.py").exists()] == []
