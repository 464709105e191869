"""`./cox status`: every process with its state, pid, port, memory and consumer lag."""

from __future__ import annotations

import argparse
import asyncio
import json
from typing import TypedDict

import psutil
from rich.console import Console
from rich.table import Table

from deploy.cli import running
from deploy.local.state import ProcessState, State

NAME = "status"
HELP = "state, pid, port, memory and consumer lag of every process"


class Row(TypedDict):
    """One process. `rss_mb` in MiB, `lag` in events not yet consumed (of the service's workers together);
    null where there is none or it cannot be asked. `problems` says what keeps one that runs from being ready.
    """

    name: str
    state: str
    pid: int | None
    port: int | None
    rss_mb: float | None
    lag: int | None
    restarts: int
    problems: list[str]


def arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="as JSON")


def run(arguments: argparse.Namespace) -> int:
    state = State.load(running.home().state)
    rows = rows_of(state) if state is not None and state.alive() else []
    if arguments.json:
        print(json.dumps({"processes": rows}))
    elif state is None or not rows:
        print("nothing runs here: start it with ./cox up")
    else:
        _print_table(state, rows)
    return 0


def rows_of(state: State) -> list[Row]:
    """What is known of every process now."""
    from deploy.cli._lag import lag_by_service

    waiting = set(running.not_ready(state))
    lags = asyncio.run(lag_by_service(state, running.settings()))
    return [_row(process, process.name in waiting, lags) for process in state.processes]


def _row(process: ProcessState, not_ready: bool, lags: dict[str, int]) -> Row:
    service, _, rest = process.name.partition("-")
    found = process.identity.process() if process.identity else None
    waits = process.state == "running" and not_ready
    return Row(
        name=process.name,
        state="starting" if waits else process.state,
        pid=found.pid if found else None,
        port=process.port,
        rss_mb=_rss_mb(found),
        lag=lags.get(service) if rest.startswith("worker") else None,
        restarts=process.restarts,
        problems=running.problems(process) if waits else [],
    )


def _rss_mb(process: psutil.Process | None) -> float | None:
    """Of the process and its children (PostgreSQL's backends share most of theirs)."""
    if process is None:
        return None
    try:
        return round(process.memory_info().rss / 2**20, 1)
    except psutil.Error:
        return None


def _print_table(state: State, rows: list[Row]) -> None:
    table = Table(
        "process", "state", "pid", "port", "MiB", "lag", "restarts", title=f"Coxswain at {state.url}"
    )
    for row in rows:
        colour = "green" if row["state"] in ("running", "external") else "yellow"
        cells = (row["pid"], row["port"], row["rss_mb"], row["lag"], row["restarts"])
        table.add_row(
            row["name"], f"[{colour}]{row['state']}[/]", *("" if c is None else str(c) for c in cells)
        )
    console = Console()
    console.print(table)
    for row in rows:
        for problem in row["problems"]:
            console.print(f"{row['name']}: {problem}", style="yellow", markup=False, highlight=False)
