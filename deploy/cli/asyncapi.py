"""`./cox asyncapi`: the contract of the events, as an AsyncAPI 3 document."""

from __future__ import annotations

import argparse
import sys
import tomllib
from pathlib import Path

import orjson

from deploy.cli.errors import CommandError
from deploy.local.home import ROOT
from shared.contracts.asyncapi import document

NAME = "asyncapi"
HELP = "the contract of the events on Kafka, as an AsyncAPI 3 document"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it there instead of to stdout")


def run(arguments: argparse.Namespace) -> int:
    text = orjson.dumps(document(version()), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)
    if arguments.out is None:
        sys.stdout.write(text.decode())
        return 0
    try:
        arguments.out.write_bytes(text)
    except OSError as error:
        raise CommandError(f"cannot write {arguments.out}: {error.strerror}") from error
    return 0


def version() -> str:
    """The product's version, from its project file."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    found: str = project["project"]["version"]
    return found
