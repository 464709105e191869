"""The registry of commands, and what every command shares: arguments, settings, errors, exit codes.

A command is a module of this package with:

    NAME: str                                        "up", or two words: "events dead"
    HELP: str                                        one line
    def arguments(parser: argparse.ArgumentParser) -> None
    def run(arguments: argparse.Namespace) -> int    the exit code; CommandError is for what the user can mend
"""

from __future__ import annotations

import argparse
import importlib
import pkgutil
import sys
from collections.abc import Iterator, Sequence
from typing import Protocol, cast

import deploy.cli
from deploy.cli.errors import CommandError
from deploy.local.home import LocalError
from shared.settings import SettingsError

# What is no command in this package.
_OTHERS = frozenset({"__main__", "commands", "errors", "house", "running", "client", "console"})
_GROUPS = {
    "import": "bring in people and the past from another system",
    "events": "watch, republish and repair the event stream",
    "rebuild": "compute a service's projections again from the event log",
    "tenant": "tenants of this installation",
    "admin": "a way back in for the admin",
}


class Command(Protocol):
    """The shape of a command's module."""

    NAME: str
    HELP: str

    def arguments(self, parser: argparse.ArgumentParser) -> None: ...

    def run(self, arguments: argparse.Namespace) -> int: ...


def commands(first: str | None = None) -> Iterator[Command]:
    """Every command module, in the order of their names; those only whose name begins with the word `first`.

    A command's module begins with its first word, so that nothing else is imported to run it.
    """
    for found in pkgutil.iter_modules(deploy.cli.__path__):
        if found.name in _OTHERS or found.name.startswith("_"):
            continue
        if first is None or found.name.split("_")[0] == first:
            module = importlib.import_module(f"deploy.cli.{found.name}")
            if hasattr(module, "NAME"):
                yield cast(Command, module)


def build_parser(first: str | None = None) -> argparse.ArgumentParser:
    """All commands, or those that begin with the word `first` if there are any.

    A NAME of several words becomes nested subcommands.
    """
    chosen = list(commands(first)) or list(commands())
    parser = argparse.ArgumentParser(
        prog="./cox", description="Coxswain: leads in, KPIs out.", allow_abbrev=False
    )
    levels: dict[tuple[str, ...], argparse._SubParsersAction[argparse.ArgumentParser]] = {
        (): parser.add_subparsers(metavar="COMMAND", required=True)
    }
    for command in sorted(chosen, key=lambda each: each.NAME):
        words = tuple(command.NAME.split())
        for depth in range(1, len(words)):
            if words[:depth] not in levels:
                text = _GROUPS.get(words[0]) if depth == 1 else None
                group = levels[words[: depth - 1]].add_parser(
                    words[depth - 1], help=text, description=text, allow_abbrev=False
                )
                levels[words[:depth]] = group.add_subparsers(metavar="COMMAND", required=True)
        own = levels[words[:-1]].add_parser(
            words[-1], help=command.HELP, description=command.HELP, allow_abbrev=False
        )
        command.arguments(own)
        own.set_defaults(run=command.run)
    return parser


def main(words: Sequence[str]) -> int:
    """Run one command line. What the user can mend is one clear line on stderr and exit code 1 (usage: 2)."""
    parser = build_parser(words[0] if words else None)
    arguments = parser.parse_args(words or ["--help"])
    try:
        return int(arguments.run(arguments))
    except (CommandError, LocalError, SettingsError) as error:
        print(f"cox: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # The reader (head, less) has had enough; nothing more may be written on the way out.
        sys.stdout = None
        return 0
