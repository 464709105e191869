"""README and docs: every command they show exists, every link leads somewhere."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from deploy.cli.commands import build_parser
from deploy.cli.openapi import document
from shared.settings import Settings

ROOT = Path(__file__).resolve().parents[3]
PAGES = [
    ROOT / "README.md",
    ROOT / "README.zh.md",
    ROOT / "CONTRIBUTING.md",
    *sorted((ROOT / "docs").glob("*.md")),
    ROOT / "docs/examples/README.md",
]
LINKS = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
INLINE = re.compile(r"`\./cox ([^`]*)`")
PARSER = build_parser()


def commands(page: Path) -> list[str]:
    """Every `./cox …` of a page, in code blocks and in lines, without comments."""
    text = page.read_text(encoding="utf-8")
    blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.partition("#")[0].partition(" | ")[0] for block in blocks for line in block.splitlines()]
    shown = [line.strip().removeprefix("./cox ") for line in lines if line.strip().startswith("./cox ")]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    named = shown + [found.partition(" | ")[0] for found in INLINE.findall(prose)]
    # `import org|history`: the first of them stands for both.
    return [re.sub(r"(?<=\w)\|\w+", "", command) for command in named]


COMMANDS = [
    pytest.param(command, id=f"{page.name}: {command}") for page in PAGES for command in commands(page)
]


class TestCommands:
    @pytest.mark.parametrize("command", COMMANDS)
    def test_it_is_one_that_there_is(self, command: str, capsys: pytest.CaptureFixture[str]) -> None:
        try:
            PARSER.parse_args(shlex.split(command))
        except SystemExit:
            pytest.fail(capsys.readouterr().err)

    @pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
    def test_the_first_screen_shows_what_it_is_the_two_commands_and_the_way_of_the_data(
        self, page: str
    ) -> None:
        screen = (ROOT / page).read_text(encoding="utf-8").splitlines()[:40]
        text = "\n".join(screen)
        assert screen[0] == "# Coxswain"
        assert "./cox up" in text
        assert "./cox test" in text
        assert all(name in text for name in ("gateway", "leads", "activities", "scoring", "Kafka"))

    def test_both_readmes_show_the_same_commands(self) -> None:
        english, chinese = (set(commands(ROOT / name)) for name in ("README.md", "README.zh.md"))
        assert english == chinese


ROUTE = re.compile(
    r"\b((?:GET|POST|PATCH|PUT|DELETE)(?:/(?:GET|POST|PATCH|PUT|DELETE))*) ((?:/v1|…)/[\w/{}-]+)"
)


def routes(page: Path) -> set[tuple[str, str]]:
    """Every (method, path) that a page names; parameters without their names, `…` is one lead's path."""
    found = ROUTE.findall(page.read_text(encoding="utf-8"))
    return {(method, bare(path)) for methods, path in found for method in methods.split("/")}


def bare(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path.replace("…", "/v1/leads/{id}")).rstrip("/")


class TestRoutes:
    @pytest.mark.parametrize(
        "page",
        [
            "frontend.md",
            "partners.md",
            "working-time.md",
            "pools.md",
            "first-response.md",
            "assignment.md",
            "automation.md",
            "classification.md",
        ],
    )
    def test_they_are_in_the_api_document(self, page: str) -> None:
        described = {
            (method.upper(), bare(path))
            for path, operations in document(Settings()).get("paths", {}).items()
            for method in operations
        }
        named = routes(ROOT / "docs" / page)
        assert len(named) > 4
        assert named - described == set()


class TestLinks:
    @pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.name))
    def test_what_is_linked_is_there(self, page: Path) -> None:
        linked = [link for link in LINKS.findall(page.read_text(encoding="utf-8")) if "://" not in link]
        assert [link for link in linked if not (page.parent / link).exists()] == []


class TestDecisions:
    @pytest.mark.parametrize(
        "page", sorted((ROOT / "docs/decisions").glob("*.md")), ids=lambda page: str(page.name)
    )
    def test_says_the_rule_the_reason_and_where_it_is_enforced(self, page: Path) -> None:
        text = page.read_text(encoding="utf-8")
        assert re.match(r"# \d{4} ", text)
        assert [part for part in ("**Rule.**", "**Reason.**", "**Enforced in.**") if part not in text] == []
        named = re.findall(r"`((?:shared|services|deploy|tests)/[\w/.]+)`", text)
        assert [path for path in named if not (ROOT / path).exists()] == []
