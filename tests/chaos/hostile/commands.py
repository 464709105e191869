"""The command line given files and words that nobody means: it ends with a sentence, never with a stack."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path

from tests.chaos.hostile.files import HEADER
from tests.chaos.hostile.values import bomb
from tests.chaos.stack import Stack

_LIMIT_S = 240.0


@dataclass(frozen=True, slots=True)
class Call:
    """A command that must be refused."""

    name: str
    words: tuple[str, ...]


def calls(folder: Path, *, full: bool) -> list[Call]:
    """Commands with their files, which are made in a folder; the short form has one."""
    files = {
        "deep.yaml": b"[" * 20_000,
        "bytes.csv": bytes(range(256)) * 40,
        "nothing.csv": b"",
        "good.csv": HEADER,
        "not-utf8.yaml": b"shape: \xff\xfe",
        "bomb.csv.gz": bomb(600) if full else b"\x1f\x8b",
        "cut.csv.gz": bomb(1)[:-9],
    }
    for name, content in files.items():
        (folder / name).write_bytes(content)
    at = {name: str(folder / name) for name in files}
    found = [
        Call("an archive that unpacks to too much, or is none", ("import", "org", at["bomb.csv.gz"])),
        Call("a mapping that is too deep", ("import", "org", at["good.csv"], "--map", at["deep.yaml"])),
        Call("random bytes", ("import", "org", at["bytes.csv"])),
        Call("nothing", ("import", "org", at["nothing.csv"])),
        Call("a cut off archive", ("import", "org", at["cut.csv.gz"])),
        Call("no file", ("import", "org", str(folder / "none.csv"))),
        Call("a folder", ("import", "org", str(folder))),
        Call("a history without a mapping", ("import", "history", at["good.csv"])),
        Call("not UTF-8", ("import", "history", at["good.csv"], "--map", at["not-utf8.yaml"])),
        Call("no such metric", ("kpis", "../../etc/passwd", "--by", "rep")),
        Call("no such day", ("kpis", "leads_created", "--by", "rep", "--from", "9" * 23)),
        Call("an override of direction", ("kpis", "a\u202eb")),
        Call("no dead letter", ("events", "dead", "show", "\u202e' or 1=1 --")),
        Call("a tenant without a name", ("tenant", "add", "\u202e", "--timezone", "x", "--currency", "y")),
        Call("less than nobody", ("demo", "--reps", "-1")),
    ]
    return found if full else found[1:2]


async def refused(stack: Stack, call: Call) -> str | None:
    """None where the command was refused in a sentence, else what it did."""
    process = await asyncio.create_subprocess_exec(
        *stack.copy.command(*call.words),
        env=stack.copy.environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(_LIMIT_S):
            out, err = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return f"{call.name}: {' '.join(call.words)} did not end"
    said = (out + err).decode("utf-8", "replace")
    if "Traceback" in said or process.returncode == 0 or not said.strip():
        return f"{call.name}: {' '.join(call.words)} ended with {process.returncode} and said {said[-800:]!r}"
    return None
