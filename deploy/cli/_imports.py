"""What all import commands do: send the file, follow the import, wait for the KPIs, say what came of it."""

from __future__ import annotations

import argparse
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from rich.console import Console

from deploy.cli.client import Client, Refused, Unreachable
from deploy.cli.console import Steps
from deploy.cli.errors import CommandError

POLL_S = 0.3
PATIENCE_S = 300.0
"""How long the system may be away (restarting, say) before the command gives up; the import itself goes
on.
"""
SHOWN_PROBLEMS = 10
_BLOCK = 1024 * 1024
_AWAY = frozenset({429, 500, 502, 503, 504})

T = TypeVar("T")


def common_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", type=Path, help="CSV (UTF-8, UTF-16, GBK), or .xlsx")
    parser.add_argument("--map", type=Path, metavar="MAPPING.yaml", help="what the file's columns mean")
    parser.add_argument("--dry-run", action="store_true", help="check everything, write nothing")
    parser.add_argument("--no-wait", action="store_true", help="do not wait until it is imported")


def run_import(arguments: argparse.Namespace, kind: str, **more: str) -> int:
    """The command's exit code: 1 where the import failed as a whole. `more` are further parts of the form."""
    client = Client.of_running_copy()
    asked = patiently(lambda: upload(client, kind, arguments.file, arguments.map, arguments.dry_run, **more))
    console = Console()
    if arguments.no_wait:
        console.print(f"import {asked['id']} is under way; see GET /v1/imports/{asked['id']}")
        return 0
    with Steps() as steps:
        done = followed(client, steps, asked["id"], arguments.file.name)
        if done["state"] == "done" and kind == "history" and not arguments.dry_run:
            with steps.counted("KPIs") as progress:
                wait_for_kpis(client, done["positions"], progress)
    report(done, console, _problems(client, done))
    return 0 if done["state"] == "done" else 1


def upload(client: Client, kind: str, file: Path, mapping: Path | None, dry_run: bool, **more: str) -> Any:
    """Ask for the import. Raises CommandError for files that cannot be read."""
    fields = {"kind": kind, "dry_run": "true" if dry_run else "false", **more}
    try:
        if mapping is not None:
            fields["mapping"] = mapping.read_text(encoding="utf-8-sig")
        size = file.stat().st_size
        if not file.is_file():
            raise CommandError(f"{file} is no file")
    except OSError as error:
        raise CommandError(f"cannot read {error.filename}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CommandError(f"{mapping} is not UTF-8") from error
    boundary = secrets.token_hex(16)
    head, tail = _form(fields, file.name, boundary)
    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + size + len(tail)),
    }
    return client.send("/v1/imports", _body(head, file, size, tail), headers)


def _form(fields: dict[str, str], name: str, boundary: str) -> tuple[bytes, bytes]:
    """What stands before and behind the file's content."""
    disposition = "Content-Disposition: form-data; name="
    parts = [f'--{boundary}\r\n{disposition}"{key}"\r\n\r\n{value}\r\n' for key, value in fields.items()]
    quoted = name.replace("\\", "_").replace('"', "_")
    parts.append(f'--{boundary}\r\n{disposition}"file"; filename="{quoted}"\r\n')
    parts.append("Content-Type: application/octet-stream\r\n\r\n")
    return "".join(parts).encode(), f"\r\n--{boundary}--\r\n".encode()


def _body(head: bytes, file: Path, size: int, tail: bytes) -> Iterator[bytes]:
    yield head
    with file.open("rb") as content:
        left = size
        while left and (block := content.read(min(_BLOCK, left))):
            left -= len(block)
            yield block
    yield tail


def patiently(ask: Callable[[], T]) -> T:
    """Ask again while the system is away. Raises what it last said after PATIENCE_S, and every refusal at
    once.
    """
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            return ask()
        except (Refused, Unreachable) as error:
            refused = isinstance(error, Refused) and error.status not in _AWAY
            if refused or time.monotonic() > until:
                raise
        time.sleep(POLL_S)


def followed(client: Client, steps: Steps, import_id: str, name: str) -> Any:
    with steps.counted(name) as progress:
        while True:
            now = patiently(lambda: client.get(f"/v1/imports/{import_id}"))
            if now["rows_total"] is not None:
                progress(now["rows_done"], now["rows_total"])
            if now["state"] in ("done", "failed"):
                return now
            time.sleep(POLL_S)


def wait_for_kpis(client: Client, positions: list[str], progress: Callable[[int, int], None]) -> None:
    """Until scoring has applied all of it; a gateway that restarts meanwhile is waited for."""
    query = {
        "metric": "leads_created",
        "by": "tenant",
        "grain": "year",
        "from": "2000-01-01",
        "to": "2000-01-01",
    }
    for number, token in enumerate(positions, start=1):
        headers = {"Cox-Wait-For": token, "Cox-Wait-Ms": "20000"}
        patiently(lambda headers=headers: client.get("/v1/kpis", query, headers))  # type: ignore[misc]
        progress(number, len(positions))


def _problems(client: Client, done: Any) -> list[Any]:
    if not done["rows_failed"] and not done["counts"].get("activities_failed"):
        return []
    path = f"/v1/imports/{done['id']}/errors"
    found: list[Any] = patiently(lambda: client.get(path, {"limit": SHOWN_PROBLEMS}))["items"]
    return found


def report(done: Any, console: Console, problems: list[Any]) -> None:
    """What came of it, for people."""
    say = _plainly(console)
    if done["failure"] is not None:
        say(f"{done['file_name']} was not imported: {done['failure']['detail']} ({done['failure']['code']})")
        return
    checked = "checked, nothing was written" if done["dry_run"] else "imported"
    say(f"{done['file_name']}: {done['rows_done']:,} rows ({done['encoding']}) {checked}")
    for name, count in done["counts"].items():
        say(f"  {name.replace('_', ' ')}: {count:,}")
    for note in done["notes"]:
        say(f"  {note['count']:,} x {note['code']}: {note['detail']} (first in row {note['first_row']})")
    for each in done["unmapped"]:
        say(f"  not mapped: {each['activity']}, {each['rows']:,} rows")
    unused = [
        column["heading"] for column in done["columns"] if column["field"] is None and column["heading"]
    ]
    if unused:
        say(f"  columns that nothing was done with: {', '.join(unused)}")
    if problems:
        say(f"  rows not imported: {done['rows_failed']:,}, such as")
        for problem in problems:
            where = f"{problem['field']}: " if problem["field"] else ""
            say(f"    row {problem['row']}: {where}{problem['detail']} ({problem['code']})")
        say(f"  as a file to correct and import again: GET /v1/imports/{done['id']}/errors/file")
    if not done["dry_run"] and not changes(done["counts"]):
        say("Nothing changed: all of it was here before.")


def changes(counts: dict[str, int]) -> int:
    """How many things an import made or changed."""
    made = ("_created", "_changed", "_extended", "_updated")
    return sum(count for name, count in counts.items() if name.endswith(made))


def _plainly(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(text, markup=False, highlight=False, soft_wrap=True)
