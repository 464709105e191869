"""`./cox bench`: how fast it is on this machine, each figure beside the limit it is held against."""

from __future__ import annotations

import argparse
import subprocess
import sys

from deploy.cli._apart import environment
from deploy.local.home import ROOT

NAME = "bench"
HELP = (
    "measure what docs/performance.md tells, on copies of the product that it makes for itself: what runs"
    " here and its data are not touched"
)
ROUNDS = 3
SCALE = "4,6"
_LARGEST = 7


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("names", nargs="*", metavar="NAME", help="F1, F2, … (default: all of them)")
    parser.add_argument(
        "--rounds", type=_rounds, default=ROUNDS, help=f"of ours and of the limit (default {ROUNDS})"
    )
    parser.add_argument(
        "--scale", default=SCALE, type=_scale, metavar="N,…", help=f"powers of ten of leads (default {SCALE})"
    )
    parser.add_argument("--short", action="store_true", help="the short form, as in ./cox test")
    parser.add_argument("--list", action="store_true", help="say what is measured, and do nothing")


def powers(scale: str) -> list[int]:
    """`4,6` as numbers, ascending."""
    return sorted({int(one) for one in scale.split(",")})


def run(arguments: argparse.Namespace) -> int:
    words = [*arguments.names, "--rounds", str(arguments.rounds), "--scale", arguments.scale]
    words += ["--short"] * arguments.short + ["--list"] * arguments.list
    command = [sys.executable, "-m", "tests.bench", *words]
    return subprocess.run(command, cwd=ROOT, env=environment(), check=False).returncode


def _rounds(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 99:
        raise argparse.ArgumentTypeError("a number from 1 to 99")
    return int(text)


def _scale(text: str) -> str:
    if not all(one.isdecimal() and 2 <= int(one) <= _LARGEST for one in text.split(",")):
        raise argparse.ArgumentTypeError(f"powers of ten from 2 to {_LARGEST}, such as {SCALE}")
    return text
