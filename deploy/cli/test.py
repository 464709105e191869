"""`./cox test`: set up and run the tests."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time

from deploy.cli.console import Steps
from deploy.local.home import ROOT
from deploy.local.kafka_jars import jars

NAME = "test"
HELP = "run all tests, or those of a path or of pytest's options"

_NO_TESTS = 5
_ALL = ("-n", "2", "--dist", "loadgroup", "--durations", "15")


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("rest", nargs=argparse.REMAINDER, metavar="PATH or pytest options")


def run(arguments: argparse.Namespace) -> int:
    began = time.monotonic()
    with Steps() as steps, steps.counted("Kafka's jars") as counted:
        jars(counted)
    words = arguments.rest or _ALL
    # What is set for a running copy must not reach the tests.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COX_")}
    code = subprocess.run(
        [sys.executable, "-m", "pytest", *words], cwd=ROOT, env=environment, check=False
    ).returncode
    if code == _NO_TESTS:
        print("cox: pytest found no test there", file=sys.stderr)
    minutes, seconds = divmod(round(time.monotonic() - began), 60)
    print(f"cox: {minutes} min {seconds} s in all", file=sys.stderr)
    return code
