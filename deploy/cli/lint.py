"""`./cox lint`: style, types, import contracts, dead code, and migrations against models."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from deploy.local.home import ROOT

NAME = "lint"
HELP = "ruff, types, import contracts, house rules, dead code, migrations match models"

_PYTHON = [sys.executable, "-m"]
CHECKS = {
    "ruff": [*_PYTHON, "ruff", "check", "."],
    "format": [*_PYTHON, "ruff", "format", "--check", "."],
    "types": [*_PYTHON, "mypy"],
    "imports": [sys.executable, "-c", "from importlinter.cli import lint_imports_command as l; l()"],
    "house": [*_PYTHON, "deploy.cli.house"],
    "dead-code": [*_PYTHON, "deploy.cli._dead_code"],
    "migrations": [*_PYTHON, "deploy.cli.house", "--migrations"],
}


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("only", nargs="*", metavar="CHECK", help=f"of: {', '.join(CHECKS)}")


def run(arguments: argparse.Namespace) -> int:
    unknown = [name for name in arguments.only if name not in CHECKS]
    if unknown:
        print(f"cox: no check named {', '.join(unknown)}; there are: {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    failed = [name for name in arguments.only or CHECKS if not _passes(name)]
    print(f"lint: {'failed: ' + ', '.join(failed) if failed else 'all checks passed'}")
    return 1 if failed else 0


def _passes(name: str) -> bool:
    print(f"--- {name}", flush=True)
    began = time.monotonic()
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    passed = subprocess.run(CHECKS[name], cwd=ROOT, env=environment, check=False).returncode == 0
    print(f"    {'ok' if passed else 'FAILED'} in {time.monotonic() - began:.1f} s", flush=True)
    return passed
