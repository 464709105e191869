"""`./cox logs`: what the processes have written."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from deploy.cli import running
from deploy.cli.errors import CommandError

NAME = "logs"
HELP = "show logs of one process (scoring-worker-1), a service (scoring) or all"

_LINES = 200
_PAUSE_S = 0.3


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("service", nargs="?", metavar="SERVICE")
    parser.add_argument("-f", "--follow", action="store_true", help="go on showing what is added")
    parser.add_argument(
        "-n", "--lines", type=int, default=_LINES, help="last lines of each log (default 200)"
    )


def run(arguments: argparse.Namespace) -> int:
    folder = running.home().logs
    chosen = choose(sorted(folder.glob("*.log")), arguments.service)
    if not chosen:
        known = ", ".join(sorted(path.stem for path in folder.glob("*.log"))) or "none yet"
        raise CommandError(f"no log of {arguments.service or 'anything'}; there are: {known}")
    positions = {path: _show_end(path, arguments.lines, named=len(chosen) > 1) for path in chosen}
    while arguments.follow:
        time.sleep(_PAUSE_S)
        positions = {path: _show_new(path, position, len(chosen) > 1) for path, position in positions.items()}
    return 0


def choose(logs: list[Path], service: str | None) -> list[Path]:
    """All logs, one by its full name, or all of one service."""
    return [
        path
        for path in logs
        if service is None or path.stem == service or path.stem.startswith(f"{service}-")
    ]


def _show_end(path: Path, lines: int, *, named: bool) -> int:
    content = path.read_bytes()
    _write(path, content.splitlines(keepends=True)[-lines:] if lines > 0 else [], named)
    return len(content)


def _show_new(path: Path, position: int, named: bool) -> int:
    size = path.stat().st_size
    with path.open("rb") as file:
        # A shorter file is a new one: the old was put aside.
        file.seek(position if size >= position else 0)
        lines = file.readlines()
        _write(path, lines, named)
        return file.tell()


def _write(path: Path, lines: list[bytes], named: bool) -> None:
    mark = f"{path.stem:<22} | " if named else ""
    for line in lines:
        sys.stdout.write(mark + line.decode(errors="replace").rstrip("\n") + "\n")
    sys.stdout.flush()
