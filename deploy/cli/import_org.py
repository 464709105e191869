"""`./cox import org FILE`: regions, teams, managers and reps."""

from __future__ import annotations

import argparse

from deploy.cli._imports import common_arguments, run_import

NAME = "import org"
HELP = "regions, teams, managers and reps from a CSV file"


def arguments(parser: argparse.ArgumentParser) -> None:
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    return run_import(arguments, "org")
