"""`./cox chaos`: break a copy of the product in every way that is promised to be harmless, and check."""

from __future__ import annotations

import argparse
import subprocess
import sys

from deploy.cli._apart import environment
from deploy.local.home import ROOT

NAME = "chaos"
HELP = (
    "prove the promises of docs/reliability.md by faults, on copies of the product that it makes for itself:"
    " what runs here and its data are not touched"
)


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("promises", nargs="*", metavar="PROMISE", help="R1, R2, … (default: all of them)")
    parser.add_argument("--minutes", type=float, help="how long the load goes on (default: as promised)")
    parser.add_argument("--seed", type=int, help="chance of users and faults (default 7)")
    parser.add_argument("--short", action="store_true", help="the short form, as in ./cox test")
    parser.add_argument("--list", action="store_true", help="say what is promised, and do nothing")


def run(arguments: argparse.Namespace) -> int:
    words = list(arguments.promises)
    words += [] if arguments.minutes is None else ["--minutes", str(arguments.minutes)]
    words += [] if arguments.seed is None else ["--seed", str(arguments.seed)]
    words += ["--short"] * arguments.short + ["--list"] * arguments.list
    command = [sys.executable, "-m", "tests.chaos", *words]
    return subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode
