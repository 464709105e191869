"""`./cox rebuild scoring`: every KPI again from the event log, compared with the live ones, then swapped
in.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import time

from deploy.cli import running
from deploy.cli.console import Steps
from deploy.cli.errors import CommandError
from services.scoring.kpis.rebuilding import RebuildError, Rebuilt
from shared.memory import settle
from shared.settings import Settings

NAME = "rebuild scoring"
HELP = "every KPI again from the event log, beside the live tables, compared and swapped in"


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="the result as one JSON object")


def run(arguments: argparse.Namespace) -> int:
    settings = running.service_settings()
    began = time.monotonic()
    try:
        rebuilt = asyncio.run(_rebuild(settings))
    except RebuildError as error:
        raise CommandError(str(error)) from None
    seconds = round(time.monotonic() - began, 1)
    if arguments.json:
        print(json.dumps(summary(rebuilt, seconds)))
    else:
        print("\n".join(told(rebuilt, seconds)))
    return 0 if rebuilt.comparison is None or rebuilt.comparison.equal else 1


async def _rebuild(settings: Settings) -> Rebuilt:
    from services.scoring.bootstrap import run_rebuild

    settle()
    with Steps() as steps, steps.counted("rebuilding the numbers of scoring") as progress:
        return await run_rebuild(settings, progress)


def summary(rebuilt: Rebuilt, seconds: float) -> dict[str, object]:
    """What came of it, for programs. `differences` is null where there was nothing to compare."""
    found = rebuilt.comparison
    differences = (
        None if found is None else {"facts": found.facts, "cells": found.cells, "states": found.states}
    )
    return {
        "generation": rebuilt.generation,
        "events": rebuilt.events,
        "facts": rebuilt.facts,
        "seconds": seconds,
        "differences": differences,
    }


def told(rebuilt: Rebuilt, seconds: float) -> list[str]:
    """What came of it, for people."""
    lines = [
        f"{rebuilt.events:,} events read, {rebuilt.facts:,} facts: generation {rebuilt.generation} is live"
        f" ({seconds} s)"
    ]
    found = rebuilt.comparison
    if found is None:
        return [*lines, "the live tables were empty, or had been emptied: there was nothing to compare"]
    if found.equal:
        return [*lines, "no differences: every number is as incremental processing had it"]
    lines.append(f"DIFFERENCES: {found.facts:,} facts, {found.cells:,} cells, {found.states:,} states")
    return lines + [f"  {sample}" for sample in found.samples]
