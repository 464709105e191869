"""`./cox import leads FILE`: live leads, made or changed."""

from __future__ import annotations

import argparse

from deploy.cli._imports import common_arguments, run_import

NAME = "import leads"
HELP = "leads from a CSV file or a spreadsheet: made, or changed by a key"


def arguments(parser: argparse.ArgumentParser) -> None:
    common_arguments(parser)
    parser.add_argument(
        "--mode", choices=("create", "update", "upsert"), help="make leads, change them, or both"
    )
    parser.add_argument(
        "--key", choices=("phone", "email", "credit_code", "external_id"), help="what finds leads to change"
    )


def run(arguments: argparse.Namespace) -> int:
    said = {"mode": arguments.mode, "key": arguments.key}
    return run_import(arguments, "leads", **{name: value for name, value in said.items() if value})
