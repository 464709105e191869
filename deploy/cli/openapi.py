"""`./cox openapi`: the whole product's API as one OpenAPI 3.1 document, made from the code alone."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from deploy.cli import running
from deploy.cli.errors import CommandError
from deploy.local.topology import SERVICES
from shared.settings import Settings

NAME = "openapi"
HELP = "print the API's OpenAPI document"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, metavar="FILE", help="write it there instead")


def run(arguments: argparse.Namespace) -> int:
    text = json.dumps(document(running.settings()), indent=2, ensure_ascii=False, sort_keys=True) + "\n"
    if arguments.out is None:
        sys.stdout.write(text)
        return 0
    try:
        arguments.out.write_text(text, encoding="utf-8")
    except OSError as error:
        raise CommandError(f"{arguments.out} cannot be written: {error.strerror}") from error
    return 0


def document(settings: Settings) -> dict[str, Any]:
    """The merged document, as the gateway serves it."""
    from services.gateway.docs.merge import merge

    with tempfile.TemporaryDirectory() as folder:
        # A folder of its own: describing the API must not make keys in COX_HOME.
        apart = settings.model_copy(update={"home": Path(folder), "signing_key_file": None})
        apps = {
            name: importlib.import_module(f"services.{name}.bootstrap").build_app(apart) for name in SERVICES
        }
        return merge({name: app.openapi() for name, app in apps.items()})
