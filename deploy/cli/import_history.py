"""`./cox import history FILE`: the past from another CRM, with its dates."""

from __future__ import annotations

import argparse

from deploy.cli._imports import common_arguments, run_import

NAME = "import history"
HELP = "the past from another CRM: a row per deal, or an event log"


def arguments(parser: argparse.ArgumentParser) -> None:
    common_arguments(parser)


def run(arguments: argparse.Namespace) -> int:
    return run_import(arguments, "history")
